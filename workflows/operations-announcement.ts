import { log, proxyActivities } from '@temporalio/workflow';
import { failureOf } from './activity-failure.js';
import type { Activities, ChannelName, OperationsAnnouncement } from './contract.js';

/** A channel that is away for longer must not hold up the next night's run, or the next look. */
const { announce } = proxyActivities<Activities>({
  startToCloseTimeout: '1m',
  scheduleToCloseTimeout: '1h',
  retry: { initialInterval: '2s', maximumInterval: '1m' },
});

/**
 * Tells one channel of something about Countersign itself. One that refuses, or is away for an
 * hour, fails no workflow: that is in the log, and who announces goes on.
 * @returns whether the channel took it
 * @throws a cancellation of the workflow
 */
export async function tell(
  channel: ChannelName,
  announcement: OperationsAnnouncement,
): Promise<boolean> {
  const summary = `announce ${announcement.event} by ${channel}`;
  const failure = await announce
    .executeWithOptions({ summary }, [{ channel, announcement }])
    .catch(failureOf);
  if (!(failure instanceof Error)) return true;
  log.warn(`could not ${summary}: ${failure.message}`);
  return false;
}
