/** Countersign whole, on real parts that do not outlive a run, and beside it a bare workflow. */
import { setMaxListeners } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, NativeConnection, Worker } from '@temporalio/worker';
import type { Logger as SdkLogger } from '@temporalio/worker';
import { pino } from 'pino';
import { findTemporalServer } from '../cli/temporal-binary.js';
import { startTemporalServer } from '../cli/temporal-server.js';
import { connect } from '../client/index.js';
import type { Countersign } from '../client/index.js';
import type { Environment } from '../configuration/settings.js';
import { createSandbox } from '../sandbox/index.js';
import type { Sandbox, SandboxOptions } from '../sandbox/index.js';
import { readConfiguration as readWebhookConfiguration } from '../webhook/configuration.js';
import { startWebhook } from '../webhook/main.js';
import { readConfiguration as readWorkerConfiguration } from '../worker/configuration.js';
import { installRuntime, startWorker } from '../worker/main.js';
import { bundleWorkflows } from '../worker/workflow-bundle.js';
import { measuredSlots, workflowTaskOptions } from '../worker/workflow-task-slots.js';
import { openAnnouncementReceiver } from './announcement-receiver.js';
import type { AnnouncementReceiver } from './announcement-receiver.js';
import type { BareActivities } from './bare-workflow.js';
import type { Surroundings } from './benchmark.js';
import { readConfiguration } from './configuration.js';
import { openedWith } from './taken-down.js';

/** Everything, running. */
export interface BenchStage {
  readonly client: Client;
  readonly countersign: Countersign;
  readonly sandbox: Sandbox;
  readonly receiver: AnnouncementReceiver;
  readonly archiveFolder: string;
  /** Where the bare workflow's worker polls. */
  readonly bareTaskQueue: string;
  /** Aborted when the run is given up or the server ends by itself. */
  readonly signal: AbortSignal;
  /** Takes everything down in order and removes what was written. */
  close(): Promise<void>;
}

/** What documents are signed on, and looked at afterwards. */
export type SigningStage = Omit<BenchStage, 'bareTaskQueue'>;

/** How the stage is to be. */
export interface BenchStageOptions {
  readonly sandbox: SandboxOptions;
  /** How long a document's workflow stays open after its outcome, in ms. */
  readonly lingerMs: number;
}

const BARE_TASK_QUEUE = 'bare';

const nothing = (): void => undefined;
const SILENT: SdkLogger = {
  log: nothing,
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
};

/** The SDK takes one runtime per process. */
let hasRuntime = false;

/** Starts all parts; on failure none is left running. */
export function openBenchStage(
  options: BenchStageOptions,
  around: Surroundings,
): Promise<BenchStage> {
  return openedWith((closers) => openParts(options, around, closers));
}

async function openParts(
  options: BenchStageOptions,
  around: Surroundings,
  closers: (() => unknown)[],
): Promise<Omit<BenchStage, 'close'>> {
  // stdout is the report's.
  const logger = pino({ level: 'warn' }, pino.destination(2));
  if (!hasRuntime) installRuntime(logger);
  hasRuntime = true;
  const folder = await mkdtemp(join(tmpdir(), 'countersign-bench-'));
  closers.push(() => rm(folder, { recursive: true }));
  const { address, signal } = await openServer(folder, around, closers);
  const receiver = await openAnnouncementReceiver();
  closers.push(() => receiver.close());
  const sandbox = await createSandbox(options.sandbox);
  const certificateFile = join(folder, 'certificate.pem');
  await writeFile(certificateFile, sandbox.certificatePem);
  const archiveFolder = join(folder, 'archive');
  const environment = {
    ...environmentFor(sandbox, receiver, options),
    LEGALESIGN_CERTIFICATES: certificateFile,
    COUNTERSIGN_DATA: folder,
    ARCHIVE_URL: pathToFileURL(archiveFolder).href,
  };
  const configuration = readWorkerConfiguration(environment);
  const workflowBundle = await bundleWorkflows();
  const worker = await startWorker(configuration, { logger, address, options: { workflowBundle } });
  closers.push(() => worker.close());
  await openBareWorker(address, closers);
  const connection = await Connection.connect({ address });
  closers.push(() => connection.close());
  const client = new Client({ connection });
  const webhook = await startWebhook(readWebhookConfiguration(environment), { client, logger });
  closers.push(() => webhook.close());
  // Before all that it talks to.
  closers.push(() => sandbox.close());
  const { taskQueue, provider, followUp } = configuration;
  const temporal = { connectionOptions: { address } };
  const countersign = await connect({ temporal, taskQueue, provider, followUp });
  closers.push(() => countersign.close());
  const url = `${webhook.url}/callbacks/legalesign`;
  for (const notify of ['all', 'signed', 'realtime'] as const) sandbox.subscribe({ url, notify });
  const bareTaskQueue = BARE_TASK_QUEUE;
  return { client, countersign, sandbox, receiver, archiveFolder, bareTaskQueue, signal };
}

/** A Temporal server with a file, as `npm start` has it: every commit on the disk. */
export async function openServer(
  folder: string,
  around: Surroundings,
  closers: (() => unknown)[],
): Promise<{ address: string; signal: AbortSignal }> {
  const { temporalCli: configuredPath, cacheDirectory } = readConfiguration();
  const binary = await findTemporalServer({ configuredPath, cacheDirectory, ...around });
  const broken = new AbortController();
  const server = await startTemporalServer({
    binary,
    port: 0,
    databaseFile: join(folder, 'temporal.db'),
    signal: around.signal,
    onExit: (reason) => {
      broken.abort(new Error(reason));
    },
  });
  closers.push(() => server.stop());
  const signal = AbortSignal.any([around.signal, broken.signal]);
  // Every call under way listens to it.
  setMaxListeners(0, signal);
  return { address: server.address, signal };
}

/** The settings that worker and webhook share, but for the files' places. */
export function environmentFor(
  sandbox: Sandbox,
  receiver: AnnouncementReceiver,
  { lingerMs }: BenchStageOptions,
): Environment {
  return {
    LEGALESIGN_API_URL: sandbox.apiUrl,
    LEGALESIGN_API_KEY: 'bench:key',
    NOTIFY_WEBHOOK_URL: receiver.url,
    NOTIFY_WEBHOOK_SECRETS: receiver.secret,
    DOCUMENT_LINGER: `${lingerMs}ms`,
    RECONCILE_CRON: 'off',
    WEBHOOK_PORT: '0',
  };
}

async function openBareWorker(address: string, closers: (() => unknown)[]): Promise<void> {
  const workflowsPath = fileURLToPath(new URL('./bare-workflow.ts', import.meta.url));
  const connection = await NativeConnection.connect({ address });
  closers.push(() => connection.close());
  const activities: BareActivities = { nothing: () => Promise.resolve() };
  const worker = await Worker.create({
    connection,
    taskQueue: BARE_TASK_QUEUE,
    workflowBundle: await bundleWorkflowCode({ workflowsPath, logger: SILENT }),
    activities,
    // Tuned as ours is.
    ...workflowTaskOptions(await measuredSlots(connection)),
  });
  const ended = worker.run();
  closers.push(() => {
    worker.shutdown();
    return ended;
  });
}
