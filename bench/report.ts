/** What a run of `lifecycle` comes to, put together from its measurements. Pure. */
import type { CallbackRecord } from '../sandbox/index.js';
import type { BareShape } from './bare-workflow.js';
import type { FailureCounts } from './failure-tally.js';
import type { ActionsByType } from './inspection.js';
import type { MachineDescription } from './machine.js';
import { median, percentile, spread } from './statistics.js';
import type { Spread } from './statistics.js';
import { totalOf } from './temporal-actions.js';

/** What is hoped for, per document with three signers. */
export const ACTIONS_TARGET = 15;

/** What a run is told. */
export interface LifecycleSettings {
  readonly documents: number;
  readonly signers: number;
  readonly seed: number;
  /** Into how many parts the documents are cut; after each comes a part of the bare side. */
  readonly slices: number;
}

/** One slice of both sides. */
export interface Slice {
  readonly documents: number;
  readonly oursMs: number;
  readonly bareMs: number;
}

/** Documents per second; of `ratio`, ours divided by bare in the same slice. */
export interface Throughput {
  readonly definition: string;
  readonly ours: Spread;
  readonly bare: Spread;
  readonly ratio: Spread;
  readonly bareShape: BareShape;
  readonly slices: readonly Slice[];
}

/** From a callback put on the wire to its whole answer, as the sandbox measures it, in ms. */
export interface Acknowledgement {
  readonly callbacks: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly byKind: Readonly<Record<string, Omit<Acknowledgement, 'byKind'>>>;
}

/** Temporal Actions; `perDocument` shares out what all workflows together cost. */
export interface Actions {
  readonly definition: string;
  readonly target: number;
  readonly perDocument: number;
  readonly table: readonly ActionRow[];
}

/** One line of what Actions are spent on. */
export interface ActionRow {
  readonly workflow: string;
  readonly action: string;
  readonly count: number;
  readonly perDocument: number;
}

/** The report of one run. */
export interface LifecycleResult {
  readonly benchmark: 'lifecycle';
  readonly settings: LifecycleSettings & {
    readonly lingerMs: number;
    readonly batchIntervalMs: number;
  };
  readonly machine: MachineDescription;
  readonly failures: FailureCounts & {
    readonly total: number;
    readonly examples: readonly string[];
  };
  readonly throughput: Throughput;
  readonly acknowledgement: Acknowledgement;
  readonly actions: Actions;
}

const THROUGHPUT_DEFINITION =
  'documents of a slice, by the time from before the first creation until the last workflow was ' +
  'seen closed, minus the linger once. Ours includes the sandbox, which shares the process and ' +
  'makes and signs everything. Bare: a workflow with the signals and sequential activities of the ' +
  'median document, each doing nothing, started and signalled with as many calls in flight.';

const ACTIONS_DEFINITION =
  "Temporal Cloud's billing rules (https://docs.temporal.io/cloud/actions) applied to the " +
  'histories of all workflows. Heartbeats and refused starts and signals are in no history.';

/** Rates by slice, and how they compare within each. */
export function throughputOf(slices: readonly Slice[], bareShape: BareShape): Throughput {
  const rates = (of: (slice: Slice) => number): Spread =>
    spread(slices.map((slice) => (slice.documents / of(slice)) * 1_000));
  return {
    definition: THROUGHPUT_DEFINITION,
    ours: rates(({ oursMs }) => oursMs),
    bare: rates(({ bareMs }) => bareMs),
    ratio: spread(slices.map(({ oursMs, bareMs }) => bareMs / oursMs)),
    bareShape,
    slices,
  };
}

/** Percentiles over every callback that was answered, copies included. */
export function acknowledgementOf(records: readonly CallbackRecord[]): Acknowledgement {
  const kinds = [...new Set(records.map(({ kind }) => kind))];
  const byKind = kinds.map((kind) => {
    return [kind, timesOf(records.filter((record) => record.kind === kind))] as const;
  });
  return { ...timesOf(records), byKind: Object.fromEntries(byKind) };
}

function timesOf(records: readonly CallbackRecord[]): Omit<Acknowledgement, 'byKind'> {
  const times = records.flatMap(({ answer, durationMs }) => (answer ? [durationMs ?? NaN] : []));
  return { callbacks: records.length, p50Ms: median(times), p99Ms: percentile(times, 0.99) };
}

/** What each kind of Action costs, the dearest first. */
export function actionsOf(byType: ActionsByType, documents: number): Actions {
  const rows = [...byType].flatMap(([workflow, actions]) =>
    actions.map(({ kind, name, count }) => {
      const action = name === '' ? kind : `${kind} ${name}`;
      return { workflow, action, count, perDocument: count / documents };
    }),
  );
  const total = [...byType.values()].reduce((sum, actions) => sum + totalOf(actions), 0);
  return {
    definition: ACTIONS_DEFINITION,
    target: ACTIONS_TARGET,
    perDocument: total / documents,
    table: rows.sort((a, b) => b.count - a.count),
  };
}
