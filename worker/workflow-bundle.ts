/** Where the worker finds its workflows: prebuilt beside the compiled code, else from sources. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import type { WorkerOptions } from '@temporalio/worker';
import { failureConverterPath } from '../codec/data-converter.js';
import type { EncryptionKeys } from '../codec/encryption-keys.js';

/** `build/`, when this file runs as `build/worker/workflow-bundle.js`. */
const BUILD = fileURLToPath(new URL('../', import.meta.url));

/**
 * Where in a folder a bundle stands; another one where payloads are encrypted, and failures of
 * workflows therefore encoded.
 */
export function bundlePath(keys: EncryptionKeys, folder = BUILD): string {
  return join(folder, keys.length > 0 ? 'workflow-bundle-encrypting.js' : 'workflow-bundle.js');
}

function workflowsPath(): string {
  const isCompiled = import.meta.url.endsWith('.js');
  return fileURLToPath(new URL(`../workflows/index.${isCompiled ? 'js' : 'ts'}`, import.meta.url));
}

/** The part of a worker's options that says where its workflows are. */
export function workflowSource(
  keys: EncryptionKeys,
): Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath'> {
  const codePath = bundlePath(keys);
  if (existsSync(codePath)) return { workflowBundle: { codePath } };
  return { workflowsPath: workflowsPath() };
}

/** Bundles the workflows once, for several workers of one process that have these keys. */
export async function bundleWorkflows(keys: EncryptionKeys = []): Promise<{ code: string }> {
  const path = failureConverterPath(keys);
  return bundleWorkflowCode({
    workflowsPath: workflowsPath(),
    // The bundler's sizes and module lists interest nobody.
    logger: new DefaultLogger('WARN'),
    ...(path !== undefined && { failureConverterPath: path }),
  });
}

/** A bundle holds no key, only whether failures are encoded. */
const ANY_KEYS: EncryptionKeys = [{ id: 'any', secret: new Uint8Array() }];

/** Makes both bundles in a folder. */
export async function writeBundles(folder = BUILD): Promise<void> {
  for (const keys of [[], ANY_KEYS]) {
    const { code } = await bundleWorkflows(keys);
    await writeFile(bundlePath(keys, folder), code);
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await writeBundles();
}
