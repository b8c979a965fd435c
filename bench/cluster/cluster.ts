/** Countersign as in production: Temporal's server on PostgreSQL, webhooks and workers apart. */
import { seededRandom } from '../../sandbox/seeded-random.js';
import type { Benchmark, BenchmarkReport, Surroundings } from '../benchmark.js';
import { CallbackCollector } from '../callback-collector.js';
import { FailureTally } from '../failure-tally.js';
import { inspectAnnouncements, inspectArchive, inspectWorkflows } from '../inspection.js';
import { describeMachine } from '../machine.js';
import { acknowledgementOf } from '../report.js';
import type { SliceOrder } from '../signed-documents.js';
import { totalOf } from '../temporal-actions.js';
import { openClusterStage } from './cluster-stage.js';
import type { ClusterStage } from './cluster-stage.js';
import { clusterText } from './cluster-text.js';
import { largeBatchPhase } from './large-batch.js';
import { measurePhase, reconciliationPhase, rollingRestart } from './phases.js';
import type { Ledger } from './phases.js';
import type { ClusterResult, ClusterSettings, Phase } from './report.js';
import { TEMPORAL_SERVER_VERSION } from './server-tools.js';
import { measureHistories, measureTables } from './storage.js';

/** As for `lifecycle`: long enough for the callbacks that trail. */
const LINGER_MS = 2_000;
const BATCH_INTERVAL_MS = 1_000;
const FINAL_PDF_DELAY_MS = 50;

/** Every callback twice and in another order. */
const FAULTS = { duplicateCallbacks: 1, shuffleCallbacks: 1 } as const;

/** `npm run bench -- cluster`. */
export const cluster: Benchmark<keyof ClusterSettings> = {
  summary: "Temporal's production server on PostgreSQL: throughput by workers, rolling restart.",
  flags: {
    documents: { default: 300, min: 1, max: 100_000, help: 'documents of each phase' },
    signers: { default: 3, min: 1, max: 50, help: 'signers of each' },
    seed: { default: 1, min: 0, max: 999_999_999, help: 'of the faults and the signing order' },
    workers: { default: 3, min: 1, max: 16, help: 'phases with one worker up to so many' },
    webhooks: { default: 3, min: 1, max: 16, help: 'webhooks behind the balancer' },
    shards: { default: 4, min: 1, max: 4_096, help: "Temporal's history shards" },
  },
  async run(settings, around): Promise<BenchmarkReport> {
    const result = await runCluster(settings, around);
    const failures = result.failures.total;
    return { json: result, text: clusterText(result), failures, figures: figuresOf(result) };
  },
};

function figuresOf({ phases, acknowledgement, actionsPerDocument }: ClusterResult) {
  const rates = phases.map(({ workers, documentsPerS }) => {
    return [`${workers} workers, documents/s`, documentsPerS] as const;
  });
  return {
    ...Object.fromEntries(rates),
    'Actions per document': actionsPerDocument,
    'acknowledgement, p50 ms': acknowledgement.p50Ms,
    'acknowledgement, p99 ms': acknowledgement.p99Ms,
  };
}

/** @throws the signal's reason when given up; whatever keeps the parts from starting */
export async function runCluster(
  settings: ClusterSettings,
  around: Surroundings,
): Promise<ClusterResult> {
  const sandbox = {
    ...{ seed: settings.seed, batchIntervalMs: BATCH_INTERVAL_MS },
    finalPdfDelayMs: FINAL_PDF_DELAY_MS,
  };
  const { webhooks, shards } = settings;
  const stage = await openClusterStage({ sandbox, lingerMs: LINGER_MS, webhooks, shards }, around);
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
  stage: ClusterStage,
  settings: ClusterSettings,
  callbacks: CallbackCollector,
  { onProgress }: Surroundings,
): Promise<ClusterResult> {
  const ledger: Ledger = { documentIds: [], failures: new FailureTally() };
  const { documents, signers, seed } = settings;
  const order = { documents, signers, lingerMs: LINGER_MS, random: seededRandom(seed) };
  const phases = await measurePhases(stage, settings, order, ledger, onProgress);
  onProgress('restarting every worker and every webhook under load');
  const restart = await rollingRestart(stage, order, ledger);
  const { failures, documentIds } = ledger;
  const records = callbacks.records();
  callbacks.noteUnanswered(failures);
  const tables = await measureTables(stage.postgres, documentIds.length);
  const histories = await measureHistories(stage.client, documentIds.length);
  onProgress('losing callbacks and reconciling');
  const reconciliation = await reconciliationPhase(stage, order, ledger);
  onProgress('reading histories, archive and announcements');
  const actions = await inspectWorkflows(stage, documentIds, failures);
  await inspectArchive(stage, documentIds, failures);
  inspectAnnouncements(stage, documentIds, failures);
  onProgress('sending one batch larger than a payload may be');
  const largeBatch = await largeBatchPhase(stage, ledger);
  const total = [...actions.values()].reduce((sum, each) => sum + totalOf(each), 0);
  return {
    ...{ benchmark: 'cluster', settings, machine: describeMachine() },
    servers: { temporal: TEMPORAL_SERVER_VERSION, store: stage.postgres.version },
    failures: { total: failures.total, ...failures.counts, examples: failures.examples },
    ...{ phases, rollingRestart: restart, reconciliation, largeBatch },
    acknowledgement: acknowledgementOf(records),
    documents: documentIds.length,
    actionsPerDocument: total / documentIds.length,
    ...{ histories, tables },
  };
}

async function measurePhases(
  stage: ClusterStage,
  { workers }: ClusterSettings,
  order: SliceOrder,
  ledger: Ledger,
  onProgress: (line: string) => void,
): Promise<Phase[]> {
  const phases: Phase[] = [];
  for (let count = 1; count <= workers; count += 1) {
    while (stage.workers.length < count) await stage.addWorker();
    const phase = await measurePhase(stage, order, ledger);
    phases.push(phase);
    onProgress(`${count} workers: ${phase.documentsPerS.toFixed(1)} documents/s`);
  }
  return phases;
}
