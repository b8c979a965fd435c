/** Workers and webhooks from the compiled build, each a process of its own. */
import { execFile } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pickFreePort } from '../cli/ports.js';
import type { Environment } from '../configuration/settings.js';
import type { Surroundings } from './benchmark.js';
import { startProcess } from './ready-process.js';
import type { MeasuredProcess } from './ready-process.js';
import { startFlags } from './start-flags.js';

const run = promisify(execFile);

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const HOST = '127.0.0.1';

/** What all of them share. */
export interface ProcessSurroundings {
  readonly environment: Environment;
  /** Where each has its log, and each webhook its spool. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** A webhook process, at the same address after every restart. */
export interface WebhookProcess extends MeasuredProcess {
  readonly port: number;
}

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

/**
 * Resolves when it polls.
 * @param niceness by how much it yields to the others, as `nice` has it; all its threads do
 */
export async function startWorkerProcess(
  number: number,
  { environment, folder, signal }: ProcessSurroundings,
  niceness = 0,
): Promise<MeasuredProcess> {
  const name = `worker ${number}`;
  const logFile = join(folder, `worker-${number}.log`);
  return startProcess({
    ...{ name, command: 'nice', logFile, signal },
    args: [
      ...['-n', String(niceness), process.execPath],
      ...[...startFlags('start:worker'), join(ROOT, 'build/worker/main.js')],
    ],
    environment: { ...process.env, ...environment },
    isReady: async () => (await readFile(logFile, 'utf8')).includes('the worker polls'),
  });
}

/**
 * Resolves when it is ready, which needs Temporal.
 * @param port where it listens; a free one unless it had one before
 */
export async function startWebhookProcess(
  number: number,
  { environment, folder, signal }: ProcessSurroundings,
  port?: number,
): Promise<WebhookProcess> {
  const name = `webhook ${number}`;
  const taken = port ?? (await pickFreePort(HOST));
  const started = await startProcess({
    ...{ name, command: process.execPath, signal },
    logFile: join(folder, `webhook-${number}.log`),
    args: [...startFlags('start:webhook'), join(ROOT, 'build/webhook/main.js')],
    environment: {
      ...process.env,
      ...environment,
      WEBHOOK_PORT: String(taken),
      COUNTERSIGN_DATA: join(folder, `webhook-${number}`),
    },
    isReady: async () => (await fetch(`http://${HOST}:${taken}/health/ready`)).ok,
  });
  return { ...started, port: taken };
}
