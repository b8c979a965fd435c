/** Callbacks kept back on purpose: what one reconciliation finds of them, beside what was lost. */
import { existsSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import PQueue from 'p-queue';
import type { Losses } from '../sandbox/index.js';
import { documentWorkflowId, WORKFLOW_TYPES } from '../workflows/contract.js';
import type { ReconciliationReport } from '../workflows/contract.js';
import type { Benchmark, BenchmarkReport, Surroundings } from './benchmark.js';
import { openReconcileStage } from './reconcile-stage.js';
import type { ReconcileStage } from './reconcile-stage.js';
import { untilClosed } from './until-closed.js';

interface LossesSettings {
  readonly documents: number;
  readonly silent: number;
  readonly some: number;
  readonly finished: number;
  readonly signers: number;
  readonly seed: number;
}

/** The report of one run. */
export interface LossesResult {
  readonly benchmark: 'reconcile-losses';
  readonly settings: LossesSettings;
  readonly machine: { readonly node: string; readonly cores: number; readonly load: number };
  readonly failures: { readonly total: number; readonly examples: readonly string[] };
  /** The sandbox's own record, before the run and after it. */
  readonly lost: { readonly changes: number; readonly documents: number };
  readonly found: {
    readonly changes: number;
    readonly documents: number;
    readonly byKind: ReconciliationReport['counts']['missed'];
    readonly adopted: number;
  };
  /** Workflows whose history grew by the run, or that it began. */
  readonly touched: number;
  readonly second: { readonly repairedDocuments: number; readonly missedChanges: number };
  /** Finished and archived at the provider, every callback dropped. */
  readonly finished: {
    readonly documents: number;
    readonly archived: number;
    readonly announced: number;
  };
  readonly runMs: number;
}

/** A batch of the provider's six minutes, not one of the whole day. */
const DOCUMENTS_PER_BATCH = 250;
const CALLS_AT_ONCE = 16;
const POLL_MS = 200;

/** `npm run bench -- reconcile-losses`. */
export const reconcileLosses: Benchmark<keyof LossesSettings> = {
  summary: 'Callbacks dropped on purpose: one run repairs all, and counts as the sandbox does.',
  flags: {
    documents: { default: 10_000, min: 1, max: 100_000, help: 'open documents' },
    silent: { default: 1, min: 0, max: 100, help: 'per cent of them of which nothing arrives' },
    some: { default: 5, min: 0, max: 100, help: 'per cent of which half the callbacks arrive' },
    finished: { default: 20, min: 0, max: 10_000, help: 'more, signed and archived unheard' },
    signers: { default: 2, min: 1, max: 50, help: 'signers of each' },
    seed: { default: 1, min: 0, max: 999_999_999, help: 'of the sandbox: which are dropped' },
  },
  async run(settings, around): Promise<BenchmarkReport> {
    const result = await runLosses(settings, around);
    return { json: result, text: textOf(result), failures: result.failures.total };
  },
};

/** Runs on parts of its own. @throws the signal's reason when given up */
export async function runLosses(
  settings: LossesSettings,
  around: Surroundings,
): Promise<LossesResult> {
  const { seed } = settings;
  around.onProgress('starting a Temporal server, sandbox and webhook');
  const stage = await openReconcileStage({ seed, environment: {}, hasWebhook: true }, around);
  try {
    await stage.spawn('worker');
    const finished = await lose(stage, settings, around);
    return await measure(stage, settings, finished, around);
  } finally {
    await stage.close();
  }
}

/** @returns the documents that are finished and archived at the provider, unheard */
async function lose(
  stage: ReconcileStage,
  { documents, silent, some, finished, signers }: LossesSettings,
  { onProgress }: Surroundings,
): Promise<string[]> {
  const { sandbox } = stage;
  const share = (percent: number): number => Math.round((documents * percent) / 100);
  const [silentCount, someCount] = [share(silent), share(some)];
  const firstSigners: string[] = [];
  const ids: string[] = [];
  const create = async (total: number, muted: number): Promise<void> => {
    for (let left = total; left > 0; left -= DOCUMENTS_PER_BATCH) {
      const count = Math.min(left, DOCUMENTS_PER_BATCH);
      const created = sandbox.createDocuments(count, { signers, muted });
      firstSigners.push(...created.flatMap((each) => each.signers.slice(0, 1)));
      ids.push(...created.map(({ id }) => id));
      await settled(stage);
      onProgress(`${ids.length} of ${documents + finished} documents created, told by callbacks`);
    }
  };
  await create(silentCount, 1);
  await create(someCount, 0.5);
  await create(Math.max(documents - silentCount - someCount, 0), 0);
  await create(finished, 0);
  const toFinish = ids.slice(ids.length - finished);
  // Changes of one second in two batches have no order that a receiver could know.
  await delay(1_000);
  const inProgress = firstSigners.slice(0, firstSigners.length - finished);
  for (let start = 0; start < inProgress.length; start += DOCUMENTS_PER_BATCH) {
    const part = inProgress.slice(start, start + DOCUMENTS_PER_BATCH);
    for (const signer of part) sandbox.advanceSigner(signer, { status: 'visited' });
    await settled(stage);
    onProgress(`${start + part.length} documents visited, told by callbacks`);
  }
  for (const id of toFinish) {
    sandbox.muteDocument(id);
    await sandbox.completeDocument(id);
  }
  await settled(stage);
  return toFinish;
}

/** Nothing under way: what was sent is delivered, and visibility shows it twice in a row. */
async function settled({ sandbox, client, signal }: ReconcileStage): Promise<void> {
  await sandbox.flushCallbacks();
  await sandbox.idle();
  const running = `WorkflowType = '${WORKFLOW_TYPES.callbackDelivery}' AND ExecutionStatus = 'Running'`;
  for (let quiet = 0; quiet < 2;) {
    quiet = (await client.workflow.count(running)).count === 0 ? quiet + 1 : 0;
    await delay(POLL_MS, undefined, { signal });
  }
}

async function measure(
  stage: ReconcileStage,
  settings: LossesSettings,
  finished: readonly string[],
  { onProgress }: Surroundings,
): Promise<LossesResult> {
  await untilLookedUp(stage);
  const lost = stage.sandbox.losses();
  const before = await historyLengths(stage);
  onProgress(`${lost.changes} changes of ${lost.documents} documents were lost; one run`);
  const beganMs = performance.now();
  const { report } = await stage.countersign.reconcile();
  const runMs = performance.now() - beganMs;
  const after = await historyLengths(stage);
  const touched = [...after].filter(([id, length]) => before.get(id) !== length);
  const second = (await stage.countersign.reconcile()).report;
  const deadlineMs = Date.now() + 60_000;
  await untilClosed(stage.client, finished.map(documentWorkflowId), deadlineMs, stage.signal);
  const { counts, missedChanges } = report;
  const result = {
    lost: { changes: lost.changes, documents: lost.documents },
    found: {
      ...{ changes: missedChanges, documents: counts.missedDocuments },
      ...{ byKind: counts.missed, adopted: counts.adopted },
    },
    touched: touched.length,
    second: {
      repairedDocuments: second.counts.repairedDocuments,
      missedChanges: second.missedChanges,
    },
    finished: {
      documents: finished.length,
      archived: finished.filter((id) => existsSync(join(stage.archiveFolder, id, 'receipt.json')))
        .length,
      announced: finished.filter(
        (id) => stage.receiver.deliveries.get(`${id}/document.completed`) === 1,
      ).length,
    },
  };
  const touchedIds = new Set(touched.map(([id]) => id));
  const examples = [
    ...problemsOf(result, report),
    ...(await unrepaired(stage, lost)),
    ...strangersAmong(touchedIds, lost),
  ];
  return {
    benchmark: 'reconcile-losses',
    settings,
    machine: { node: process.version, cores: cpus().length, load: loadavg()[0] ?? NaN },
    failures: { total: examples.length, examples: examples.slice(0, 20) },
    ...result,
    runMs,
  };
}

/** A workflow begun by a callback asks the provider once: until all have, histories still grow. */
async function untilLookedUp(stage: ReconcileStage): Promise<void> {
  let seen = '';
  for (;;) {
    const lengths = await historyLengths(stage);
    const now = JSON.stringify([...lengths].sort());
    if (now === seen) return;
    seen = now;
    await delay(POLL_MS, undefined, { signal: stage.signal });
  }
}

/** Of all documents' workflows, by the document's ID; each is asked for, visibility would lag. */
async function historyLengths({ client, signal }: ReconcileStage): Promise<Map<string, number>> {
  const lengths = new Map<string, number>();
  const queue = new PQueue({ concurrency: CALLS_AT_ONCE });
  const describe = async (workflowId: string): Promise<void> => {
    signal.throwIfAborted();
    const { historyLength } = await client.workflow.getHandle(workflowId).describe();
    lengths.set(workflowId.replace(/^document:/, ''), historyLength);
  };
  const query = `WorkflowType = '${WORKFLOW_TYPES.documentSigning}'`;
  const described: Promise<void>[] = [];
  for await (const { workflowId } of client.workflow.list({ query })) {
    described.push(queue.add(() => describe(workflowId)));
  }
  await Promise.all(described);
  return lengths;
}

function problemsOf(
  { lost, found, second, finished }: Pick<LossesResult, 'lost' | 'found' | 'second' | 'finished'>,
  { isComplete }: ReconciliationReport,
): string[] {
  const problems = {
    'the run was not complete': !isComplete,
    [`${found.changes} changes found, ${lost.changes} lost`]: found.changes !== lost.changes,
    [`${found.documents} documents found, ${lost.documents} lost`]:
      found.documents !== lost.documents,
    [`a second run repaired ${second.repairedDocuments} documents`]: second.repairedDocuments > 0,
    [`${finished.archived} of ${finished.documents} archived`]:
      finished.archived !== finished.documents,
    [`${finished.announced} of ${finished.documents} announced once`]:
      finished.announced !== finished.documents,
  };
  return Object.entries(problems).flatMap(([what, isSo]) => (isSo ? [what] : []));
}

/** Whatever was lost: does its workflow know by now what the provider shows? */
async function unrepaired(
  { countersign, sandbox }: ReconcileStage,
  lost: Losses,
): Promise<string[]> {
  const problems: string[] = [];
  for (const { documentId } of lost.byDocument) {
    const { signers } = await countersign.progress(documentId);
    const known = new Map(signers.map(({ id, number }) => [id, number]));
    for (const { id, status } of sandbox.document(documentId).signers) {
      // One who was not invited yet may be unknown as well as unsent.
      if ((known.get(id) ?? 4) !== status) problems.push(`signer ${id} is not ${status} here`);
    }
  }
  return problems;
}

function strangersAmong(touched: ReadonlySet<string>, lost: Losses): string[] {
  const wanted = new Set(lost.byDocument.map(({ documentId }) => documentId));
  return [
    ...[...touched].filter((id) => !wanted.has(id)).map((id) => `${id} was told of nothing new`),
    ...[...wanted].filter((id) => !touched.has(id)).map((id) => `${id} was not told`),
  ];
}

function textOf(result: LossesResult): string {
  const { settings, machine, lost, found, touched, second, finished, failures, runMs } = result;
  const { neverArrived, arrivedAndFailed, documentUnknown } = found.byKind;
  return [
    `reconcile-losses: ${settings.documents} open documents, of ${settings.silent} % nothing ` +
      `arrived, of ${settings.some} % half; seed ${settings.seed}. Node ${machine.node}, ` +
      `${machine.cores} cores, load ${machine.load.toFixed(1)}`,
    [`failures: ${failures.total}`, ...failures.examples].join('\n'),
    `lost, by the sandbox's record: ${lost.changes} changes of ${lost.documents} documents`,
    `found by the run: ${found.changes} changes of ${found.documents} documents (never arrived ` +
      `${neverArrived}, arrived and failed ${arrivedAndFailed}, document unknown ` +
      `${documentUnknown}); ${found.adopted} adopted, in ${(runMs / 1000).toFixed(1)} s`,
    `workflows begun or told: ${touched}`,
    `a second run: ${second.repairedDocuments} documents repaired, ${second.missedChanges} changes`,
    `finished unheard: ${finished.documents}, archived ${finished.archived}, announced once ` +
      `${finished.announced}`,
  ].join('\n\n');
}
