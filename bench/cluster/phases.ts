/** The phases of a run of `cluster`. */
import { cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowNotFoundError } from '@temporalio/client';
import { reconcile } from '../../client/reconcile.js';
import { DEFAULT_TASK_QUEUE, documentWorkflowId } from '../../workflows/contract.js';
import type { FailureTally } from '../failure-tally.js';
import { deadlineFor, signDocuments } from '../signed-documents.js';
import type { SliceOrder } from '../signed-documents.js';
import { untilClosed, untilNothingRuns } from '../until-closed.js';
import type { ClusterStage } from './cluster-stage.js';
import { usageOf } from '../ready-process.js';
import { bottleneckOf } from './report.js';
import type { Phase, ProcessUse, ReconciliationPhase, RollingRestart } from './report.js';

/** Ourselves: the provider's stand-in, the client, the balancer, the receiver. */
const OUTSIDE = 'outside (sandbox, client)';

/** What a phase adds to. */
export interface Ledger {
  /** Of all phases so far. */
  readonly documentIds: string[];
  readonly failures: FailureTally;
}

/** Signs documents with the workers that there are, and measures every process. */
export async function measurePhase(
  stage: ClusterStage,
  order: SliceOrder,
  ledger: Ledger,
): Promise<Phase> {
  const before = await usages(stage);
  const machineBefore = machineTimes();
  const beganMs = performance.now();
  const durationMs = await signAndNote(stage, order, ledger);
  const elapsedMs = performance.now() - beganMs;
  const machineBusy = busyShare(machineBefore, machineTimes());
  const after = await usages(stage);
  const { documents } = order;
  const processes = [...after].map(([process, { cpuMs, rssBytes }]): ProcessUse => {
    const usedMs = cpuMs - (before.get(process)?.cpuMs ?? 0);
    return {
      process,
      cpuMsPerDocument: usedMs / documents,
      share: usedMs / elapsedMs,
      rssMiB: Math.round(rssBytes / 2 ** 20),
    };
  });
  return {
    ...{ workers: stage.workers.length, documents, machineBusy, processes },
    documentsPerS: (documents / durationMs) * 1_000,
    bottleneck: bottleneckOf(machineBusy, processes, cpus().length),
  };
}

async function signAndNote(
  stage: ClusterStage,
  order: SliceOrder,
  { documentIds, failures }: Ledger,
): Promise<number> {
  const signed = await signDocuments(stage, order);
  documentIds.push(...signed.documentIds);
  for (const reason of signed.notCreated) failures.note('documentNotCreated', reason);
  for (const id of signed.notClosed) failures.note('workflowNotClosed', id);
  return signed.durationMs;
}

type Usages = ReadonlyMap<string, { readonly cpuMs: number; readonly rssBytes: number }>;

async function usages(stage: ClusterStage): Promise<Usages> {
  const { user, system } = process.cpuUsage();
  const outside = { cpuMs: (user + system) / 1_000, rssBytes: process.memoryUsage.rss() };
  const all = new Map([[OUTSIDE, outside]]);
  for (const { name, pid } of stage.processes()) {
    const usage = await usageOf(pid);
    if (usage) all.set(name, usage);
  }
  return all;
}

interface MachineTimes {
  readonly idleMs: number;
  readonly allMs: number;
}

function machineTimes(): MachineTimes {
  return cpus().reduce(
    ({ idleMs, allMs }, { times }) => ({
      idleMs: idleMs + times.idle,
      allMs: allMs + Object.values(times).reduce((sum, ms) => sum + ms, 0),
    }),
    { idleMs: 0, allMs: 0 },
  );
}

function busyShare(before: MachineTimes, after: MachineTimes): number {
  return 1 - (after.idleMs - before.idleMs) / (after.allMs - before.allMs);
}

/** Replaces every worker and every webhook once, while documents are signed without a pause. */
export async function rollingRestart(
  stage: ClusterStage,
  order: SliceOrder,
  ledger: Ledger,
): Promise<RollingRestart> {
  const documentsBefore = ledger.documentIds.length;
  const passedOnBefore = stage.balancer.passedOn;
  let isRestarting = true;
  const load = async (): Promise<void> => {
    do await signAndNote(stage, order, ledger);
    while (isRestarting);
  };
  const loading = load();
  const restartMs: number[] = [];
  const timed = async (restart: Promise<void>): Promise<void> => {
    const beganMs = performance.now();
    await restart;
    restartMs.push(Math.round(performance.now() - beganMs));
  };
  try {
    for (const index of stage.workers.keys()) await timed(stage.restartWorker(index));
    for (const index of stage.webhooks.keys()) await timed(stage.restartWebhook(index));
  } finally {
    isRestarting = false;
    await loading;
  }
  return {
    documents: ledger.documentIds.length - documentsBefore,
    restarts: restartMs.length,
    restartMs,
    passedOn: stage.balancer.passedOn - passedOnBefore,
  };
}

/** Completes documents without a further callback: a reconciliation is to find all of it. */
export async function reconciliationPhase(
  stage: ClusterStage,
  order: SliceOrder,
  { documentIds, failures }: Ledger,
): Promise<ReconciliationPhase> {
  const { sandbox, client, signal } = stage;
  const { documents, signers } = order;
  const created = sandbox.createDocuments(documents, { signers }).map(({ id }) => id);
  documentIds.push(...created);
  await untilKnown(stage, created);
  for (const id of created) sandbox.muteDocument(id);
  for (const id of created) await sandbox.completeDocument(id);
  const { changes: lostChanges } = sandbox.losses();
  const start = { client, taskQueue: DEFAULT_TASK_QUEUE };
  const beganMs = performance.now();
  const { missedChanges } = (await reconcile(start, {})).report;
  const durationMs = performance.now() - beganMs;
  const workflowIds = created.map((id) => documentWorkflowId(id));
  for (const id of await untilClosed(client, workflowIds, deadlineFor(documents), signal)) {
    failures.note('workflowNotClosed', id);
  }
  await untilNothingRuns(client, deadlineFor(0), signal);
  const { missedChanges: missedChangesAfter } = (await reconcile(start, {})).report;
  const difference = Math.abs(lostChanges - missedChanges);
  failures.note('reconciliationDiffers', `${missedChanges} of ${lostChanges} found`, difference);
  failures.note('reconciliationDiffers', 'a second run found more', missedChangesAfter);
  return { documents, lostChanges, missedChanges, durationMs, missedChangesAfter };
}

const KNOWN_POLL_MS = 200;

/** Their callbacks are delivered, and the provider's answer to their first question is in. */
async function untilKnown(stage: ClusterStage, ids: readonly string[]): Promise<void> {
  await stage.sandbox.flushCallbacks();
  await stage.sandbox.idle();
  const deadlineMs = deadlineFor(ids.length);
  for (const id of ids) {
    while (!(await hasAsked(stage, id))) {
      if (Date.now() > deadlineMs) throw new Error(`${documentWorkflowId(id)} does not begin`);
      await delay(KNOWN_POLL_MS, undefined, { signal: stage.signal });
    }
  }
}

async function hasAsked({ client }: ClusterStage, id: string): Promise<boolean> {
  try {
    const { events } = await client.workflow.getHandle(documentWorkflowId(id)).fetchHistory();
    return events?.some((event) => event.activityTaskCompletedEventAttributes) ?? false;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
