/** What goes wrong and when, drawn from the seed: the same run again for the same seed. Pure. */
import type { Random } from '../../sandbox/seeded-random.js';

/** Something that goes wrong for a while. */
export const OUTAGES = [
  'webhookA',
  'webhookB',
  'bothWebhooks',
  'workerA',
  'workerB',
  'bothWorkers',
  'temporal',
  'everything',
  'archiveFull',
  'httpReceiver',
  'mailServer',
  'clocks',
] as const;
export type Outage = (typeof OUTAGES)[number];

/** One of them, with its times in ms since the beginning of the load. */
export interface PlannedOutage {
  readonly outage: Outage;
  readonly fromMs: number;
  readonly untilMs: number;
  /** Of `clocks`: how far the first of each kind of process is ahead meanwhile; else 0. */
  readonly clockStepMs: number;
}

/** Between two outages things come to themselves, or nothing but outages would be tried. */
const PAUSE_MIN_MS = 2_000;
const PAUSE_MAX_MS = 6_000;

/** From a restart that is hardly noticed to one that outlasts every call's patience. */
const LENGTH_MIN_MS = 500;
const LENGTH_MAX_MS = 8_000;

/** Longer than any window within which a message, a pause or an attempt counts as fresh. */
const CLOCK_STEP_MAX_MS = 2 * 60 * 60_000;

/** Outages one after the other, each kind once before any comes again, until the load ends. */
export function planOutages(durationMs: number, random: Random): PlannedOutage[] {
  const between = (min: number, max: number): number => Math.round(min + random() * (max - min));
  const plan: PlannedOutage[] = [];
  let waiting: Outage[] = [];
  for (let atMs = between(PAUSE_MIN_MS, PAUSE_MAX_MS); atMs < durationMs;) {
    if (waiting.length === 0) waiting = [...OUTAGES];
    const [outage] = waiting.splice(Math.floor(random() * waiting.length), 1);
    const untilMs = atMs + between(LENGTH_MIN_MS, LENGTH_MAX_MS);
    const clockStepMs = outage === 'clocks' ? between(-CLOCK_STEP_MAX_MS, CLOCK_STEP_MAX_MS) : 0;
    if (outage !== undefined) plan.push({ outage, fromMs: atMs, untilMs, clockStepMs });
    atMs = untilMs + between(PAUSE_MIN_MS, PAUSE_MAX_MS);
  }
  return plan;
}
