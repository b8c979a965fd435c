/** What processes and workers of tests run: one build for a run of all tests, else the sources. */
import { fileURLToPath } from 'node:url';
import { buildCountersign, builtFile } from '../../bench/countersign-build.js';
import type { EncryptionKeys } from '../../codec/encryption-keys.js';
import { bundlePath, bundleWorkflows } from '../../worker/workflow-bundle.js';

/** Tells the test files of a run that the build is younger than the sources. */
const IS_BUILT = 'COUNTERSIGN_TEST_IS_BUILT';

/** In this process, where it stands alone; by whether they encode failures. */
const own = new Map<boolean, Promise<{ code: string }>>();

/** Makes the build, where it is older. @returns the environment in which test files take it */
export async function makeBuild(): Promise<Record<string, string>> {
  const onProgress = (line: string): void => void process.stderr.write(`# ${line}\n`);
  await buildCountersign({ onProgress, signal: new AbortController().signal });
  return { [IS_BUILT]: 'yes' };
}

const isBuilt = (): boolean => process.env[IS_BUILT] !== undefined;

/** A program of Countersign, by the path of its file. */
export type ProgramName = 'codec/server/main' | 'sandbox/main' | 'webhook/main' | 'worker/main';

/** With what node starts a program: from the build a worker need not bundle its workflows. */
export function program(name: ProgramName): string[] {
  if (isBuilt()) return [builtFile(`${name}.js`)];
  const source = fileURLToPath(new URL(`../../${name}.ts`, import.meta.url));
  return ['--import', 'tsx', source];
}

/** The bundle for workers with these keys: the build's, or one made here once. */
export function bundleFor(
  keys: EncryptionKeys,
): Promise<{ code: string }> | { readonly codePath: string } {
  if (isBuilt()) return { codePath: bundlePath(keys, builtFile('.')) };
  const encrypts = keys.length > 0;
  const bundle = own.get(encrypts) ?? bundleWorkflows(keys);
  own.set(encrypts, bundle);
  return bundle;
}
