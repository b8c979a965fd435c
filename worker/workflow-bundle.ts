/** Where the worker finds its workflows: prebuilt beside the compiled code, else from sources. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import type { WorkerOptions } from '@temporalio/worker';

/** `build/workflow-bundle.js`, when this file runs as `build/worker/workflow-bundle.js`. */
const BUNDLE_PATH = fileURLToPath(new URL('../workflow-bundle.js', import.meta.url));

function workflowsPath(): string {
  const isCompiled = import.meta.url.endsWith('.js');
  return fileURLToPath(new URL(`../workflows/index.${isCompiled ? 'js' : 'ts'}`, import.meta.url));
}

/** The part of a worker's options that says where its workflows are. */
export function workflowSource(): Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath'> {
  if (existsSync(BUNDLE_PATH)) return { workflowBundle: { codePath: BUNDLE_PATH } };
  return { workflowsPath: workflowsPath() };
}

/** Bundles the workflows once, for several workers of one process. */
export async function bundleWorkflows(): Promise<{ code: string }> {
  // The bundler's sizes and module lists interest nobody.
  const logger = new DefaultLogger('WARN');
  return bundleWorkflowCode({ workflowsPath: workflowsPath(), logger });
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { code } = await bundleWorkflows();
  await writeFile(BUNDLE_PATH, code);
}
