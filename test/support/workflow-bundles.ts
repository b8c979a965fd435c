/** The workflows' bundles for a whole run of all tests: made once, instead of by each file. */
import type { EncryptionKeys } from '../../codec/encryption-keys.js';
import { bundlePath, bundleWorkflows, writeBundles } from '../../worker/workflow-bundle.js';

/** Names the folder for the test files of a run. */
const FOLDER = 'COUNTERSIGN_TEST_BUNDLES';

/** In this process, where it stands alone; by whether they encode failures. */
const own = new Map<boolean, Promise<{ code: string }>>();

/** Makes both bundles in a folder. @returns the environment in which test files find them */
export async function makeBundles(folder: string): Promise<Record<string, string>> {
  await writeBundles(folder);
  return { [FOLDER]: folder };
}

/** The bundle for workers with these keys: the run's, or one made here once. */
export function bundleFor(
  keys: EncryptionKeys,
): Promise<{ code: string }> | { readonly codePath: string } {
  const folder = process.env[FOLDER];
  if (folder !== undefined) return { codePath: bundlePath(keys, folder) };
  const encrypts = keys.length > 0;
  const bundle = own.get(encrypts) ?? bundleWorkflows(keys);
  own.set(encrypts, bundle);
  return bundle;
}
