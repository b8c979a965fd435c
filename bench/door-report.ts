/** How the door's benchmarks tell what they measured. Pure. */
import { cpus } from 'node:os';
import type { LoadResult } from './callback-load.js';
import { table, type Row } from './text-table.js';
import { median, percentile, spread, type Spread } from './statistics.js';

/** What went wrong, by kind. */
export type DoorFailures = Readonly<Record<string, number>>;

/** A measured figure beside what it should be. */
export interface Verdict {
  readonly what: string;
  readonly measured: number;
  readonly target: number;
  /** Whether a greater figure is a better one. */
  readonly atLeast: boolean;
  readonly isMet: boolean;
}

/** From a callback put on the wire, or due, to its whole answer, in ms. */
export interface AnswerTimes {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Where this was measured. */
export function machineOf(): { readonly node: string; readonly cores: number } {
  return { node: process.version, cores: cpus().length };
}

/** Compares; what is not a number meets nothing. */
export function atLeast(what: string, measured: number, target: number): Verdict {
  return { what, measured, target, atLeast: true, isMet: measured >= target };
}

/** Compares; what is not a number meets nothing. */
export function atMost(what: string, measured: number, target: number): Verdict {
  return { what, measured, target, atLeast: false, isMet: measured <= target };
}

/** Percentiles of all answers. */
export function answerTimesOf(results: readonly LoadResult[]): AnswerTimes {
  const times = results.flatMap(({ timesMs }) => timesMs.filter((ms) => !Number.isNaN(ms)));
  return { p50Ms: median(times), p99Ms: percentile(times, 0.99), maxMs: percentile(times, 1) };
}

/** Answered 200 per second. */
export function rateOf({ statuses, durationMs }: LoadResult): number {
  return ((statuses[200] ?? 0) / durationMs) * 1000;
}

/** Of `sent`, those that were not answered 200. */
export function unansweredOf({ statuses }: LoadResult, sent: number): number {
  return sent - (statuses[200] ?? 0);
}

/** Part by part, since only what was measured side by side can be compared. */
export function ratioOf(ours: readonly number[], theirs: readonly number[]): Spread {
  return spread(ours.map((value, index) => value / (theirs[index] ?? NaN)));
}

/** Everything counted in the kinds of failure together. */
export function totalOf(failures: DoorFailures): number {
  return Object.values(failures).reduce((total, count) => total + count, 0);
}

/** A line of a table of spreads. */
export function spreadRow(name: string, { median: middle, min, max }: Spread, digits = 0): Row {
  return [name, ...[middle, min, max].map((value) => value.toFixed(digits))];
}

/** A table of the verdicts. */
export function verdictLines(verdicts: readonly Verdict[]): readonly string[] {
  const rows = verdicts.map(({ what, measured, target, atLeast: isLower, isMet }) => {
    return [
      what,
      `${isLower ? '≥' : '≤'} ${target}`,
      measured.toFixed(2),
      isMet ? 'met' : 'missed',
    ];
  });
  return table([['target', '', 'measured', ''], ...rows]);
}

/** The failures that there were, a line each. */
export function failureLines(failures: DoorFailures): readonly string[] {
  const rows = Object.entries(failures).filter(([, count]) => count > 0);
  return [`failures: ${totalOf(failures)}`, ...rows.map(([kind, count]) => `  ${kind} ${count}`)];
}
