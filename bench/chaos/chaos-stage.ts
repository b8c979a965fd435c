/** Countersign as it runs in production, on one machine: every part a process of its own. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { pickFreePort } from '../../cli/ports.js';
import { findTemporalServer } from '../../cli/temporal-binary.js';
import { connect, type Countersign } from '../../client/index.js';
import { readConfiguration as readClientConfiguration } from '../../client/configuration.js';
import { createSandbox, type Sandbox } from '../../sandbox/index.js';
import type { Random } from '../../sandbox/seeded-random.js';
import type { Surroundings } from '../benchmark.js';
import { readConfiguration } from '../configuration.js';
import { buildCountersign } from '../countersign-build.js';
import { MortalTemporal } from './mortal-temporal.js';
import { PartProcess } from './part-process.js';
import {
  openHttpReceiver,
  openMailServer,
  RECEIVER_SECRET,
  type FailingReceiver,
} from './receivers.js';
import { openRoundRobin } from '../round-robin.js';
import { openSmallDisk, type SmallDisk } from './small-disk.js';
import { openedWith } from '../taken-down.js';

/** Everything, running. */
export interface ChaosStage {
  readonly temporal: MortalTemporal;
  readonly webhooks: readonly PartProcess[];
  readonly workers: readonly PartProcess[];
  readonly sandbox: Sandbox;
  readonly http: FailingReceiver;
  readonly mail: FailingReceiver;
  readonly disk: SmallDisk;
  readonly client: Client;
  readonly countersign: Countersign;
  close(): Promise<void>;
}

/** What the stage is to be. */
export interface ChaosStageOptions {
  readonly documents: number;
  readonly seed: number;
  readonly random: Random;
}

const LINGER = '2s';
const BATCH_INTERVAL_MS = 1_000;
const FINAL_PDF_DELAY_MS = 100;

/** PDF, audit log and receipt of the sandbox take some 25 kB; a page each, and room to work. */
const MEGABYTES_PER_DOCUMENT = 0.1;
const MEGABYTES_SPARE = 64;

/** The provider's clock is anywhere within two minutes of ours. */
const CLOCK_SKEW_MAX_MS = 120_000;

/** Starts everything; on failure nothing is left running. */
export function openChaosStage(
  options: ChaosStageOptions,
  around: Surroundings,
): Promise<ChaosStage> {
  return openedWith((closers) => openParts(options, around, closers));
}

async function openParts(
  { documents, seed, random }: ChaosStageOptions,
  around: Surroundings,
  closers: (() => unknown)[],
): Promise<Omit<ChaosStage, 'close'>> {
  await buildCountersign(around);
  const folder = await mkdtemp(join(tmpdir(), 'countersign-chaos-'));
  closers.push(() => rm(folder, { recursive: true }));
  const megabytes = Math.ceil(MEGABYTES_SPARE + documents * MEGABYTES_PER_DOCUMENT);
  const disk = await openSmallDisk(join(folder, 'archive'), megabytes);
  closers.push(() => disk.close());
  const { temporalCli: configuredPath, cacheDirectory } = readConfiguration();
  const binary = await findTemporalServer({ configuredPath, cacheDirectory, ...around });
  const temporal = await MortalTemporal.create(binary, folder);
  await temporal.start();
  closers.push(() => temporal.stop());
  const http = await openHttpReceiver(random);
  closers.push(() => http.close());
  const mail = await openMailServer(random);
  closers.push(() => mail.close());
  const sandbox = await createSandbox({
    ...{ seed, batchIntervalMs: BATCH_INTERVAL_MS, finalPdfDelayMs: FINAL_PDF_DELAY_MS },
    clockSkewMs: Math.round((random() * 2 - 1) * CLOCK_SKEW_MAX_MS),
  });
  const certificate = join(folder, 'certificate.pem');
  await writeFile(certificate, sandbox.certificatePem);
  const environment = {
    ...environmentFor({ sandbox, http, mail, temporal, folder, certificate }),
    ARCHIVE_URL: pathToFileURL(disk.folder).href,
  };
  const workers = await startWorkers(environment, folder, around.signal, closers);
  const { webhooks, url } = await startWebhooks(environment, folder, around.signal, closers);
  // Before all that it calls.
  closers.push(() => sandbox.close());
  for (const notify of ['all', 'signed', 'realtime'] as const) {
    sandbox.subscribe({ url: `${url}/callbacks/legalesign`, notify });
  }
  const connection = await Connection.connect({ address: temporal.address });
  closers.push(() => connection.close());
  const client = new Client({ connection });
  const configuration = readClientConfiguration(environment);
  const countersign = await connect({
    ...configuration,
    temporal: { connectionOptions: { address: temporal.address } },
  });
  closers.push(() => countersign.close());
  return { temporal, webhooks, workers, sandbox, http, mail, disk, client, countersign };
}

interface Around {
  readonly sandbox: Sandbox;
  readonly http: FailingReceiver;
  readonly mail: FailingReceiver;
  readonly temporal: MortalTemporal;
  readonly folder: string;
  readonly certificate: string;
}

function environmentFor({
  sandbox,
  http,
  mail,
  temporal,
  folder,
  certificate,
}: Around): Record<string, string> {
  return {
    TEMPORAL_ADDRESS: temporal.address,
    COUNTERSIGN_DATA: folder,
    LEGALESIGN_API_URL: sandbox.apiUrl,
    LEGALESIGN_API_KEY: 'chaos:key',
    LEGALESIGN_TIMEOUT: '10s',
    LEGALESIGN_CERTIFICATES: certificate,
    NOTIFY_WEBHOOK_URL: http.url,
    NOTIFY_WEBHOOK_SECRETS: RECEIVER_SECRET,
    NOTIFY_SMTP_URL: mail.url,
    NOTIFY_EMAIL_FROM: 'countersign@example.com',
    NOTIFY_EMAIL_TO: 'contracts@example.com',
    DOCUMENT_LINGER: LINGER,
    CALLBACK_RETRY_PAUSES: '1s,5s,15s',
    RECONCILE_CRON: 'off',
    RECONCILE_GRACE: '0',
    LOG_LEVEL: 'info',
  };
}

const PARTS = ['A', 'B'] as const;

async function startWorkers(
  environment: Readonly<Record<string, string>>,
  folder: string,
  signal: AbortSignal,
  closers: (() => unknown)[],
): Promise<PartProcess[]> {
  const parts: PartProcess[] = [];
  for (const letter of PARTS) {
    const port = await pickFreePort('127.0.0.1');
    const part = new PartProcess({
      ...{ name: `worker ${letter}`, signal },
      main: 'worker/main.js',
      environment: { ...environment, WORKER_METRICS_ADDRESS: `127.0.0.1:${port}` },
      logFile: join(folder, `worker-${letter}.log`),
      clockFile: join(folder, `worker-${letter}.clock`),
      isReady: () => serves(`http://127.0.0.1:${port}/metrics`, POLLING),
    });
    closers.push(() => part.stop());
    await part.start();
    parts.push(part);
  }
  return parts;
}

async function startWebhooks(
  environment: Readonly<Record<string, string>>,
  folder: string,
  signal: AbortSignal,
  closers: (() => unknown)[],
): Promise<{ webhooks: PartProcess[]; url: string }> {
  const targets: string[] = [];
  const webhooks: PartProcess[] = [];
  for (const letter of PARTS) {
    const port = await pickFreePort('127.0.0.1');
    const part = new PartProcess({
      ...{ name: `webhook ${letter}`, signal },
      main: 'webhook/main.js',
      environment: { ...environment, WEBHOOK_PORT: String(port) },
      logFile: join(folder, `webhook-${letter}.log`),
      clockFile: join(folder, `webhook-${letter}.clock`),
      isReady: () => serves(`http://127.0.0.1:${port}/health/live`),
    });
    closers.push(() => part.stop());
    await part.start();
    targets.push(`http://127.0.0.1:${port}`);
    webhooks.push(part);
  }
  const balancer = await openRoundRobin(targets);
  closers.push(() => balancer.close());
  return { webhooks, url: balancer.url };
}

/** Metrics are there before the first call to Temporal; its pollers' come with the first poll. */
const POLLING = 'temporal_num_pollers';

async function serves(url: string, word = ''): Promise<boolean> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(1_000) });
  return answer.ok && (await answer.text()).includes(word);
}
