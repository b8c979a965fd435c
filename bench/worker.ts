/** What a worker needs for many open documents, by how it is tuned. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import PQueue from 'p-queue';
import { SIGNALS_AT_ONCE, signalDocument } from '../activities/signal-document.js';
import {
  DEFAULT_TASK_QUEUE,
  documentWorkflowId,
  progressQuery,
  type StatusReport,
} from '../workflows/contract.js';
import { SDK_SLOTS, workflowTaskOptions } from '../worker/workflow-task-slots.js';
import type { Benchmark, BenchmarkReport, Surroundings } from './benchmark.js';
import { failureLines, machineOf } from './door-report.js';
import type { MeasuredProcess, MeasuredWorkerOptions } from './measured-process.js';
import { usageOf } from './ready-process.js';
import { openReconcileStage, type ReconcileStage } from './reconcile-stage.js';
import { median } from './statistics.js';
import { table } from './text-table.js';

/** What a run is told. */
export interface WorkerSettings {
  readonly documents: number;
  readonly variants: number;
  readonly rounds: number;
  readonly seed: number;
}

/** One variant, in one round. */
interface WorkerSlice {
  readonly variant: string;
  /** All documents begun, and each Workflow Task worked off. */
  readonly openedMs: number;
  /** A change for each of them, the same. */
  readonly changedMs: number;
  readonly openCpuMsPerDocument: number;
  readonly changeCpuMsPerDocument: number;
  readonly idleRssBytes: number;
  readonly openRssBytes: number;
  readonly changedRssBytes: number;
  /** Of a sample, documents whose workflow does not know of its change, or does not answer. */
  readonly notArrived: number;
}

/** What a run comes to. */
export interface WorkerResult {
  readonly benchmark: 'worker';
  readonly definition: string;
  readonly settings: WorkerSettings;
  readonly machine: ReturnType<typeof machineOf>;
  readonly failures: { readonly notArrived: number; readonly total: number };
  readonly slices: readonly WorkerSlice[];
}

const DEFINITION =
  'For each way to tune it a worker process of its own: so many documents are begun, then each is ' +
  'told of one change; both until the worker has nothing left to do. The server, which shares the ' +
  "machine, takes its part of the time; CPU time and memory are the worker's alone.";

/** By how much they change what the worker does by default; that comes first. */
const variantsFor = (documents: number): Readonly<Record<string, MeasuredWorkerOptions>> => ({
  defaults: {},
  "the SDK's Workflow Tasks at once": workflowTaskOptions(SDK_SLOTS),
  'cache for all documents': { maxCachedWorkflows: documents + 10 },
  'no cache': { maxCachedWorkflows: 0 },
  'autoscaling pollers': {
    maxConcurrentWorkflowTaskExecutions: SDK_SLOTS,
    workflowTaskPollerBehavior: { type: 'autoscaling' },
    activityTaskPollerBehavior: { type: 'autoscaling' },
  },
  'resource-based tuner': {
    tuner: { tunerOptions: { targetMemoryUsage: 0.8, targetCpuUsage: 0.9 } },
  },
  'two workflow threads': { workflowThreadPoolSize: 2 },
});

const SAMPLE = 100;
const LOOK_EVERY_MS = 250;
/** Polls and timers cost a little; below this share of a core it waits. */
const IDLE_SHARE = 0.06;
const IDLE_LOOKS = 3;

/** `npm run bench -- worker`. */
export const worker: Benchmark<keyof WorkerSettings> = {
  summary: 'A worker with many open documents: CPU time and memory, by how it is tuned.',
  flags: {
    documents: { default: 2_000, min: 1, max: 100_000, help: 'open at a time, per variant' },
    variants: { default: 7, min: 1, max: 7, help: 'so many of the ways to tune it' },
    rounds: { default: 1, min: 1, max: 100, help: 'of all variants, one after the other' },
    seed: { default: 1, min: 0, max: 999_999_999, help: 'of the sandbox' },
  },
  async run(settings, around): Promise<BenchmarkReport> {
    const result = await runWorker(settings, around);
    return { json: result, text: workerText(result), failures: result.failures.total };
  },
};

/** Runs on parts of its own. @throws the signal's reason when given up */
export async function runWorker(
  settings: WorkerSettings,
  around: Surroundings,
): Promise<WorkerResult> {
  const { documents, seed } = settings;
  around.onProgress('starting a Temporal server');
  const stage = await openReconcileStage({ seed, environment: {}, hasWebhook: false }, around);
  const slices: WorkerSlice[] = [];
  try {
    const variants = Object.entries(variantsFor(documents)).slice(0, settings.variants);
    for (let round = 0; round < settings.rounds; round += 1) {
      for (const [variant, options] of variants) {
        around.onProgress(`round ${round + 1}: ${variant}, ${documents} documents`);
        slices.push(await measure(stage, variant, options, documents));
      }
    }
  } finally {
    await stage.close();
  }
  const notArrived = slices.reduce((sum, slice) => sum + slice.notArrived, 0);
  return {
    benchmark: 'worker',
    definition: DEFINITION,
    settings,
    machine: machineOf(),
    failures: { notArrived, total: notArrived },
    slices,
  };
}

interface OpenDocument {
  readonly documentId: string;
  readonly signerId: string;
}

async function measure(
  stage: ReconcileStage,
  variant: string,
  options: MeasuredWorkerOptions,
  count: number,
): Promise<WorkerSlice> {
  const measured = await stage.spawn('worker', options);
  const documents = Array.from({ length: count }, () => {
    return { documentId: randomUUID(), signerId: randomUUID() };
  });
  await untilIdle(stage, measured);
  const idle = await usage(measured);
  const openedMs = await untilDone(stage, measured, documents, () => NO_NEWS);
  const opened = await usage(measured);
  const at = new Date().toISOString();
  const changedMs = await untilDone(stage, measured, documents, ({ signerId }) => ({
    source: 'batch',
    changes: [{ subject: 'signer', id: signerId, status: 'visited', at, position: 0 }],
  }));
  const changed = await usage(measured);
  const notArrived = await notArrivedOf(stage, documents);
  await measured.close();
  return {
    ...{ variant, openedMs, changedMs, notArrived },
    openCpuMsPerDocument: (opened.cpuMs - idle.cpuMs) / count,
    changeCpuMsPerDocument: (changed.cpuMs - opened.cpuMs) / count,
    idleRssBytes: idle.rssBytes,
    openRssBytes: opened.rssBytes,
    changedRssBytes: changed.rssBytes,
  };
}

const NO_NEWS: StatusReport = { source: 'provider', changes: [] };

async function usage({ pid }: MeasuredProcess): Promise<{ cpuMs: number; rssBytes: number }> {
  const found = await usageOf(pid);
  if (!found) throw new Error('the worker is gone, or there is no /proc here');
  return found;
}

/** @returns milliseconds until the worker had nothing left to do */
async function untilDone(
  stage: ReconcileStage,
  measured: MeasuredProcess,
  documents: readonly OpenDocument[],
  reportOf: (document: OpenDocument) => StatusReport,
): Promise<number> {
  const { client, signal } = stage;
  const queue = new PQueue({ concurrency: SIGNALS_AT_ONCE });
  const beganMs = performance.now();
  await queue.addAll(
    documents.map((document) => () => {
      signal.throwIfAborted();
      const { documentId, signerId } = document;
      const signers = [{ id: signerId, status: 'sent' as const }];
      const place = { client, taskQueue: DEFAULT_TASK_QUEUE };
      return signalDocument(place, { documentId, signers }, reportOf(document));
    }),
  );
  return (await untilIdle(stage, measured)) - beganMs;
}

/** @returns when that began, by `performance.now()` */
async function untilIdle({ signal }: ReconcileStage, measured: MeasuredProcess): Promise<number> {
  let idleLooks = 0;
  let idleSinceMs = performance.now();
  let before = await usage(measured);
  while (idleLooks < IDLE_LOOKS) {
    const beganMs = performance.now();
    await delay(LOOK_EVERY_MS, undefined, { signal });
    const now = await usage(measured);
    const share = (now.cpuMs - before.cpuMs) / (performance.now() - beganMs);
    before = now;
    if (share > IDLE_SHARE) idleLooks = 0;
    else if (idleLooks === 0) idleSinceMs = beganMs;
    if (share <= IDLE_SHARE) idleLooks += 1;
  }
  return idleSinceMs;
}

async function notArrivedOf(
  { client }: ReconcileStage,
  documents: readonly OpenDocument[],
): Promise<number> {
  const every = Math.max(Math.floor(documents.length / SAMPLE), 1);
  const sample = documents.filter((_, index) => index % every === 0);
  const queue = new PQueue({ concurrency: SIGNALS_AT_ONCE });
  const answers = await queue.addAll(
    sample.map(({ documentId }) => async () => {
      const handle = client.workflow.getHandle(documentWorkflowId(documentId));
      // A worker that answers no query in time is a finding, and not the end of the run.
      const view = await handle.query(progressQuery).catch(() => undefined);
      return view?.signers[0]?.status === 'visited';
    }),
  );
  return answers.filter((hasArrived) => !hasArrived).length;
}

function workerText({ settings, machine, failures, slices, definition }: WorkerResult): string {
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);
  const rows = [...new Set(slices.map(({ variant }) => variant))].map((variant) => {
    const own = slices.filter((slice) => slice.variant === variant);
    const of = (figure: Exclude<keyof WorkerSlice, 'variant'>): number =>
      median(own.map((slice) => slice[figure]));
    const rate = (ms: number): string => ((settings.documents / ms) * 1000).toFixed(0);
    return [
      variant,
      rate(of('openedMs')),
      of('openCpuMsPerDocument').toFixed(1),
      rate(of('changedMs')),
      of('changeCpuMsPerDocument').toFixed(1),
      megabytes(of('idleRssBytes')),
      megabytes(of('openRssBytes')),
      megabytes(of('changedRssBytes')),
    ];
  });
  const head = ['', 'begun/s', 'CPU ms', 'changes/s', 'CPU ms', 'MB idle', 'open', 'after'];
  return [
    `worker: ${settings.documents} open documents, Node ${machine.node}, ${machine.cores} cores`,
    failureLines(failures).join('\n'),
    table([head, ...rows]).join('\n'),
    definition,
  ].join('\n\n');
}
