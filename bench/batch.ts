/** A large batch: how soon it is acknowledged, and how fast its changes reach their documents. */
import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import PQueue from 'p-queue';
import { SIGNALS_AT_ONCE, signalDocument } from '../activities/signal-document.js';
import {
  callbackWorkflowId,
  documentWorkflowId,
  DEFAULT_TASK_QUEUE,
  WORKFLOW_TYPES,
  type CallbackDeliveryResult,
  type StatusChange,
} from '../workflows/contract.js';
import { atLeast, atMost, failureLines, machineOf, ratioOf, spreadRow } from './door-report.js';
import { totalOf, unansweredOf, verdictLines } from './door-report.js';
import type { DoorFailures, Verdict } from './door-report.js';
import type { Benchmark, BenchmarkReport, Surroundings } from './benchmark.js';
import { batchOfVisits, newDocuments, SIGNERS, type BenchDocument } from './door-callbacks.js';
import { openDoorStage, UNPOLLED, type Door, type DoorStage } from './door-stage.js';
import { table } from './text-table.js';
import { spread, type Spread } from './statistics.js';

/** What a run is told. */
export interface BatchSettings {
  readonly changes: number;
  readonly documents: number;
  readonly slices: number;
}

/** What one round measured. */
interface BatchSlice {
  readonly acknowledgedMs: number;
  /** A start with the same bytes. */
  readonly startedMs: number;
  /** From the request until the delivery's workflow had ended, and the documents had their news. */
  readonly deliveredMs: number;
  /** One signalWithStart per document, the same news, by a loop. */
  readonly signalledMs: number;
  readonly activities: number;
  /** Of the activities, those that may ask the provider. */
  readonly asking: number;
}

/** What a run comes to. */
export interface BatchResult {
  readonly benchmark: 'batch';
  readonly definition: string;
  readonly settings: BatchSettings;
  readonly machine: ReturnType<typeof machineOf>;
  readonly failures: DoorFailures & { readonly total: number };
  readonly acknowledgedMs: Spread;
  readonly startedMs: Spread;
  readonly acknowledgedPerStart: Spread;
  readonly changesPerSecond: Spread;
  /** Ours divided by the loop's. */
  readonly deliveredPerSignalled: Spread;
  readonly verdicts: readonly Verdict[];
  readonly slices: readonly BatchSlice[];
}

const DEFINITION =
  'A signed batch of so many changes over so many open documents, sent to the webhook. Started: a ' +
  'workflow that nobody polls is started with the same bytes as its input. Delivered: from the ' +
  "request until the delivery's workflow has ended, verification, start and routing included. " +
  'Signalled: the same news for the same documents by a loop of signalWithStart, one per document, ' +
  'with as many calls at once. Both until the documents told last have done their Workflow Tasks: ' +
  'what is only signalled has not arrived. The worker polls throughout.';

const LOOK_EVERY_MS = 200;

/** Told last, and so the last to have their news. */
const LAST_TOLD = 50;

/** `npm run bench -- batch`. */
export const batch: Benchmark<keyof BatchSettings> = {
  summary: 'A large batch acknowledged and delivered, beside a bare start and bare signals.',
  flags: {
    changes: { default: 10_000, min: 3, max: 12_000, help: 'of the batch' },
    documents: { default: 3_000, min: 1, max: 100_000, help: 'that they are of' },
    slices: { default: 3, min: 1, max: 1_000, help: 'rounds' },
  },
  async run(settings, around): Promise<BenchmarkReport> {
    const result = await runBatch(settings, around);
    return { json: result, text: batchText(result), failures: result.failures.total };
  },
};

/** Runs on parts of its own. @throws the signal's reason when given up */
export async function runBatch(
  settings: BatchSettings,
  around: Surroundings,
): Promise<BatchResult> {
  around.onProgress('starting a Temporal server, worker, sandbox and the webhook');
  const stage = await openDoorStage(around);
  try {
    return await measureBatch(stage, settings, around);
  } finally {
    await stage.close();
  }
}

/** Runs on a stage that is there, and on which no document is. */
export async function measureBatch(
  stage: DoorStage,
  settings: BatchSettings,
  { onProgress }: Surroundings,
): Promise<BatchResult> {
  const door = await stage.openWebhook();
  const documents = newDocuments(stage, settings.documents);
  onProgress(`starting the workflows of ${documents.length} documents`);
  await openAll(stage, documents);
  const failures = { notAnswered200: 0, notDelivered: 0 };
  const slices: BatchSlice[] = [];
  for (let slice = 0; slice < settings.slices; slice += 1) {
    stage.signal.throwIfAborted();
    slices.push(await measure(stage, door, documents, settings, failures));
    onProgress(`slice ${slice + 1} of ${settings.slices}`);
  }
  await door.end();
  return report(settings, slices, failures);
}

/** Resolves once visibility, by which signers are routed, shows all. */
async function openAll(stage: DoorStage, documents: readonly BenchDocument[]): Promise<void> {
  const place = { client: stage.client, taskQueue: DEFAULT_TASK_QUEUE };
  const queue = new PQueue({ concurrency: SIGNALS_AT_ONCE });
  await queue.addAll(
    documents.map(({ id, signers }) => () => {
      const known = signers.map((signer) => ({ id: signer, status: 'sent' as const }));
      const empty = { source: 'provider', changes: [] } as const;
      return signalDocument(place, { documentId: id, signers: known }, empty);
    }),
  );
  const query = `WorkflowType = '${WORKFLOW_TYPES.documentSigning}'`;
  while ((await stage.client.workflow.count(query)).count < documents.length) {
    await delay(LOOK_EVERY_MS, undefined, { signal: stage.signal });
  }
  await untilTaken(stage, documents);
}

/** Until no Workflow Task of theirs is left, those in a worker's sticky queue included. */
async function untilTaken(
  { client, signal }: DoorStage,
  documents: readonly BenchDocument[],
): Promise<void> {
  const queue = new PQueue({ concurrency: SIGNALS_AT_ONCE });
  let left = documents;
  for (;;) {
    const looks = left.map((document) => async () => {
      const { raw } = await client.workflow.getHandle(documentWorkflowId(document.id)).describe();
      return raw.pendingWorkflowTask ? [document] : [];
    });
    left = (await queue.addAll(looks)).flat();
    if (left.length === 0) return;
    // To look is work for the server, too.
    await delay(LOOK_EVERY_MS, undefined, { signal });
  }
}

async function measure(
  stage: DoorStage,
  { url }: Door,
  documents: readonly BenchDocument[],
  { changes }: BatchSettings,
  failures: { notAnswered200: number; notDelivered: number },
): Promise<BatchSlice> {
  const all = documents.flatMap(({ signers }) => signers);
  const signerIds = Array.from({ length: changes }, (_, index) => all[index % all.length] ?? '');
  const lastTold = documents.slice(0, Math.ceil(changes / SIGNERS)).slice(-LAST_TOLD);
  const callback = batchOfVisits(stage, signerIds);
  const data = new URLSearchParams(callback.body.toString()).get('data') ?? '';
  const startedMs = await timed(() => startWith(stage, data));
  const beganMs = performance.now();
  const sent = await stage.send({ url, callbacks: [callback], connections: 1 });
  failures.notAnswered200 += unansweredOf(sent, 1);
  const digest = createHash('sha256').update(data).digest('hex');
  const handle = stage.client.workflow.getHandle(callbackWorkflowId(digest));
  const result = (await handle.result()) as CallbackDeliveryResult;
  await untilTaken(stage, lastTold);
  const deliveredMs = performance.now() - beganMs;
  failures.notDelivered += changes - result.delivered;
  const activities = await activitiesOf(stage, callbackWorkflowId(digest));
  await untilTaken(stage, documents);
  const signalledMs = await timed(async () => {
    await signalAll(stage, documents, signerIds);
    await untilTaken(stage, lastTold);
  });
  await untilTaken(stage, documents);
  const acknowledgedMs = sent.timesMs[0] ?? NaN;
  return { acknowledgedMs, startedMs, deliveredMs, signalledMs, ...activities };
}

async function timed(action: () => Promise<unknown>): Promise<number> {
  const beganMs = performance.now();
  await action();
  return performance.now() - beganMs;
}

function startWith({ client }: DoorStage, text: string): Promise<unknown> {
  const workflowId = `bare:${randomUUID()}`;
  return client.workflow.start('bare', { workflowId, taskQueue: UNPOLLED, args: [text] });
}

/** What the batch said, told to each document at once. */
async function signalAll(
  { client }: DoorStage,
  documents: readonly BenchDocument[],
  signerIds: readonly string[],
): Promise<void> {
  const at = new Date(Math.floor(Date.now() / 1000) * 1000).toISOString();
  const owners = new Map(documents.flatMap(({ id, signers }) => signers.map((each) => [each, id])));
  const news = new Map<string, StatusChange[]>();
  for (const [position, id] of signerIds.entries()) {
    const owner = owners.get(id) ?? '';
    const changes = news.get(owner) ?? [];
    changes.push({ subject: 'signer', id, status: 'visited', at, position });
    news.set(owner, changes);
  }
  const place = { client, taskQueue: DEFAULT_TASK_QUEUE };
  const queue = new PQueue({ concurrency: SIGNALS_AT_ONCE });
  await queue.addAll(
    [...news].map(([documentId, changes]) => () => {
      return signalDocument(place, { documentId }, { source: 'batch', changes });
    }),
  );
}

async function activitiesOf(
  { client }: DoorStage,
  workflowId: string,
): Promise<Pick<BatchSlice, 'activities' | 'asking'>> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const scheduled = (events ?? []).flatMap((event) => {
    return event.activityTaskScheduledEventAttributes?.input?.payloads?.[0]?.data ?? [];
  });
  const asking = scheduled.filter((data) => {
    return (JSON.parse(Buffer.from(data).toString()) as { askProvider: boolean }).askProvider;
  });
  return { activities: scheduled.length, asking: asking.length };
}

function report(
  settings: BatchSettings,
  slices: readonly BatchSlice[],
  failures: DoorFailures,
): BatchResult {
  const of = (figure: keyof BatchSlice): number[] => slices.map((slice) => slice[figure]);
  const acknowledgedPerStart = ratioOf(of('acknowledgedMs'), of('startedMs'));
  // The same changes: whoever needs half the time is twice as fast.
  const deliveredPerSignalled = ratioOf(of('signalledMs'), of('deliveredMs'));
  const most = (figure: keyof BatchSlice): number => Math.max(...of(figure));
  return {
    benchmark: 'batch',
    definition: DEFINITION,
    settings,
    machine: machineOf(),
    failures: { ...failures, total: totalOf(failures) },
    acknowledgedMs: spread(of('acknowledgedMs')),
    startedMs: spread(of('startedMs')),
    acknowledgedPerStart,
    changesPerSecond: spread(of('deliveredMs').map((ms) => (settings.changes / ms) * 1000)),
    deliveredPerSignalled,
    verdicts: [
      atMost('acknowledged / started', acknowledgedPerStart.median, 3),
      atLeast('delivered / signalled', deliveredPerSignalled.median, 0.9),
      atMost('activities of a delivery', most('activities'), 12),
      atMost('of these, that ask the provider', most('asking'), 0),
    ],
    slices,
  };
}

function batchText(result: BatchResult): string {
  const { settings, machine, acknowledgedMs, startedMs, acknowledgedPerStart } = result;
  const { changes, documents } = settings;
  return [
    `batch: ${changes} changes of ${documents} documents with ${SIGNERS} signers, Node ${machine.node}, ${machine.cores} cores`,
    failureLines(result.failures).join('\n'),
    table([
      ['', 'median', 'min', 'max'],
      spreadRow('acknowledged, ms', acknowledgedMs),
      spreadRow('started, ms', startedMs),
      spreadRow('acknowledged / started', acknowledgedPerStart, 2),
      spreadRow('changes delivered/s', result.changesPerSecond),
      spreadRow('delivered / signalled', result.deliveredPerSignalled, 2),
    ]).join('\n'),
    verdictLines(result.verdicts).join('\n'),
    DEFINITION,
  ].join('\n\n');
}
