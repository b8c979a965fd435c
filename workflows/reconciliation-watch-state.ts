/** What the watch over reconciliations makes of a look. Pure. */
import { channelsFor } from './channels-for.js';
import type { ChannelName, LastReconciliationResult, OperationsAnnouncement } from './contract.js';

/** What the watch remembers from one look to the next. */
export interface WatchState {
  /**
   * The last complete run that any look was told of, which Temporal forgets after the retention;
   * before the first one, the watch's own beginning counts as one. ISO 8601 UTC.
   */
  readonly since: string;
  /** The gap that was announced, by its beginning. */
  readonly announced?: string;
  /** Channels that did not take it. */
  readonly unheard?: readonly ChannelName[];
}

/** What a look comes to. */
export interface Look {
  /** The gap that is too long, where one is. */
  readonly overdue?: OperationsAnnouncement;
  /** Those that are to be told of it now: all, and later on those that did not take it. */
  readonly channels: readonly ChannelName[];
  /** What is remembered, but for `unheard`: that nobody knows yet. */
  readonly state: WatchState;
  /** Until the next look. */
  readonly sleepMs: number;
}

/** Looks at most this long ahead, so that a changed setting is soon heard of. */
const LOOK_AGAIN_MS = 6 * 60 * 60_000;

/** Each channel is told of a gap once, however long it lasts; a complete run ends it. */
export function lookFrom(
  { since, announced, unheard = [] }: WatchState,
  { succeededAt = since, maxAgeMs, ...policy }: LastReconciliationResult,
  nowMs: number,
): Look {
  const overdueAtMs = Date.parse(succeededAt) + maxAgeMs;
  const leftMs = overdueAtMs - nowMs;
  if (leftMs > 0) {
    const state = { since: succeededAt, ...(announced === undefined ? {} : { announced }) };
    return { channels: [], state, sleepMs: Math.min(leftMs + 1000, LOOK_AGAIN_MS) };
  }
  const overdue = announcementOf(succeededAt, overdueAtMs);
  const all = channelsFor(policy, overdue.event);
  return {
    overdue,
    channels: announced === succeededAt ? all.filter((each) => unheard.includes(each)) : all,
    state: { since: succeededAt, announced: succeededAt },
    sleepMs: LOOK_AGAIN_MS,
  };
}

/** The same in every repetition: a receiver may compare. */
function announcementOf(since: string, overdueAtMs: number): OperationsAnnouncement {
  return {
    event: 'reconciliation.overdue',
    subject: `reconciliation/${since}`,
    occurredAt: new Date(overdueAtMs).toISOString(),
    reason:
      `no reconciliation has covered everything since ${since}: see in the Temporal UI whether its ` +
      `Schedule is paused and how the last run ended`,
  };
}
