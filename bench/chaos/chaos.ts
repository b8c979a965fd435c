/** A day on which everything fails, and what is left of it. */
import { cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { seededRandom } from '../../sandbox/seeded-random.js';
import { documentWorkflowId, retrySignal } from '../../workflows/contract.js';
import type { ReconciliationReport } from '../../workflows/contract.js';
import type { Benchmark, BenchmarkReport, Surroundings } from '../benchmark.js';
import { CallbackCollector } from '../callback-collector.js';
import { failuresOf, type ChaosResult, type ChaosSettings } from './chaos-result.js';
import { chaosText } from './chaos-text.js';
import { openChaosStage, type ChaosStage } from './chaos-stage.js';
import { compareRecords, type Discrepancies } from './comparison.js';
import { planOutages, type Outage, type PlannedOutage } from './fault-plan.js';
import { SigningDayRun, type SigningDay } from './signing-day.js';

/** In force for the whole load. */
const FAULTS = {
  dropCallbacks: 0.3,
  duplicateCallbacks: 0.2,
  shuffleCallbacks: 1,
  delayCallbacksMs: 500,
  tamperCallbacks: 0.2,
  failApi: 0.05,
  slowPdfMs: 1_000,
} as const;

/** The first so many downloads of a hundred documents are not what they should be. */
const WRONG_PDFS_PER_HUNDRED = 5;
const CUT_PDFS_PER_HUNDRED = 5;
const RECEIVER_FAIL_SHARE = 0.1;

/** Half of them hold a process up for half a minute, whatever its load. */
const THROTTLES_PER_MINUTE = 4;
/** Of the provider's API: created, looked up, PDF and audit log. */
const CALLS_PER_DOCUMENT = 4;

/** Sockets to Temporal, provider and receivers come and go; a leak grows with the documents. */
const HANDLES_ALLOWED = 32;

/** Connections that idle are let go within a minute; what stays beyond is a leak. */
const HANDLES_REST_MS = 90_000;

const RECOVERY_LIMIT_MS = 10 * 60_000;
const RECOVERY_LIMIT_MS_PER_DOCUMENT = 100;
const RECONCILIATIONS_MAX = 3;
const RECOVERY_POLL_MS = 2_000;

/** `npm run chaos`. */
export const chaos: Benchmark<keyof ChaosSettings> = {
  summary: 'A day on which everything fails; then whether anything was lost, wrong or doubled.',
  flags: {
    documents: { default: 200, min: 1, max: 100_000, help: 'documents in all' },
    seed: { default: 1, min: 0, max: 999_999_999, help: 'of every fault, its time, every step' },
    minutes: { default: 2, min: 1, max: 600, help: 'of load and faults' },
  },
  async run(settings, around): Promise<BenchmarkReport> {
    const result = await runChaos(settings, around);
    return { json: result, text: chaosText(result), failures: failuresOf(result) };
  },
};

/** @throws the signal's reason when given up; whatever keeps the parts from starting */
export async function runChaos(
  settings: ChaosSettings,
  around: Surroundings,
): Promise<ChaosResult> {
  const { documents, seed, minutes } = settings;
  around.onProgress(`seed ${seed}: the same number makes the same faults again`);
  const random = seededRandom(seed);
  const durationMs = minutes * 60_000;
  const outages = planOutages(durationMs, random);
  const stage = await openChaosStage({ documents, seed, random }, around);
  const collector = new CallbackCollector(stage.sandbox);
  try {
    beginFaults(stage, settings);
    const run = new SigningDayRun(stage.countersign, stage.sandbox, {
      ...{ documents, durationMs, random },
    });
    const [day] = await Promise.all([
      run.run(around.signal, around.onProgress),
      carryOut(stage, outages, around),
    ]);
    return await conclude(stage, { settings, outages, day, collector }, around);
  } finally {
    collector.close();
    await stage.close();
  }
}

function beginFaults(
  { sandbox, http, mail }: ChaosStage,
  { documents, minutes }: ChaosSettings,
): void {
  const throttles = THROTTLES_PER_MINUTE * minutes;
  sandbox.changeFaults({
    ...FAULTS,
    throttleApi: Math.min(throttles / (documents * CALLS_PER_DOCUMENT), 0.1),
    wrongPdf: Math.ceil((documents * WRONG_PDFS_PER_HUNDRED) / 100),
    cutPdf: Math.ceil((documents * CUT_PDFS_PER_HUNDRED) / 100),
  });
  for (const receiver of [http, mail]) receiver.failShare = RECEIVER_FAIL_SHARE;
}

async function carryOut(
  stage: ChaosStage,
  outages: readonly PlannedOutage[],
  { signal, onProgress }: Surroundings,
): Promise<void> {
  const beganMs = performance.now();
  const until = async (atMs: number): Promise<void> => {
    const waitMs = atMs - (performance.now() - beganMs);
    if (waitMs > 0) await delay(waitMs, undefined, { signal });
    signal.throwIfAborted();
  };
  for (const planned of outages) {
    const { outage, fromMs, untilMs } = planned;
    await until(fromMs);
    onProgress(`${Math.round(fromMs / 1000)} s: ${outage} for ${untilMs - fromMs} ms`);
    await begin(stage, planned);
    await until(untilMs);
    await end(stage, planned);
  }
}

/** The processes that an outage kills. */
function victimsOf({ webhooks, workers, temporal }: ChaosStage, outage: Outage): Mortal[] {
  switch (outage) {
    case 'webhookA':
      return webhooks.slice(0, 1);
    case 'webhookB':
      return webhooks.slice(1);
    case 'bothWebhooks':
      return [...webhooks];
    case 'workerA':
      return workers.slice(0, 1);
    case 'workerB':
      return workers.slice(1);
    case 'bothWorkers':
      return [...workers];
    case 'temporal':
      return [temporal];
    case 'everything':
      return [temporal, ...webhooks, ...workers];
    case 'archiveFull':
    case 'httpReceiver':
    case 'mailServer':
    case 'clocks':
      return [];
  }
}

interface Mortal {
  kill(): Promise<void>;
  start(): Promise<void>;
}

async function begin(stage: ChaosStage, planned: PlannedOutage): Promise<void> {
  await Promise.all(victimsOf(stage, planned.outage).map((victim) => victim.kill()));
  await setSurroundings(stage, planned, true);
}

async function end(stage: ChaosStage, planned: PlannedOutage): Promise<void> {
  await setSurroundings(stage, planned, false);
  // In order: a worker does not start without its server.
  for (const victim of victimsOf(stage, planned.outage)) await victim.start();
}

async function setSurroundings(
  { webhooks, workers, disk, http, mail }: ChaosStage,
  { outage, clockStepMs }: PlannedOutage,
  isOut: boolean,
): Promise<void> {
  if (outage === 'archiveFull') await (isOut ? disk.fill() : disk.free());
  if (outage === 'httpReceiver') http.isDown = isOut;
  if (outage === 'mailServer') mail.isDown = isOut;
  if (outage === 'clocks') {
    // One webhook and one worker: the others tell the time as it is.
    for (const part of [webhooks[0], workers[0]]) await part?.stepClock(isOut ? clockStepMs : 0);
  }
}

interface Day {
  readonly settings: ChaosSettings;
  readonly outages: readonly PlannedOutage[];
  readonly day: SigningDay;
  readonly collector: CallbackCollector;
}

async function conclude(
  stage: ChaosStage,
  { settings, outages, day, collector }: Day,
  around: Surroundings,
): Promise<ChaosResult> {
  const { sandbox, countersign, webhooks, workers, temporal, http, mail, disk } = stage;
  sandbox.replaceFaults();
  for (const receiver of [http, mail]) receiver.failShare = 0;
  const endedMs = performance.now();
  await sandbox.flushCallbacks();
  await sandbox.idle();
  around.onProgress('the faults have ended: reconciliation, then the comparison');
  const runs = await reconcileAll(countersign);
  const { found, recoveryMs } = await untilAgreed(stage, endedMs, around);
  const second = await countersign.reconcile();
  const parts = [...webhooks, ...workers];
  for (const part of parts) await part.noteCrash();
  const crashes = parts.flatMap((part) => part.crashes);
  const leakedHandles = await handlesLeaked(parts, around.signal);
  const callbacks = sandbox.callbackCounters();
  const [{ documents, missedChanges, counts }] = runs;
  const { lost, wrong, doubled } = found;
  const kills = Object.fromEntries(parts.map(({ name, kills: count }) => [name, count]));
  return {
    benchmark: 'chaos',
    settings,
    machine: { node: process.version, cores: cpus().length },
    documents: sandbox.documents().length,
    ...{ lost: lost.length, wrong: wrong.length, doubled: doubled.length },
    forgedAccepted: callbacks.forgedAccepted,
    leakedHandles,
    crashed: crashes.length,
    unexpectedFailures: day.unexpected.length,
    recoveryMs,
    repairedBySecondRun: second.report.counts.repairedDocuments,
    examples: [...crashes, ...day.unexpected, ...lost, ...wrong, ...doubled].slice(0, 20),
    ...{ outages, kills: { ...kills, temporal: temporal.kills }, callbacks, day },
    refusedStarts: parts.flatMap((part) => part.refusedStarts),
    answers: answersOf(collector),
    reconciliation: { runs: runs.length, documents, missedChanges, counts },
    repeatedUnderSameKey: { http: repetitions(http.taken), mail: repetitions(mail.taken) },
    refusedByReceivers: { http: http.refused, mail: mail.refused },
    notTried: disk.problem === undefined ? [] : [disk.problem],
  };
}

/** As `reconciliation.failed` has operations do it: again, where something was left out. */
async function reconcileAll(
  countersign: ChaosStage['countersign'],
): Promise<[ReconciliationReport, ...ReconciliationReport[]]> {
  const first = await countersign.reconcile();
  const runs: [ReconciliationReport, ...ReconciliationReport[]] = [first.report];
  while (!runs.at(-1)?.isComplete && runs.length < RECONCILIATIONS_MAX) {
    runs.push((await countersign.reconcile()).report);
  }
  return runs;
}

async function handlesLeaked(
  parts: readonly { handlesGrown(): Promise<number> }[],
  signal: AbortSignal,
): Promise<number> {
  const deadlineMs = performance.now() + HANDLES_REST_MS;
  for (;;) {
    const grown = await Promise.all(parts.map((part) => part.handlesGrown()));
    const leaked = grown.reduce((sum, count) => sum + Math.max(count - HANDLES_ALLOWED, 0), 0);
    if (leaked === 0 || performance.now() > deadlineMs) return leaked;
    await delay(RECOVERY_POLL_MS, undefined, { signal });
  }
}

function answersOf(collector: CallbackCollector): Record<string, number> {
  const answers: Record<string, number> = {};
  for (const { forged, state, answer } of collector.records()) {
    if (forged || state === 'dropped') continue;
    const name = String(answer?.status ?? 'none');
    answers[name] = (answers[name] ?? 0) + 1;
  }
  return answers;
}

function repetitions(taken: ReadonlyMap<string, number>): number {
  return [...taken.values()].reduce((sum, count) => sum + count - 1, 0);
}

/** What failed for good meanwhile is mended now: operations send `retry`. */
async function untilAgreed(
  stage: ChaosStage,
  endedMs: number,
  { signal, onProgress }: Surroundings,
): Promise<{ found: Discrepancies; recoveryMs: number | undefined }> {
  const records = {
    sandbox: stage.sandbox,
    client: stage.client,
    archiveFolder: stage.disk.folder,
    receivers: { http: stage.http, mail: stage.mail },
  };
  const limitMs =
    RECOVERY_LIMIT_MS + stage.sandbox.documents().length * RECOVERY_LIMIT_MS_PER_DOCUMENT;
  let among: ReadonlySet<string> | undefined;
  for (;;) {
    await retryAttention(stage);
    const found = await compareRecords(records, among);
    const recoveryMs = performance.now() - endedMs;
    const open = found.lost.length + found.wrong.length;
    // What differed agrees now: the last word is a look at all of them.
    if (open === 0 && among === undefined) return { found, recoveryMs };
    const isBeyondMending = open > 0 && found.differing.size === 0;
    if (isBeyondMending || recoveryMs > limitMs) return { found, recoveryMs: undefined };
    among = open === 0 ? undefined : found.differing;
    if (open === 0) continue;
    onProgress(
      `${Math.round(recoveryMs / 1000)} s after: ${open} differ, ${found.lost[0] ?? found.wrong[0] ?? ''}`,
    );
    await delay(RECOVERY_POLL_MS, undefined, { signal });
  }
}

async function retryAttention({ client, sandbox }: ChaosStage): Promise<void> {
  const known = new Set(sandbox.documents().map(({ id }) => documentWorkflowId(id)));
  const query = `DocumentAttention IS NOT NULL AND ExecutionStatus = 'Running'`;
  for await (const { workflowId } of client.workflow.list({ query })) {
    if (known.has(workflowId)) await client.workflow.getHandle(workflowId).signal(retrySignal);
  }
}
