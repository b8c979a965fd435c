/** The compiled build, which processes are started from. */
import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Surroundings } from './benchmark.js';

const run = promisify(execFile);

const ROOT = fileURLToPath(new URL('../', import.meta.url));

/** What the build is made of. */
const BUILT_FROM = [
  ...['activities', 'cli', 'client', 'codec', 'configuration', 'provider', 'sandbox', 'webhook'],
  ...['worker', 'workflows', 'package-lock.json', 'tsconfig.build.json', 'tsconfig.json'],
];

/** Its last file. */
const BUNDLE = 'build/workflow-bundle.js';

/**
 * Compiles the sources and prebuilds the workflow bundle, as `npm run build` does, unless the build
 * is younger than every source.
 */
export async function buildCountersign({ onProgress, signal }: Surroundings): Promise<void> {
  const builtMs = await modifiedMs(BUNDLE).catch(() => -Infinity);
  const sources = await Promise.all(BUILT_FROM.map(filesUnder));
  const times = await Promise.all(sources.flat().map(modifiedMs));
  if (Math.max(...times) < builtMs) return;
  onProgress('compiling Countersign');
  await run('npm', ['run', '--silent', 'build'], { cwd: ROOT, signal });
}

async function modifiedMs(path: string): Promise<number> {
  return (await stat(join(ROOT, path))).mtimeMs;
}

async function filesUnder(path: string): Promise<string[]> {
  if (!(await stat(join(ROOT, path))).isDirectory()) return [path];
  return (await readdir(join(ROOT, path), { recursive: true })).map((name) => join(path, name));
}

/** Where a file of the build is, by its path there. */
export function builtFile(path: string): string {
  return join(ROOT, 'build', path);
}
