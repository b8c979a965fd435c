/** A reconciliation of many documents with nothing to repair, beside merely fetching its pages. */
import { cpus, loadavg } from 'node:os';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { defaultPayloadConverter } from '@temporalio/common';
import type { Benchmark, BenchmarkReport, Surroundings } from './benchmark.js';
import type { MeasuredProcess, PageAsked } from './measured-process.js';
import { reconcileResultOf, reconcileText } from './reconcile-report.js';
import type { MeasuredRun, ReconcileResult, ReconcileSettings, Round } from './reconcile-report.js';
import { openReconcileStage } from './reconcile-stage.js';
import type { ReconcileStage } from './reconcile-stage.js';
import { historiesOf } from './run-histories.js';
import { sumOf, temporalActions, totalOf } from './temporal-actions.js';
import type { HistoryEvent } from './temporal-actions.js';
import { documentWorkflowId, WORKFLOW_TYPES } from '../workflows/contract.js';
import type {
  ReconcilePageInput,
  ReconcilePageResult,
  ReconciliationReport,
} from '../workflows/contract.js';
import { pagesIn } from '../workflows/reconciliation-state.js';

const TASK_QUEUE = 'countersign';

/** Documents of this group get a workflow, all others are ignored. */
const FOLLOWED_GROUP = 'followed';
const OTHER_GROUP = 'other';

/** As many as a worker asks the provider for at a time. */
const PAGES_AT_ONCE = 2;

/** The sandbox takes as many in one call. */
const CREATED_AT_ONCE = 50_000;

/** A start, and a Workflow Task scheduled, started and completed. */
const EVENTS_ONCE_BEGUN = 4;

/** One to begin workflows, one to see that all are in step; visibility may lag. */
const SETTLING_RUNS = 5;

/** `npm run bench -- reconcile`. */
export const reconcile: Benchmark<keyof ReconcileSettings> = {
  summary: 'A reconciliation with nothing to repair: its time beside fetching alone, RSS, Actions.',
  flags: {
    documents: { default: 100_000, min: 1, max: 500_000, help: 'documents in the listing' },
    open: {
      default: 10_000,
      min: 0,
      max: 500_000,
      help: 'of them with an open workflow; the rest is ignored',
    },
    small: { default: 1_000, min: 1, max: 500_000, help: 'documents of the run compared with' },
    page: { default: 500, min: 20, max: 1_000, help: 'documents asked for at a time' },
    rounds: { default: 3, min: 1, max: 100, help: 'runs, each followed by fetching alone' },
    latency: { default: 0, min: 0, max: 60_000, help: 'before the sandbox gives a page, in ms' },
    seed: { default: 1, min: 0, max: 999_999_999, help: 'of the sandbox' },
  },
  async run(settings, around): Promise<BenchmarkReport> {
    const result = await runReconcile(settings, around);
    return { json: result, text: reconcileText(result), failures: result.failures.total };
  },
};

/**
 * Runs on parts of its own. The small list comes first; then the list grows.
 * @throws the signal's reason when given up; whatever keeps the parts from starting
 */
export async function runReconcile(
  settings: ReconcileSettings,
  around: Surroundings,
): Promise<ReconcileResult> {
  const environment = {
    RECONCILE_ADOPT: `ignore,${FOLLOWED_GROUP}=adopt`,
    RECONCILE_PAGE_SIZE: String(settings.page),
  };
  around.onProgress('starting a Temporal server and the sandbox');
  const options = { seed: settings.seed, environment, hasWebhook: false };
  const stage = await openReconcileStage(options, around);
  try {
    const open = Math.min(settings.open, settings.documents);
    const small = Math.min(settings.small, settings.documents);
    const smallOpen = Math.min(open, small);
    const first = createDocuments(stage, FOLLOWED_GROUP, smallOpen);
    createDocuments(stage, OTHER_GROUP, small - smallOpen);
    const [smallRounds] = await measureList(stage, settings, [small, first], around);
    const more = createDocuments(stage, FOLLOWED_GROUP, open - smallOpen);
    createDocuments(stage, OTHER_GROUP, settings.documents - small - (open - smallOpen));
    const { documents } = settings;
    const [rounds, backfill] = await measureList(stage, settings, [documents, more], around);
    const machine = { node: process.version, cores: cpus().length, load: loadavg()[0] ?? NaN };
    return reconcileResultOf({
      settings: { ...settings, open },
      machine,
      smallRounds,
      rounds,
      backfill,
    });
  } finally {
    await stage.close();
  }
}

/** @returns their IDs */
function createDocuments({ sandbox }: ReconcileStage, group: string, count: number): string[] {
  const ids: string[] = [];
  for (let left = count; left > 0; left -= CREATED_AT_ONCE) {
    const created = sandbox.createDocuments(Math.min(left, CREATED_AT_ONCE), { group, signers: 2 });
    for (const { id } of created) ids.push(id);
  }
  return ids;
}

async function measureList(
  stage: ReconcileStage,
  { rounds: count, latency }: ReconcileSettings,
  [documents, followed]: readonly [documents: number, followed: readonly string[]],
  { onProgress }: Surroundings,
): Promise<[Round[], MeasuredRun]> {
  onProgress(`${documents} documents: beginning the workflows of those that get one`);
  const backfill = await settle(stage, followed, onProgress);
  stage.sandbox.changeFaults({ slowListingMs: latency });
  // Fresh ones: what beginning workflows took is not to be seen in what a run takes.
  const worker = await stage.spawn('worker');
  const fetcher = await stage.spawn('fetcher');
  const rounds: Round[] = [];
  for (let round = 0; round < count; round += 1) {
    const measured = await runOnce(stage, worker);
    const { pages } = measured;
    const fetchMs = await fetcher.ask({ kind: 'fetch', pages, atOnce: PAGES_AT_ONCE });
    const fetchOneByOneMs = await fetcher.ask({ kind: 'fetch', pages, atOnce: 1 });
    rounds.push({ ...measured, fetchMs, fetchOneByOneMs });
    onProgress(
      `${documents} documents: run ${(measured.durationMs / 1000).toFixed(2)} s, ` +
        `fetching alone ${(fetchMs / 1000).toFixed(2)} s, RSS ${(measured.peakRssBytes / 1e6).toFixed(0)} MB`,
    );
  }
  await worker.close();
  await fetcher.close();
  stage.sandbox.changeFaults({ slowListingMs: 0 });
  return [rounds, backfill];
}

/** @returns the first run, which begins the workflows */
async function settle(
  stage: ReconcileStage,
  followed: readonly string[],
  onProgress: Surroundings['onProgress'],
): Promise<MeasuredRun> {
  const worker = await stage.spawn('worker');
  const runs: MeasuredRun[] = [];
  for (;;) {
    const run = await runOnce(stage, worker);
    runs.push(run);
    const { repairedDocuments, falseAlarms } = run.report.counts;
    const seconds = (run.durationMs / 1000).toFixed(1);
    onProgress(`${repairedDocuments} workflows begun or told in ${seconds} s`);
    if (repairedDocuments + falseAlarms === 0 || runs.length === SETTLING_RUNS) break;
  }
  const beganMs = performance.now();
  await untilBegun(stage, followed);
  onProgress(
    `their first tasks took another ${((performance.now() - beganMs) / 1000).toFixed(1)} s`,
  );
  await worker.close();
  return runs[0] ?? Promise.reject(new Error('no run'));
}

/** Until workers have done the first tasks, by one in twenty: the next worker has none of them. */
async function untilBegun(
  { client, signal }: ReconcileStage,
  followed: readonly string[],
): Promise<void> {
  for (const id of followed.filter((_, index) => index % 20 === 0)) {
    const handle = client.workflow.getHandle(documentWorkflowId(id));
    while ((await handle.describe()).historyLength < EVENTS_ONCE_BEGUN)
      await delay(100, undefined, { signal });
  }
}

async function runOnce(stage: ReconcileStage, worker: MeasuredProcess): Promise<MeasuredRun> {
  const { client, signal } = stage;
  const workflowId = `reconciliation-bench-${randomUUID()}`;
  const restRssBytes = await worker.ask({ kind: 'watchRss' });
  const beganMs = performance.now();
  const report: unknown = await client.withAbortSignal(signal, () =>
    client.workflow.execute(WORKFLOW_TYPES.reconciliation, {
      ...{ workflowId, taskQueue: TASK_QUEUE, args: [{}] },
    }),
  );
  const durationMs = performance.now() - beganMs;
  const peakRssBytes = await worker.ask({ kind: 'peakRss' });
  const histories = await historiesOf(client, workflowId);
  const events = histories.flatMap((history) => history.events ?? []);
  const actions = sumOf(temporalActions(events));
  return {
    ...{ report: report as ReconciliationReport, durationMs, restRssBytes, peakRssBytes },
    ...{ actions, actionCount: totalOf(actions), pages: pagesRead(events) },
  };
}

/** What an activity left of the pages asked for was asked for again. */
function pagesRead(events: readonly HistoryEvent[]): PageAsked[] {
  const asked = new Map<string, ReconcilePageInput>();
  return events.flatMap((event) => {
    const scheduled = event.activityTaskScheduledEventAttributes;
    const input = scheduled?.input?.payloads?.[0];
    // Runs that continue one another count their events from one again.
    if (scheduled) asked.delete(String(event.eventId));
    if (scheduled?.activityType?.name === 'reconcilePage' && input) {
      asked.set(String(event.eventId), defaultPayloadConverter.fromPayload(input));
    }
    const completed = event.activityTaskCompletedEventAttributes;
    const read = asked.get(String(completed?.scheduledEventId));
    const result = completed?.result?.payloads?.[0];
    if (!read || !result) return [];
    const pages = pagesIn(defaultPayloadConverter.fromPayload<ReconcilePageResult>(result));
    const { offset: first, furtherOffsets = [], limit } = read;
    return [first, ...furtherOffsets].slice(0, pages).map((offset) => ({ offset, limit }));
  });
}
