import { continueAsNew, proxyActivities, sleep } from '@temporalio/workflow';
import { channelsFor } from './channels-for.js';
import type { Activities, OperationsAnnouncement } from './contract.js';

const { lastReconciliation, announce } = proxyActivities<Activities>({
  startToCloseTimeout: '1m',
  retry: { initialInterval: '2s', maximumInterval: '15m' },
});

/** Looks at most this long ahead, so that a changed setting is soon heard of. */
const LOOK_AGAIN_MS = 6 * 60 * 60_000;

/** What the watch remembers from one look to the next. */
interface WatchState {
  /** Before the first run, its own beginning counts as one. */
  readonly since: string;
  /** The gap that was announced, by its beginning. */
  readonly announced?: string;
}

/** Announces, once for each gap, that no reconciliation has covered everything for too long. */
export async function reconciliationWatch(carried?: WatchState): Promise<void> {
  const state = carried ?? { since: new Date().toISOString() };
  const { succeededAt = state.since, maxAgeMs, ...policy } = await lastReconciliation();
  const overdueMs = Date.parse(succeededAt) + maxAgeMs - Date.now();
  const isNew = overdueMs <= 0 && state.announced !== succeededAt;
  if (isNew) {
    const announcement = overdue(succeededAt);
    for (const channel of channelsFor(policy, announcement.event)) {
      await announce.executeWithOptions({ summary: 'no reconciliation has happened' }, [
        { channel, announcement },
      ]);
    }
  }
  await sleep(overdueMs > 0 ? Math.min(overdueMs + 1000, LOOK_AGAIN_MS) : LOOK_AGAIN_MS);
  const announced = isNew ? succeededAt : state.announced;
  await continueAsNew<typeof reconciliationWatch>({
    since: state.since,
    ...(announced === undefined ? {} : { announced }),
  });
}

function overdue(since: string): OperationsAnnouncement {
  return {
    event: 'reconciliation.overdue',
    subject: `reconciliation/${since}`,
    occurredAt: new Date().toISOString(),
    reason:
      `no reconciliation has covered everything since ${since}: see in the Temporal UI whether its ` +
      `Schedule is paused and how the last run ended`,
  };
}
