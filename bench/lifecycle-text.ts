import { FAILURE_KINDS } from './failure-tally.js';
import type { Acknowledgement, Actions, LifecycleResult, Throughput } from './report.js';
import type { Spread } from './statistics.js';
import { table } from './text-table.js';
import type { Row } from './text-table.js';

/** The report of `lifecycle` for people: a few tables. */
export function lifecycleText(result: LifecycleResult): string {
  const { settings, machine, failures, throughput, acknowledgement, actions } = result;
  const { documents, signers, seed } = settings;
  const head = `lifecycle: ${documents} documents of ${signers} signers, seed ${seed}`;
  return [
    `${head}, Node ${machine.node}, ${machine.cores} cores`,
    failureLines(failures),
    throughputLines(throughput),
    acknowledgementLines(acknowledgement),
    actionLines(actions),
  ].join('\n\n');
}

/** How much of what went wrong, with the first few examples. */
export function failureLines(failures: LifecycleResult['failures']): string {
  const rows = FAILURE_KINDS.filter((kind) => failures[kind] > 0).map((kind) => {
    return [`  ${kind}`, failures[kind]] as const;
  });
  return [`failures: ${failures.total}`, ...table(rows), ...failures.examples].join('\n');
}

function throughputLines({ ours, bare, ratio, bareShape, definition }: Throughput): string {
  const row = (name: string, { median, min, max }: Spread, digits: number): Row => [
    name,
    ...[median, min, max].map((value) => value.toFixed(digits)),
  ];
  const { signals, activities } = bareShape;
  return [
    ...table([
      ['documents/s', 'median', 'min', 'max'],
      row('ours', ours, 1),
      row(`bare (${signals} signals, ${activities} activities)`, bare, 1),
      row('ours / bare', ratio, 2),
    ]),
    definition,
  ].join('\n');
}

function acknowledgementLines({ byKind, ...all }: Acknowledgement): string {
  const row = ([name, times]: readonly [string, typeof all]): Row => {
    return [name, times.callbacks, times.p50Ms.toFixed(1), times.p99Ms.toFixed(1)];
  };
  return table([
    ['acknowledgement', 'callbacks', 'p50 ms', 'p99 ms'],
    row(['all', all]),
    ...Object.entries(byKind).map(([kind, times]) => row([kind === 'all' ? 'batch' : kind, times])),
  ]).join('\n');
}

function actionLines({ table: rows, perDocument, target, definition }: Actions): string {
  return [
    ...table([
      ['Temporal Actions', '', 'in all', 'per document'],
      ...rows.map((row) => [row.workflow, row.action, row.count, row.perDocument.toFixed(2)]),
      ['together', `target ≤ ${target}`, '', perDocument.toFixed(2)],
    ]),
    definition,
  ].join('\n');
}
