/** What the door's benchmarks run on: each part is a process, as where it is used. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { pickFreePort } from '../cli/ports.js';
import { findTemporalServer } from '../cli/temporal-binary.js';
import { startTemporalServer, type TemporalServer } from '../cli/temporal-server.js';
import { createSandbox, type Sandbox } from '../sandbox/index.js';
import { CALLBACK_PATH } from '../webhook/app.js';
import type { Surroundings } from './benchmark.js';
import type { LoadOrder, LoadResult } from './callback-load.js';
import { buildCountersign } from './countersign-build.js';
import { startWebhookProcess, startWorkerProcess } from './countersign-processes.js';
import { readConfiguration } from './configuration.js';
import { forkBeside, type Forked } from './forked.js';
import type { Peer, PeerOrder } from './peer-door.js';
import { openedWith, type Closer } from './taken-down.js';

const LOOPBACK = '127.0.0.1';

/** Where callbacks come by the thousand it has cores of its own; here it leaves the door's. */
const WORKER_NICE = 5;

/** Nobody polls it: what a side starts there costs what a start costs. */
export const UNPOLLED = 'unpolled';

/** One webhook process. */
export interface Door {
  /** Where callbacks go. */
  readonly url: string;
  end(signal?: NodeJS.Signals): Promise<void>;
}

/** Temporal, the provider and the worker; and whatever door is asked for. */
export interface DoorStage {
  readonly client: Client;
  readonly sandbox: Sandbox;
  /** Aborted when the run is given up. */
  readonly signal: AbortSignal;
  /** Countersign's webhook. */
  openWebhook(): Promise<Door>;
  /** What it is compared with. `postgres`: the folder of its socket. */
  openPeer(peer: Peer, postgres?: string): Promise<Door>;
  send(order: LoadOrder): Promise<LoadResult>;
  /** What the door says of itself, by the names in `/metrics`, summed over labels. */
  metric(door: Door, name: string): Promise<number>;
  /** SIGKILL; and again on the same port with the same file. */
  killTemporal(): Promise<void>;
  startTemporal(): Promise<void>;
  close(): Promise<void>;
}

/** Starts all parts; on failure none is left running. */
export function openDoorStage(around: Surroundings): Promise<DoorStage> {
  return openedWith((closers) => openParts(around, closers));
}

async function openParts(
  around: Surroundings,
  closers: Closer[],
): Promise<Omit<DoorStage, 'close'>> {
  await buildCountersign(around);
  const folder = await mkdtemp(join(tmpdir(), 'countersign-bench-door-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  const temporal = await openTemporal(folder, around, closers);
  // The provider's key has as many bits, and what a signature costs is measured too.
  const sandbox = await createSandbox({ keyBits: 4096, batchIntervalMs: 0 });
  closers.push(() => sandbox.close());
  const certificateFile = join(folder, 'certificate.pem');
  await writeFile(certificateFile, sandbox.certificatePem);
  const environment = environmentFor(folder, certificateFile, temporal.address, sandbox);
  const { signal } = around;
  const surroundings = { environment, folder, signal };
  const worker = await startWorkerProcess(1, surroundings, WORKER_NICE);
  closers.push(() => worker.stop());
  const fork = (file: string): Forked => {
    const forked = forkBeside(file);
    closers.push(() => forked.end());
    return forked;
  };
  const connection = await Connection.connect({ address: temporal.address });
  closers.push(() => connection.close());
  const load = fork('./callback-load.ts');
  return {
    ...temporal,
    client: new Client({ connection }),
    sandbox,
    signal,
    send: (order) => load.ask(order) as Promise<LoadResult>,
    async openWebhook() {
      const webhook = await startWebhookProcess(1, surroundings);
      closers.push(() => webhook.stop());
      const url = `http://${LOOPBACK}:${webhook.port}${CALLBACK_PATH}`;
      return { url, end: (ending) => webhook.stop(ending) };
    },
    async openPeer(peer, postgres = '') {
      const forked = fork('./peer-door.ts');
      const { address } = temporal;
      const taskQueue = peer === 'start' ? UNPOLLED : 'countersign';
      const order: PeerOrder = { peer, certificateFile, address, taskQueue, postgres };
      const { port } = (await forked.ask(order)) as { port: number };
      const url = `http://${LOOPBACK}:${port}${CALLBACK_PATH}`;
      return { url, end: (signal) => forked.end(signal) };
    },
    metric,
  };
}

function environmentFor(
  folder: string,
  certificateFile: string,
  address: string,
  sandbox: Sandbox,
): NodeJS.ProcessEnv {
  return {
    TEMPORAL_ADDRESS: address,
    COUNTERSIGN_DATA: join(folder, 'data'),
    LEGALESIGN_CERTIFICATES: certificateFile,
    LEGALESIGN_API_URL: sandbox.apiUrl,
    LEGALESIGN_API_KEY: 'bench:key',
    ARCHIVE_URL: pathToFileURL(join(folder, 'archive')).href,
    RECONCILE_CRON: 'off',
    WEBHOOK_PORT: '0',
  };
}

async function openTemporal(
  folder: string,
  around: Surroundings,
  closers: Closer[],
): Promise<Pick<DoorStage, 'killTemporal' | 'startTemporal'> & { readonly address: string }> {
  const { temporalCli: configuredPath, cacheDirectory } = readConfiguration();
  const binary = await findTemporalServer({ configuredPath, cacheDirectory, ...around });
  const port = await pickFreePort(LOOPBACK);
  let server: TemporalServer | undefined;
  const startTemporal = async (): Promise<void> => {
    const databaseFile = join(folder, 'temporal.db');
    const onExit = (): void => undefined;
    server = await startTemporalServer({ binary, port, databaseFile, onExit });
  };
  await startTemporal();
  closers.push(async () => server?.stop());
  return {
    address: `${LOOPBACK}:${port}`,
    startTemporal,
    async killTemporal() {
      if (server !== undefined) process.kill(server.pid, 'SIGKILL');
      await server?.exited;
    },
  };
}

async function metric({ url }: Door, name: string): Promise<number> {
  const response = await fetch(new URL('/metrics', url));
  const values = (await response.text()).matchAll(new RegExp(`^${name}(?:{.*})? (.*)$`, 'gm'));
  return [...values].reduce((total, [, value]) => total + Number(value), 0);
}
