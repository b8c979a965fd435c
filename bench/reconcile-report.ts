/** What a run of `reconcile` comes to, put together from its measurements. Pure. */
import type { ReconciliationReport } from '../workflows/contract.js';
import type { PageAsked } from './measured-process.js';
import { spread } from './statistics.js';
import type { Spread } from './statistics.js';
import type { ActionCount } from './temporal-actions.js';
import { table } from './text-table.js';

/** A run takes at most so many times as long as fetching its pages. */
const TIME_TARGET = 1.2;
/** The worker's resident memory grows by at most so much with the list, in bytes. */
const RSS_TARGET_BYTES = 50e6;
/** Temporal Actions of a run with nothing to repair: these, and two for so many documents. */
const ACTIONS_BASE = 3;
const DOCUMENTS_PER_TWO_ACTIONS = 500;

/** What a benchmark is told. */
export interface ReconcileSettings {
  readonly documents: number;
  readonly open: number;
  readonly small: number;
  readonly page: number;
  readonly rounds: number;
  /** What the provider takes for a page beside its bytes, in ms. */
  readonly latency: number;
  readonly seed: number;
}

/** One reconciliation, as measured from outside. */
export interface MeasuredRun {
  readonly report: ReconciliationReport;
  /** From before its start until its result is there, in ms. */
  readonly durationMs: number;
  /** The worker's resident memory before it, in bytes, and the most during it. */
  readonly restRssBytes: number;
  readonly peakRssBytes: number;
  readonly actions: readonly ActionCount[];
  readonly actionCount: number;
  /** The pages that it fetched. */
  readonly pages: readonly PageAsked[];
}

/** A run, and then the same pages fetched alone: as many at a time, and one by one; in ms. */
export interface Round extends MeasuredRun {
  readonly fetchMs: number;
  readonly fetchOneByOneMs: number;
}

interface Measured {
  readonly settings: ReconcileSettings;
  readonly machine: ReconcileResult['machine'];
  readonly smallRounds: readonly Round[];
  readonly rounds: readonly Round[];
  readonly backfill: MeasuredRun;
}

/** A figure beside what is hoped for. */
interface Target {
  readonly target: number;
  readonly isMet: boolean;
}

/** The report of one run. */
export interface ReconcileResult {
  readonly benchmark: 'reconcile';
  readonly settings: ReconcileSettings;
  readonly machine: { readonly node: string; readonly cores: number; readonly load: number };
  readonly failures: { readonly total: number; readonly examples: readonly string[] };
  readonly definition: string;
  /** Documents as the last run found them. */
  readonly documents: { readonly listed: number; readonly open: number; readonly ignored: number };
  readonly pages: number;
  readonly time: Target & {
    readonly runMs: Spread;
    readonly fetchMs: Spread;
    readonly fetchOneByOneMs: Spread;
    /** Of one round each. */
    readonly ratio: Spread;
    readonly ratioOneByOne: Spread;
  };
  readonly rss: Target & {
    readonly smallPeakBytes: number;
    readonly peakBytes: number;
    readonly growthBytes: number;
  };
  readonly actions: Target & { readonly count: number; readonly table: readonly ActionCount[] };
  /** The run before, which began the workflows. */
  readonly backfill: { readonly documents: number; readonly durationMs: number };
}

const DEFINITION =
  'A run: from its start by a client until its result. Fetching alone: the very pages of that run, ' +
  'by the same client, two at a time as the run has them, in a process of its own; then one by ' +
  'one. Sandbox, Temporal server and worker are three processes. RSS: the most that was resident ' +
  'in the worker during any run, of a fresh worker each for the small list and the whole one. ' +
  'Documents without a workflow are ignored by policy. The sandbox answers at once unless a ' +
  'latency is set, which both sides then wait for. Actions by the billing rules applied to the ' +
  "run's histories.";

/** Puts a result together. */
export function reconcileResultOf(measured: Measured): ReconcileResult {
  const { settings, machine, smallRounds, rounds, backfill } = measured;
  const [last] = rounds.slice(-1);
  const examples = problemsOf(measured);
  const count = Math.max(...rounds.map(({ actionCount }) => actionCount));
  const target = ACTIONS_BASE + (2 * settings.documents) / DOCUMENTS_PER_TWO_ACTIONS;
  const { repairedDocuments } = backfill.report.counts;
  const ignored = last?.report.unknownIgnored ?? NaN;
  const listed = last?.report.documents ?? NaN;
  return {
    benchmark: 'reconcile',
    ...{ settings, machine, definition: DEFINITION },
    failures: { total: examples.length, examples },
    documents: { listed, open: listed - ignored, ignored },
    pages: last?.pages.length ?? NaN,
    time: timeOf(rounds),
    rss: rssOf(smallRounds, rounds),
    actions: { target, isMet: count <= target, count, table: last?.actions ?? [] },
    backfill: { documents: repairedDocuments, durationMs: backfill.durationMs },
  };
}

function timeOf(rounds: readonly Round[]): ReconcileResult['time'] {
  const of = (figure: (round: Round) => number): Spread => spread(rounds.map(figure));
  const ratio = of(({ durationMs, fetchMs }) => durationMs / fetchMs);
  return {
    target: TIME_TARGET,
    isMet: ratio.median <= TIME_TARGET,
    runMs: of(({ durationMs }) => durationMs),
    fetchMs: of(({ fetchMs }) => fetchMs),
    fetchOneByOneMs: of(({ fetchOneByOneMs }) => fetchOneByOneMs),
    ratio,
    ratioOneByOne: of(({ durationMs, fetchOneByOneMs }) => durationMs / fetchOneByOneMs),
  };
}

function rssOf(small: readonly Round[], rounds: readonly Round[]): ReconcileResult['rss'] {
  const peakOf = (of: readonly Round[]): number =>
    Math.max(...of.map(({ peakRssBytes }) => peakRssBytes));
  const [smallPeakBytes, peakBytes] = [peakOf(small), peakOf(rounds)];
  const growthBytes = peakBytes - smallPeakBytes;
  const isMet = growthBytes <= RSS_TARGET_BYTES;
  return { target: RSS_TARGET_BYTES, isMet, smallPeakBytes, peakBytes, growthBytes };
}

/**
 * The run's memory of what it has seen takes a few documents of 100,000 for seen before: they are
 * compared, and not counted.
 */
function isAlmost(counted: number, there: number): boolean {
  return counted <= there && counted >= there - Math.ceil(there / 5_000);
}

/** What would make the figures those of something else. */
function problemsOf({ settings, smallRounds, rounds }: Measured): string[] {
  const { small, open, documents } = settings;
  const expected = [
    ...smallRounds.map((round) => ({ round, listed: Math.min(small, documents) })),
    ...rounds.map((round) => ({ round, listed: documents })),
  ];
  return expected.flatMap(({ round: { report }, listed }) => {
    const { counts, failedParts, unknownIgnored } = report;
    const followed = report.documents - unknownIgnored;
    const problems = {
      [`${report.documents} documents instead of ${listed}`]: !isAlmost(report.documents, listed),
      [`${followed} have a workflow`]: !isAlmost(followed, Math.min(open, listed)),
      [`${counts.repairedDocuments} documents repaired`]: counts.repairedDocuments > 0,
      [`${counts.failed} documents failed`]: counts.failed > 0,
      [`given up: ${JSON.stringify(failedParts)}`]: failedParts.length > 0,
    };
    return Object.entries(problems).flatMap(([what, isSo]) => (isSo ? [what] : []));
  });
}

/** The report for people. */
export function reconcileText(result: ReconcileResult): string {
  const { machine, documents, pages, time, rss, actions, failures, backfill } = result;
  const seconds = ({ median, min, max }: Spread): string[] =>
    [median, min, max].map((ms) => (ms / 1000).toFixed(2));
  const plain = ({ median, min, max }: Spread): string[] =>
    [median, min, max].map((value) => value.toFixed(2));
  const verdict = ({ isMet }: Target): string => (isMet ? 'met' : 'missed');
  const mb = (bytes: number): string => (bytes / 1e6).toFixed(1);
  return [
    `reconcile: ${documents.listed} documents, ${documents.open} with a workflow, ` +
      `${documents.ignored} ignored; ${pages} pages. Node ${machine.node}, ` +
      `${machine.cores} cores, load ${machine.load.toFixed(1)}`,
    [`failures: ${failures.total}`, ...failures.examples].join('\n'),
    table([
      ['s', 'median', 'min', 'max'],
      ['run', ...seconds(time.runMs)],
      ['fetching alone', ...seconds(time.fetchMs)],
      ['fetching one by one', ...seconds(time.fetchOneByOneMs)],
      ['run / fetching alone', ...plain(time.ratio)],
      ['run / one by one', ...plain(time.ratioOneByOne)],
    ]).join('\n'),
    `time: target ≤ ${time.target}: ${verdict(time)}`,
    `worker RSS: ${mb(rss.peakBytes)} MB, with few documents ${mb(rss.smallPeakBytes)} MB: ` +
      `${mb(rss.growthBytes)} MB more, target ≤ ${mb(rss.target)}: ${verdict(rss)}`,
    `Temporal Actions: ${actions.count}, target ≤ ${actions.target}: ${verdict(actions)}`,
    `begun before: ${backfill.documents} workflows in ${(backfill.durationMs / 1000).toFixed(1)} s`,
    result.definition,
  ].join('\n\n');
}
