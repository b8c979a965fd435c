/** Countersign as it runs in production: Temporal on PostgreSQL, webhooks and workers apart. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { Closers } from '../../cli/closers.js';
import { connect } from '../../client/index.js';
import { createSandbox } from '../../sandbox/index.js';
import { readConfiguration as readWorkerConfiguration } from '../../worker/configuration.js';
import { openAnnouncementReceiver } from '../announcement-receiver.js';
import { environmentFor } from '../bench-stage.js';
import type { BenchStageOptions, SigningStage } from '../bench-stage.js';
import type { Surroundings } from '../benchmark.js';
import { readConfiguration } from '../configuration.js';
import { buildCountersign } from '../countersign-build.js';
import { startWebhookProcess, startWorkerProcess } from '../countersign-processes.js';
import type { ProcessSurroundings, WebhookProcess } from '../countersign-processes.js';
import type { MeasuredProcess } from '../ready-process.js';
import { startPostgres } from './postgres.js';
import type { Postgres } from './postgres.js';
import { openRoundRobin } from '../round-robin.js';
import type { RoundRobin } from '../round-robin.js';
import { findServerTools } from './server-tools.js';
import { startTemporalCluster } from './temporal-cluster.js';

/** Everything, running; workers are added by `addWorker`. */
export interface ClusterStage extends SigningStage {
  readonly postgres: Postgres;
  readonly balancer: RoundRobin;
  /** Temporal's and PostgreSQL's, then webhooks and workers as they are now. */
  processes(): readonly MeasuredProcess[];
  readonly webhooks: WebhookProcess[];
  readonly workers: MeasuredProcess[];
  /** Starts one more and resolves when it polls. */
  addWorker(): Promise<void>;
  restartWorker(index: number): Promise<void>;
  restartWebhook(index: number): Promise<void>;
}

/** How the cluster is to be. */
export interface ClusterOptions extends BenchStageOptions {
  readonly webhooks: number;
  readonly shards: number;
}

/** Starts all parts but workers; on failure none is left running. */
export async function openClusterStage(
  options: ClusterOptions,
  around: Surroundings,
): Promise<ClusterStage> {
  const closers = new Closers();
  try {
    return { ...(await openParts(options, around, closers)), close: () => closers.close() };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

async function openParts(
  options: ClusterOptions,
  around: Surroundings,
  closers: Closers,
): Promise<Omit<ClusterStage, 'close'>> {
  const { onProgress, signal } = around;
  const tools = await findServerTools(readConfiguration(), around);
  await buildCountersign(around);
  const folder = await mkdtemp(join(tmpdir(), 'countersign-cluster-'));
  closers.push(() => rm(folder, { recursive: true }));
  // PostgreSQL, where it runs as another user, has its folder inside.
  await chmod(folder, 0o711);
  onProgress('starting PostgreSQL and Temporal');
  const postgres = await startPostgres(join(folder, 'postgres'), signal);
  closers.push(() => postgres.stop());
  const { shards } = options;
  const temporal = await startTemporalCluster({ tools, postgres, folder, shards, signal });
  closers.push(() => temporal.stop());
  const outside = await openOutside(options, folder, temporal.address, closers);
  const surroundings = { environment: outside.environment, folder, signal };
  const webhooks: WebhookProcess[] = [];
  const workers: MeasuredProcess[] = [];
  const stopAll = async (): Promise<void> => {
    await Promise.all([...webhooks, ...workers].map((each) => each.stop()));
  };
  closers.push(stopAll);
  // The first worker makes the search attributes, without which nothing can start.
  workers.push(await startWorkerProcess(1, surroundings));
  for (let number = 1; number <= options.webhooks; number += 1) {
    webhooks.push(await startWebhookProcess(number, surroundings));
  }
  const balancer = await openRoundRobin(webhooks.map(({ port }) => `http://127.0.0.1:${port}`));
  closers.push(() => balancer.close());
  closers.push(() => outside.sandbox.close());
  const url = `${balancer.url}/callbacks/legalesign`;
  for (const notify of ['all', 'signed', 'realtime'] as const) {
    outside.sandbox.subscribe({ url, notify });
  }
  return {
    ...outside,
    ...{ signal, postgres, balancer, webhooks, workers },
    processes: () => [postgres, temporal, ...webhooks, ...workers],
    ...restartsOf({ webhooks, workers }, surroundings),
  };
}

/** What is not Countersign, and its client: all in this process. */
async function openOutside(
  options: ClusterOptions,
  folder: string,
  address: string,
  closers: Closers,
) {
  const receiver = await openAnnouncementReceiver();
  closers.push(() => receiver.close());
  const sandbox = await createSandbox(options.sandbox);
  const certificateFile = join(folder, 'certificate.pem');
  await writeFile(certificateFile, sandbox.certificatePem);
  const archiveFolder = join(folder, 'archive');
  const environment = {
    ...environmentFor(sandbox, receiver, options),
    TEMPORAL_ADDRESS: address,
    LEGALESIGN_CERTIFICATES: certificateFile,
    ARCHIVE_URL: pathToFileURL(archiveFolder).href,
    // A reconciliation right behind the documents is to count all that was missed.
    RECONCILE_GRACE: '0',
    // They are lost on purpose: no alarm.
    RECONCILE_ALARM_SHARE: '100%',
    RECONCILE_ALARM_CHANGES: '1000000',
  };
  const connection = await Connection.connect({ address });
  closers.push(() => connection.close());
  const client = new Client({ connection });
  const { taskQueue, provider } = readWorkerConfiguration(environment);
  const temporal = { connectionOptions: { address } };
  const countersign = await connect({ temporal, taskQueue, provider });
  closers.push(() => countersign.close());
  return { client, countersign, sandbox, receiver, archiveFolder, environment };
}

type Restarts = Pick<ClusterStage, 'addWorker' | 'restartWorker' | 'restartWebhook'>;

function restartsOf(
  { webhooks, workers }: Pick<ClusterStage, 'webhooks' | 'workers'>,
  surroundings: ProcessSurroundings,
): Restarts {
  return {
    addWorker: async () => {
      workers.push(await startWorkerProcess(workers.length + 1, surroundings));
    },
    restartWorker: async (index) => {
      await workers[index]?.stop();
      workers[index] = await startWorkerProcess(index + 1, surroundings);
    },
    restartWebhook: async (index) => {
      const port = webhooks[index]?.port;
      await webhooks[index]?.stop();
      webhooks[index] = await startWebhookProcess(index + 1, surroundings, port);
    },
  };
}
