/** The workflows' bundles for a whole run of all tests: made once, instead of by each file. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EncryptionKeys } from '../../codec/encryption-keys.js';
import { bundleWorkflows } from '../../worker/workflow-bundle.js';

/** Names the folder for the test files of a run. */
const FOLDER = 'COUNTERSIGN_TEST_BUNDLES';

/** A bundle holds no key, only whether failures are encoded. */
const ANY_KEYS: EncryptionKeys = [{ id: 'any', secret: new Uint8Array() }];

/** In this process, where it stands alone. */
const own = new Map<boolean, Promise<{ code: string }>>();

/** Makes both bundles in a folder. @returns the environment in which test files find them */
export async function makeBundles(folder: string): Promise<Record<string, string>> {
  for (const keys of [[], ANY_KEYS]) {
    const { code } = await bundleWorkflows(keys);
    await writeFile(pathIn(folder, keys.length > 0), code);
  }
  return { [FOLDER]: folder };
}

/** The bundle for workers with these keys: the run's, or one made here once. */
export function bundleFor(
  keys: EncryptionKeys,
): Promise<{ code: string }> | { readonly codePath: string } {
  const encrypts = keys.length > 0;
  const folder = process.env[FOLDER];
  if (folder !== undefined) return { codePath: pathIn(folder, encrypts) };
  const bundle = own.get(encrypts) ?? bundleWorkflows(keys);
  own.set(encrypts, bundle);
  return bundle;
}

function pathIn(folder: string, encrypts: boolean): string {
  return join(folder, encrypts ? 'encrypting.js' : 'plain.js');
}
