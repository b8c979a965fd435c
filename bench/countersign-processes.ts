/** Workers and webhooks from the compiled build, each a process of its own. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pickFreePort } from '../cli/ports.js';
import type { Environment } from '../configuration/settings.js';
import { builtFile } from './countersign-build.js';
import { startProcess } from './ready-process.js';
import type { MeasuredProcess } from './ready-process.js';
import { startFlags } from './start-flags.js';

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
      ...[...startFlags('start:worker'), builtFile('worker/main.js')],
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
    args: [...startFlags('start:webhook'), builtFile('webhook/main.js')],
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
