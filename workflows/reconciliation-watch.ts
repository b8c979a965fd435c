import { continueAsNew, patched, proxyActivities, sleep } from '@temporalio/workflow';
import type { Activities, ChannelName, OperationsAnnouncement } from './contract.js';
import { tell } from './operations-announcement.js';
import { lookFrom } from './reconciliation-watch-state.js';
import type { WatchState } from './reconciliation-watch-state.js';

const { lastReconciliation } = proxyActivities<Activities>({
  startToCloseTimeout: '1m',
  retry: { initialInterval: '2s', maximumInterval: '15m' },
});

/** Runs from before told one channel after the other. */
const TOLD_TOGETHER = 'told-together';

/** Announces, once for each gap, that no reconciliation has covered everything for too long. */
export async function reconciliationWatch(carried?: WatchState): Promise<void> {
  const remembered = carried ?? { since: new Date().toISOString() };
  const look = lookFrom(remembered, await lastReconciliation(), Date.now());
  const { overdue, channels, state, sleepMs } = look;
  const unheard = overdue ? await announce(overdue, channels) : [];
  await sleep(sleepMs);
  await continueAsNew<typeof reconciliationWatch>({
    ...state,
    ...(unheard.length === 0 ? {} : { unheard }),
  });
}

/** @returns the channels that did not take it */
async function announce(
  overdue: OperationsAnnouncement,
  channels: readonly ChannelName[],
): Promise<ChannelName[]> {
  const heard: boolean[] = [];
  if (channels.length > 1 && patched(TOLD_TOGETHER)) {
    heard.push(...(await Promise.all(channels.map((channel) => tell(channel, overdue)))));
  } else {
    for (const channel of channels) heard.push(await tell(channel, overdue));
  }
  return channels.filter((_, index) => heard[index] !== true);
}
