/** Documents from creation to closed workflow, beside workflows that do nothing. */
import { seededRandom } from '../sandbox/seeded-random.js';
import { bareShapeOf, runBareSlice } from './bare-slice.js';
import type { BareShape } from './bare-workflow.js';
import type { Benchmark, BenchmarkReport, Surroundings } from './benchmark.js';
import { openBenchStage } from './bench-stage.js';
import type { BenchStage } from './bench-stage.js';
import { CallbackCollector } from './callback-collector.js';
import { FailureTally } from './failure-tally.js';
import { inspectAnnouncements, inspectArchive, inspectWorkflows } from './inspection.js';
import { lifecycleText } from './lifecycle-text.js';
import { describeMachine } from './machine.js';
import { acknowledgementOf, actionsOf, throughputOf } from './report.js';
import type { LifecycleResult, LifecycleSettings, Slice } from './report.js';
import { signDocuments } from './signed-documents.js';

/** Long enough for the callbacks that trail, short enough to be waited for. */
const LINGER_MS = 2_000;

/** The provider's six minutes, made shorter; the linger covers it, as the default one does. */
const BATCH_INTERVAL_MS = 1_000;

/** The provider takes seconds; long enough for the last signature to be a moment of its own. */
const FINAL_PDF_DELAY_MS = 50;

/** All callbacks are sent twice and change places, batches among their parts. */
const FAULTS = { duplicateCallbacks: 1, shuffleCallbacks: 1 } as const;

/** `npm run bench -- lifecycle`. */
export const lifecycle: Benchmark<keyof LifecycleSettings> = {
  summary:
    'Documents created, signed, archived, announced and closed; callbacks doubled, shuffled.',
  flags: {
    documents: { default: 1_000, min: 1, max: 1_000_000, help: 'documents in all' },
    signers: { default: 3, min: 1, max: 50, help: 'signers of each' },
    seed: { default: 1, min: 0, max: 999_999_999, help: 'of the faults and the signing order' },
    slices: { default: 4, min: 1, max: 1_000, help: 'parts, each followed by a bare one' },
  },
  async run(settings, around): Promise<BenchmarkReport> {
    const result = await runLifecycle(settings, around);
    const failures = result.failures.total;
    return { json: result, text: lifecycleText(result), failures, figures: figuresOf(result) };
  },
};

function figuresOf({ throughput, acknowledgement, actions }: LifecycleResult) {
  return {
    'ours / bare': throughput.ratio.median,
    'Actions per document': actions.perDocument,
    'ours, documents/s': throughput.ours.median,
    'bare, documents/s': throughput.bare.median,
    'acknowledgement, p50 ms': acknowledgement.p50Ms,
    'acknowledgement, p99 ms': acknowledgement.p99Ms,
  };
}

/**
 * Runs on parts of its own, all in this process but the Temporal server.
 * @throws the signal's reason when given up; whatever keeps the parts from starting
 */
export async function runLifecycle(
  settings: LifecycleSettings,
  around: Surroundings,
): Promise<LifecycleResult> {
  const { seed } = settings;
  // In memory: the stand-in's own files are not what is measured.
  const sandbox = {
    seed,
    batchIntervalMs: BATCH_INTERVAL_MS,
    finalPdfDelayMs: FINAL_PDF_DELAY_MS,
  };
  around.onProgress('starting a Temporal server, sandbox, worker, webhook and receiver');
  const stage = await openBenchStage({ sandbox, lingerMs: LINGER_MS }, around);
  const callbacks = new CallbackCollector(stage.sandbox);
  try {
    stage.sandbox.changeFaults(FAULTS);
    return await measure(stage, settings, callbacks, around);
  } finally {
    callbacks.close();
    await stage.close();
  }
}

async function measure(
  stage: BenchStage,
  settings: LifecycleSettings,
  callbacks: CallbackCollector,
  { onProgress }: Surroundings,
): Promise<LifecycleResult> {
  const failures = new FailureTally();
  const { slices, shape, documentIds } = await runSlices(stage, settings, failures, onProgress);
  onProgress('reading histories, archive and announcements');
  const actions = await inspectWorkflows(stage, documentIds, failures);
  await inspectArchive(stage, documentIds, failures);
  inspectAnnouncements(stage, documentIds, failures);
  const records = callbacks.records();
  callbacks.noteUnanswered(failures);
  return {
    benchmark: 'lifecycle',
    settings: { ...settings, lingerMs: LINGER_MS, batchIntervalMs: BATCH_INTERVAL_MS },
    machine: describeMachine(),
    failures: { total: failures.total, ...failures.counts, examples: failures.examples },
    throughput: throughputOf(slices, shape),
    acknowledgement: acknowledgementOf(records),
    actions: actionsOf(actions, documentIds.length),
  };
}

async function runSlices(
  stage: BenchStage,
  { documents, signers, seed, slices: parts }: LifecycleSettings,
  failures: FailureTally,
  onProgress: (line: string) => void,
): Promise<{ slices: Slice[]; shape: BareShape; documentIds: string[] }> {
  const random = seededRandom(seed);
  const slices: Slice[] = [];
  const documentIds: string[] = [];
  let shape: BareShape | undefined;
  for (const count of partSizes(documents, parts)) {
    const order = { documents: count, signers, lingerMs: LINGER_MS, random };
    const signed = await signDocuments(stage, order);
    documentIds.push(...signed.documentIds);
    for (const reason of signed.notCreated) failures.note('documentNotCreated', reason);
    for (const id of signed.notClosed) failures.note('workflowNotClosed', id);
    shape ??= await bareShapeOf(stage, signed.documentIds);
    const bare = await runBareSlice(stage, count, shape);
    const slice = { documents: count, oursMs: signed.durationMs, bareMs: bare.durationMs };
    slices.push(slice);
    onProgress(progressOf(slice, documentIds.length, documents));
  }
  return { slices, shape: shape ?? { signals: 0, activities: 0 }, documentIds };
}

function partSizes(total: number, parts: number): number[] {
  const count = Math.min(total, parts);
  return Array.from(
    { length: count },
    (_, index) => Math.floor((total * (index + 1)) / count) - Math.floor((total * index) / count),
  );
}

function progressOf({ documents, oursMs, bareMs }: Slice, done: number, all: number): string {
  const rate = (ms: number): string => `${((documents / ms) * 1_000).toFixed(1)}/s`;
  return `${done} of ${all} documents: ours ${rate(oursMs)}, bare ${rate(bareMs)}`;
}
