/** Temporal away: every callback answered at once, and delivered in order afterwards. */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { callbackWorkflowId } from '../workflows/contract.js';
import { answerTimesOf, atMost, failureLines, machineOf, totalOf } from './door-report.js';
import { unansweredOf, verdictLines } from './door-report.js';
import type { AnswerTimes, DoorFailures, Verdict } from './door-report.js';
import type { Benchmark, BenchmarkReport, Surroundings } from './benchmark.js';
import type { LoadResult, SignedCallback } from './callback-load.js';
import { batchOfVisits, newDocuments, SIGNERS, untilArrived, visits } from './door-callbacks.js';
import type { BenchDocument } from './door-callbacks.js';
import { openDoorStage, type Door, type DoorStage } from './door-stage.js';
import { table } from './text-table.js';

/** What a run is told. */
export interface OutageSettings {
  readonly minutes: number;
  readonly seconds: number;
  readonly rate: number;
}

/** What a run comes to. */
export interface OutageResult {
  readonly benchmark: 'outage';
  readonly definition: string;
  readonly settings: OutageSettings;
  readonly machine: ReturnType<typeof machineOf>;
  readonly callbacks: number;
  readonly failures: DoorFailures & { readonly total: number };
  readonly answers: AnswerTimes;
  /** From Temporal's return until nothing waited any more. */
  readonly handedOverSeconds: number;
  readonly verdicts: readonly Verdict[];
}

const DEFINITION =
  'Temporal is killed. Realtime callbacks of documents with three signers come at a steady rate, ' +
  'each due at its time, and every second a batch. Halfway the webhook is killed and another one ' +
  "started. Then Temporal comes back. What was answered is looked for in the documents' workflows; " +
  'the batches, each a workflow of its own, must have been started in the order of their arrival.';

const HAND_OVER_LIMIT_MS = 600_000;
const ARRIVAL_LIMIT_MS = 1_800_000;
const ASK_EVERY_MS = 200;

/** `npm run bench -- outage`. */
export const outage: Benchmark<keyof OutageSettings> = {
  summary: 'Callbacks while Temporal is away and the webhook is killed: answers and what arrives.',
  flags: {
    minutes: { default: 1, min: 0, max: 600, help: 'that Temporal is away' },
    seconds: { default: 0, min: 0, max: 59, help: 'more' },
    rate: { default: 50, min: 1, max: 5_000, help: 'callbacks a second' },
  },
  async run(settings, around): Promise<BenchmarkReport> {
    const result = await runOutage(settings, around);
    return { json: result, text: outageText(result), failures: result.failures.total };
  },
};

/** Callbacks of one half of the outage. */
interface Half {
  readonly documents: readonly BenchDocument[];
  readonly callbacks: readonly SignedCallback[];
  /** Workflow IDs of the batches among them, in order. */
  readonly batches: readonly string[];
}

/** Runs on parts of its own. @throws the signal's reason when given up */
export async function runOutage(
  settings: OutageSettings,
  around: Surroundings,
): Promise<OutageResult> {
  around.onProgress('starting a Temporal server, worker, sandbox and the webhook');
  const stage = await openDoorStage(around);
  try {
    return await measureOutage(stage, settings, around);
  } finally {
    await stage.close();
  }
}

/** Runs on a stage that is there. */
export async function measureOutage(
  stage: DoorStage,
  settings: OutageSettings,
  { onProgress }: Surroundings,
): Promise<OutageResult> {
  const seconds = Math.max(2, settings.minutes * 60 + settings.seconds);
  onProgress('signing callbacks');
  const halves = [
    await prepare(stage, settings.rate, Math.floor(seconds / 2)),
    await prepare(stage, settings.rate, Math.ceil(seconds / 2)),
  ];
  const first = await stage.openWebhook();
  await stage.killTemporal();
  onProgress(`Temporal is away for ${seconds} s`);
  const results = [await sendHalf(stage, first, halves[0], settings)];
  await first.end('SIGKILL');
  const second = await stage.openWebhook();
  results.push(await sendHalf(stage, second, halves[1], settings));
  await stage.startTemporal();
  onProgress('Temporal is back');
  const handedOverSeconds = await untilHandedOver(stage, second);
  onProgress('looking for what arrived');
  const callbacks = halves.reduce((sum, half) => sum + half.callbacks.length, 0);
  const sent = results.map((result, index) => {
    return unansweredOf(result, halves[index]?.callbacks.length ?? 0);
  });
  const documents = halves.flatMap((half) => half.documents);
  const failures = {
    notAnswered200: sent.reduce((sum, count) => sum + count, 0),
    notArrived: await untilArrived(stage, documents, ARRIVAL_LIMIT_MS),
    ...(await inspectBatches(
      stage.client,
      halves.flatMap(({ batches }) => batches),
    )),
  };
  const answers = answerTimesOf(results);
  return {
    benchmark: 'outage',
    definition: DEFINITION,
    settings,
    machine: machineOf(),
    callbacks,
    failures: { ...failures, total: totalOf(failures) },
    answers,
    handedOverSeconds,
    verdicts: [atMost('p99 of the answers, ms', answers.p99Ms, 100)],
  };
}

/** A batch per second takes the place of a realtime callback. */
async function prepare(stage: DoorStage, rate: number, seconds: number): Promise<Half> {
  const documents = newDocuments(stage, Math.ceil((rate * seconds) / SIGNERS));
  const realtime = await visits(stage, documents);
  const callbacks: SignedCallback[] = [];
  const batches: string[] = [];
  for (const [index, callback] of realtime.entries()) {
    if (index % rate === 0) {
      const document = documents[Math.floor(index / SIGNERS)];
      // One second at the provider's clock is one text: the first signer's entry tells them apart.
      const batch = batchOfVisits(stage, document?.signers ?? []);
      batches.push(batchWorkflowId(batch));
      callbacks.push(batch);
    }
    callbacks.push(callback);
  }
  return { documents, callbacks, batches };
}

function batchWorkflowId({ body }: SignedCallback): string {
  const data = new URLSearchParams(body.toString()).get('data') ?? '';
  return callbackWorkflowId(createHash('sha256').update(data).digest('hex'));
}

function sendHalf(
  stage: DoorStage,
  { url }: Door,
  half: Half | undefined,
  { rate }: OutageSettings,
): Promise<LoadResult> {
  return stage.send({ url, callbacks: half?.callbacks ?? [], perSecond: rate });
}

async function untilHandedOver(stage: DoorStage, door: Door): Promise<number> {
  const beganMs = performance.now();
  while ((await stage.metric(door, 'countersign_spool_in_use')) > 0) {
    if (performance.now() - beganMs > HAND_OVER_LIMIT_MS) return NaN;
    await delay(ASK_EVERY_MS, undefined, { signal: stage.signal });
  }
  return (performance.now() - beganMs) / 1000;
}

/** Each must have its workflow, and none may have been started before the one in front of it. */
async function inspectBatches(
  client: Client,
  workflowIds: readonly string[],
): Promise<{ batchMissing: number; batchOutOfOrder: number }> {
  let batchMissing = 0;
  let batchOutOfOrder = 0;
  let latestMs = 0;
  for (const workflowId of workflowIds) {
    try {
      const { startTime } = await client.workflow.getHandle(workflowId).describe();
      if (startTime.getTime() < latestMs) batchOutOfOrder += 1;
      latestMs = startTime.getTime();
    } catch {
      batchMissing += 1;
    }
  }
  return { batchMissing, batchOutOfOrder };
}

function outageText(result: OutageResult): string {
  const { settings, machine, callbacks, answers, handedOverSeconds } = result;
  const { minutes, seconds, rate } = settings;
  return [
    `outage: ${minutes} min ${seconds} s, ${callbacks} callbacks at ${rate}/s, Node ${machine.node}, ${machine.cores} cores`,
    failureLines(result.failures).join('\n'),
    table([
      ['answered within, ms', 'p50', 'p99', 'max'],
      ['all', ...[answers.p50Ms, answers.p99Ms, answers.maxMs].map((ms) => ms.toFixed(1))],
    ]).join('\n'),
    `handed over within ${handedOverSeconds.toFixed(1)} s`,
    verdictLines(result.verdicts).join('\n'),
    DEFINITION,
  ].join('\n\n');
}
