/** What a reconciliation is measured on: a server and the sandbox here, each worker on its own. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { pino } from 'pino';
import { connect } from '../client/index.js';
import type { Countersign } from '../client/index.js';
import type { Environment } from '../configuration/settings.js';
import { createSandbox } from '../sandbox/index.js';
import type { Sandbox } from '../sandbox/index.js';
import { readConfiguration as readWebhookConfiguration } from '../webhook/configuration.js';
import { startWebhook } from '../webhook/main.js';
import { readConfiguration as readWorkerConfiguration } from '../worker/configuration.js';
import { bundleWorkflows } from '../worker/workflow-bundle.js';
import { openAnnouncementReceiver } from './announcement-receiver.js';
import type { AnnouncementReceiver } from './announcement-receiver.js';
import { openServer } from './bench-stage.js';
import type { Surroundings } from './benchmark.js';
import { spawnMeasured } from './measured-process.js';
import type { MeasuredProcess, MeasuredWorkerOptions } from './measured-process.js';
import { openedWith } from './taken-down.js';

/** Everything, running, but no worker yet. */
export interface ReconcileStage {
  readonly client: Client;
  readonly countersign: Countersign;
  readonly sandbox: Sandbox;
  readonly receiver: AnnouncementReceiver;
  readonly archiveFolder: string;
  /** Aborted when the run is given up or the server ends by itself. */
  readonly signal: AbortSignal;
  /** A process of its own, with a worker or with the provider's client alone. */
  spawn(role: 'worker' | 'fetcher', options?: MeasuredWorkerOptions): Promise<MeasuredProcess>;
  /** Takes everything down in order and removes what was written. */
  close(): Promise<void>;
}

/** How the stage is to be. */
export interface ReconcileStageOptions {
  readonly seed: number;
  /** More of the worker's settings. */
  readonly environment: Environment;
  /** A webhook takes the sandbox's callbacks; without it nothing tells of anything. */
  readonly hasWebhook: boolean;
}

/** Starts all parts; on failure none is left running. */
export function openReconcileStage(
  options: ReconcileStageOptions,
  around: Surroundings,
): Promise<ReconcileStage> {
  return openedWith((closers) => openParts(options, around, closers));
}

async function openParts(
  { seed, environment: more, hasWebhook }: ReconcileStageOptions,
  around: Surroundings,
  closers: (() => unknown)[],
): Promise<Omit<ReconcileStage, 'close'>> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-bench-'));
  closers.push(() => rm(folder, { recursive: true }));
  const { address, signal } = await openServer(folder, around, closers);
  const receiver = await openAnnouncementReceiver();
  closers.push(() => receiver.close());
  const sandbox = await createSandbox({ seed, batchIntervalMs: 0, finalPdfDelayMs: 1 });
  closers.push(() => sandbox.close());
  const bundlePath = join(folder, 'workflows.js');
  await writeFile(bundlePath, (await bundleWorkflows()).code);
  const certificateFile = join(folder, 'certificate.pem');
  await writeFile(certificateFile, sandbox.certificatePem);
  const archiveFolder = join(folder, 'archive');
  const environment = {
    ...environmentFor(sandbox, receiver),
    LEGALESIGN_CERTIFICATES: certificateFile,
    ARCHIVE_URL: pathToFileURL(archiveFolder).href,
    TEMPORAL_ADDRESS: address,
    ...more,
  };
  const connection = await Connection.connect({ address });
  closers.push(() => connection.close());
  const client = new Client({ connection });
  if (hasWebhook) await openWebhook(environment, { client, sandbox }, closers);
  const { taskQueue, provider } = readWorkerConfiguration(environment);
  const temporal = { connectionOptions: { address } };
  const countersign = await connect({ temporal, taskQueue, provider });
  closers.push(() => countersign.close());
  const spawn: ReconcileStage['spawn'] = async (role, options = {}) => {
    const measured = await spawnMeasured({ role, bundlePath, environment, options }, signal);
    closers.push(() => measured.close());
    return measured;
  };
  return { client, countersign, sandbox, receiver, archiveFolder, signal, spawn };
}

async function openWebhook(
  environment: Environment,
  { client, sandbox }: { client: Client; sandbox: Sandbox },
  closers: (() => unknown)[],
): Promise<void> {
  // stdout is the report's.
  const logger = pino({ level: 'warn' }, pino.destination(2));
  const webhook = await startWebhook(readWebhookConfiguration(environment), { client, logger });
  closers.push(() => webhook.close());
  const url = `${webhook.url}/callbacks/legalesign`;
  for (const notify of ['all', 'signed'] as const) sandbox.subscribe({ url, notify });
}

function environmentFor(sandbox: Sandbox, receiver: AnnouncementReceiver): Environment {
  return {
    LEGALESIGN_API_URL: sandbox.apiUrl,
    LEGALESIGN_API_KEY: 'bench:key',
    NOTIFY_WEBHOOK_URL: receiver.url,
    NOTIFY_WEBHOOK_SECRETS: receiver.secret,
    DOCUMENT_LINGER: '1ms',
    RECONCILE_CRON: 'off',
    // What was missed is counted however young: the sandbox's record knows no grace.
    RECONCILE_GRACE: '0',
    WEBHOOK_PORT: '0',
    LOG_LEVEL: 'warn',
  };
}
