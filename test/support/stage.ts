import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { pino } from 'pino';
import { connect } from '../../client/index.js';
import { createDataConverter } from '../../codec/data-converter.js';
import type { Countersign } from '../../client/index.js';
import type { Environment } from '../../configuration/settings.js';
import { createSandbox } from '../../sandbox/index.js';
import type { Sandbox, SandboxOptions } from '../../sandbox/index.js';
import { CALLBACK_PATH } from '../../webhook/app.js';
import { readConfiguration as readWebhookConfiguration } from '../../webhook/configuration.js';
import { startWebhook } from '../../webhook/main.js';
import { readConfiguration as readWorkerConfiguration } from '../../worker/configuration.js';
import { installRuntime, startWorker } from '../../worker/main.js';
import type { RunningWorker } from '../../worker/main.js';
import { startTestServer } from './temporal.js';
import { bundleFor } from './build.js';

const logger = pino({ level: process.env['TEST_LOG_LEVEL'] ?? 'silent' });

let hasRuntime = false;

/** The real thing, whole, on free ports: Temporal, sandbox, webhook, worker, archive, client. */
export interface Stage {
  readonly client: Client;
  readonly countersign: Countersign;
  readonly sandbox: Sandbox;
  readonly webhookUrl: string;
  readonly archiveFolder: string;
  readonly taskQueue: string;
  /** With which a worker or webhook process of its own joins this stage. */
  readonly environment: Environment;
  /** Stops the worker, or starts one again. */
  stopWorker(): Promise<void>;
  startWorker(): Promise<void>;
  close(): Promise<void>;
}

export interface StageOptions {
  readonly sandbox?: SandboxOptions;
  /** More of the worker's and the webhook's settings. */
  readonly environment?: Environment;
  /** How many workflows the worker keeps in memory; the SDK's own figure unless told. */
  readonly maxCachedWorkflows?: number;
  /** Whether the sandbox's callbacks reach the webhook; true unless told. */
  readonly subscribes?: boolean;
  /** More of the Temporal server's dynamic configuration. */
  readonly dynamicConfig?: Readonly<Record<string, unknown>>;
}

/** Sets everything up; `close()` takes it down in order. */
export async function openStage(options: StageOptions = {}): Promise<Stage> {
  if (!hasRuntime) installRuntime(logger);
  hasRuntime = true;
  const { maxCachedWorkflows, dynamicConfig = {} } = options;
  const server = await startTestServer({ dynamicConfig });
  const folder = await mkdtemp(join(tmpdir(), 'countersign-stage-'));
  const sandbox = await createSandbox({
    batchIntervalMs: 0,
    finalPdfDelayMs: 1,
    dataDirectory: join(folder, 'sandbox'),
    ...options.sandbox,
  });
  const environment = environmentFor(sandbox, folder, options.environment);
  const configuration = readWorkerConfiguration(environment);
  const { taskQueue, provider, followUp, encryptionKeys } = configuration;
  const workerOptions = {
    workflowBundle: await bundleFor(encryptionKeys),
    ...(maxCachedWorkflows !== undefined && { maxCachedWorkflows }),
  };
  const run = (): Promise<RunningWorker> =>
    startWorker(configuration, { logger, address: server.address, options: workerOptions });
  let worker: RunningWorker | undefined = await run();
  const connection = await Connection.connect({ address: server.address });
  const client = new Client({ connection, dataConverter: createDataConverter(encryptionKeys) });
  const webhook = await startWebhook(readWebhookConfiguration(environment), { client, logger });
  const countersign = await connect({
    temporal: { connectionOptions: { address: server.address } },
    taskQueue,
    provider,
    followUp,
    encryptionKeys,
  });
  if (options.subscribes !== false) subscribe(sandbox, webhook.url);
  const stopWorker = async (): Promise<void> => {
    await worker?.close();
    worker = undefined;
  };
  return {
    client,
    countersign,
    sandbox,
    webhookUrl: webhook.url,
    archiveFolder: join(folder, 'archive'),
    taskQueue,
    environment: { ...environment, TEMPORAL_ADDRESS: server.address },
    stopWorker,
    startWorker: async () => {
      worker ??= await run();
    },
    close: async () => {
      await sandbox.close();
      await webhook.close();
      await stopWorker();
      await countersign.close();
      await connection.close();
      await server.stop();
      await rm(folder, { recursive: true });
    },
  };
}

function environmentFor(sandbox: Sandbox, folder: string, more: Environment = {}): Environment {
  return {
    LEGALESIGN_API_URL: sandbox.apiUrl,
    LEGALESIGN_API_KEY: 'test:key',
    LEGALESIGN_CERTIFICATES: join(folder, 'sandbox', 'certificate.pem'),
    ARCHIVE_URL: pathToFileURL(join(folder, 'archive')).href,
    DOCUMENT_LINGER: '1ms',
    RECONCILE_CRON: 'off',
    RECONCILE_GRACE: '0',
    WEBHOOK_PORT: '0',
    LOG_LEVEL: 'silent',
    ...more,
  };
}

function subscribe(sandbox: Sandbox, webhookUrl: string): void {
  const url = `${webhookUrl}${CALLBACK_PATH}`;
  for (const notify of ['all', 'signed', 'realtime'] as const) sandbox.subscribe({ url, notify });
}
