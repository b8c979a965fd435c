import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Linter } from 'eslint';

interface ImportRule {
  readonly files: readonly string[];
  readonly rules: Linter.RulesRecord;
}

// A name that the compiler cannot follow: the configuration is plain JavaScript.
const configurationFile = '../eslint.config.js';
const { importRules } = (await import(configurationFile)) as { importRules: ImportRule[] };

/** Whether the lint rules let a file of a folder import something. */
function mayImport(file: string, imported: string): boolean {
  const config = importRules.map(({ rules }) => ({ rules, files: ['**/*.ts'] }));
  const folder = file.split('/')[0] ?? '';
  const index = importRules.findIndex(({ files }) => files[0] === `${folder}/**/*.ts`);
  const own = config[index] ?? assert.fail(`no rule for ${folder}/`);
  const code = `import { x } from '${imported}'; export const y = x;`;
  return new Linter().verify(code, own, file).length === 0;
}

const forbidden: [file: string, imported: string][] = [
  ['workflows/progress.ts', '../activities/index.js'],
  ['workflows/progress.ts', 'node:fs'],
  ['workflows/progress.ts', '@temporalio/client'],
  ['workflows/progress.ts', 'zod'],
  ['provider/provider-client.ts', '@temporalio/common'],
  ['provider/provider-client.ts', '../activities/index.js'],
  ['activities/index.ts', '@temporalio/worker'],
  ['activities/index.ts', '@temporalio/workflow'],
  ['activities/index.ts', '../webhook/app.js'],
  ['activities/archive/archive.ts', '../../workflows/document-signing.js'],
  ['webhook/app.ts', '@temporalio/worker'],
  ['webhook/app.ts', '@temporalio/workflow'],
  ['webhook/app.ts', '../activities/index.js'],
  ['webhook/app.ts', '../provider/provider-client.js'],
  ['client/index.ts', '@temporalio/workflow'],
  ['client/index.ts', '../worker/main.js'],
  ['worker/main.ts', '@temporalio/workflow'],
  ['worker/main.ts', '../activities/announce.js'],
  ['worker/main.ts', '../workflows/document-signing.js'],
  ['sandbox/index.ts', '@temporalio/client'],
  ['sandbox/index.ts', '../provider/provider-client.js'],
  ['codec/encryption-codec.ts', '@temporalio/client'],
  ['codec/encryption-codec.ts', '../workflows/contract.js'],
  ['webhook/app.ts', '../codec/server/app.js'],
  ['cli/up.ts', '../activities/announce.js'],
  ['cli/up.ts', '../webhook/parse-batch.js'],
];
for (const [file, imported] of forbidden) {
  test(`${file} may not import ${imported}`, () => {
    assert.equal(mayImport(file, imported), false);
  });
}

const allowed: [file: string, imported: string][] = [
  ['workflows/document-signing.ts', '@temporalio/workflow'],
  ['workflows/document-signing.ts', './progress.js'],
  ['provider/provider-client.ts', 'axios'],
  ['activities/index.ts', '../workflows/contract.js'],
  ['activities/archive/archive.ts', '../../workflows/contract.js'],
  ['activities/index.ts', '@temporalio/activity'],
  ['webhook/app.ts', '@temporalio/client'],
  ['webhook/app.ts', '../workflows/contract.js'],
  ['client/index.ts', '../provider/provider-client.js'],
  ['worker/main.ts', '../activities/index.js'],
  ['sandbox/index.ts', '../workflows/statuses.js'],
  ['codec/server/app.ts', '../encryption-codec.js'],
  ['webhook/main.ts', '../codec/data-converter.js'],
  ['cli/up.ts', '../worker/main.js'],
];
for (const [file, imported] of allowed) {
  test(`${file} may import ${imported}`, () => {
    assert.equal(mayImport(file, imported), true);
  });
}
