import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

/**
 * The import table of docs/architecture.md. Per folder: which of our folders it may import, and
 * which packages it may not. Anything that climbs out of the folder and is not listed is refused.
 */
const importTable = {
  workflows: {
    ours: [],
    // Only Temporal's own two packages: everything else would end up in the workflow bundle.
    packages: '^(?!\\.)(?!@temporalio/(workflow|common)$)',
  },
  configuration: { ours: ['workflows/(contract|duration)'], packages: '^[^.n]' },
  // Encryption of payloads is the same in every process that speaks to Temporal: all of them import
  // it, and it knows of payloads alone.
  codec: {
    ours: ['configuration/.+', 'encryption-(codec|keys)'],
    packages: '^@temporalio/(?!common$|proto$|envconfig$)',
  },
  provider: { ours: ['workflows/contract', 'configuration/.+'], packages: '^@temporalio/' },
  activities: {
    ours: [
      'workflows/(contract|document-start|listed-documents|progress|set-aside|signing-turns|status-digest)',
      'provider/.+',
      'codec/data-converter',
    ],
    packages: '^@temporalio/(worker|workflow)$',
  },
  webhook: {
    ours: [
      'workflows/(contract|document-start|progress)',
      'configuration/.+',
      'codec/(data-converter|encryption-keys)',
      'provider/resource-uri',
    ],
    packages: '^@temporalio/(?!client$|common$|envconfig$)',
  },
  client: {
    ours: [
      'workflows/(chasing-terms|contract|document-start|progress)',
      'configuration/.+',
      'provider/.+',
      'codec/(data-converter|encryption-keys)',
    ],
    packages: '^@temporalio/(?!client$|common$|envconfig$)',
  },
  worker: {
    ours: [
      'workflows/contract',
      'configuration/.+',
      'activities/index',
      'provider/.+',
      'codec/(data-converter|encryption-keys)',
    ],
    packages: '^@temporalio/workflow$',
  },
  sandbox: {
    ours: ['workflows/(contract|statuses)', 'configuration/.+'],
    packages: '^@temporalio/',
  },
  cli: {
    ours: [
      // Its own, seen from a folder within.
      '[\\w-]+',
      '(commands|doctor)/.+',
      'workflows/contract',
      'configuration/.+',
      'provider/.+',
      'client/index',
      'sandbox/(index|configuration)',
      'codec/(data-converter|encryption-keys)',
      'webhook/(app|main|configuration)',
      'worker/(main|configuration|workflow-bundle)',
      // What the doctor looks at, by the rules of those whose it is.
      'webhook/(certificates|spool/record-log)',
      'worker/(namespace|data-format|worker-parts)',
      // The archive, its verification and erasing, the last reconciliation.
      'activities/index',
    ],
    packages: '^@temporalio/workflow$',
  },
};

export const importRules = Object.entries(importTable).map(([folder, { ours, packages }]) => ({
  files: [`${folder}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          { regex: packages, message: `${folder}/ may not import this package.` },
          {
            regex: `^\\.\\./(?!(\\.\\./)*(${ours.join('|') || '(?!)'})\\.js$)`,
            message: `${folder}/ may import only ${ours.join(', ') || 'itself'}.`,
          },
        ],
      },
    ],
  },
}));

export default tseslint.config(
  { ignores: ['build/', '.countersign/', 'node_modules/', 'bench/results/', 'sandbox/page/'] },
  eslint.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      'max-lines-per-function': ['error', { max: 70 }],
      'max-len': [
        'error',
        {
          code: 100,
          ignoreUrls: true,
          ignoreStrings: true,
          ignoreTemplateLiterals: true,
          ignoreRegExpLiterals: true,
        },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: 'ExportDefaultDeclaration',
          message: 'No default exports: as a workflow it would answer for every unknown type.',
        },
      ],
      'no-restricted-properties': [
        'error',
        {
          object: 'process',
          property: 'env',
          message: "The environment is read in each process's configuration and nowhere else.",
        },
      ],
    },
  },
  ...importRules,
  {
    files: ['**/configuration.ts', 'test/**/*.ts', 'bench/**/*.ts', 'cli/**/*.ts'],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      'max-lines-per-function': 'off',
      // node:test returns promises that its runner awaits.
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', name: ['test', 'it', 'describe', 'suite'], package: 'node:test' },
          ],
        },
      ],
    },
  },
  {
    files: ['eslint.config.js', 'cli/countersign.js', 'bench/chaos/stepping-clock.js'],
    extends: [tseslint.configs.disableTypeChecked],
    rules: { 'no-restricted-syntax': 'off', 'max-len': 'off' },
  },
);
