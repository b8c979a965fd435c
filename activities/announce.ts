import { Context } from '@temporalio/activity';
import { maskEmailAddresses } from '../provider/error-reason.js';
import {
  FAILURE_TYPES,
  type Activities,
  type Announcement,
  type ChannelName,
} from '../workflows/contract.js';
import type { Channel } from './announcements/channel.js';
import { retryable, withFailures } from './failures.js';
import { withHeartbeat } from './heartbeat.js';

/** What a worker needs to have a channel; the log it always has. */
const CONFIGURATION_OF: Readonly<Record<ChannelName, string>> = {
  log: 'the log channel',
  http: 'NOTIFY_WEBHOOK_URL and NOTIFY_WEBHOOK_SECRETS',
  email: 'NOTIFY_SMTP_URL, NOTIFY_EMAIL_FROM and NOTIFY_EMAIL_TO',
  slack: 'NOTIFY_SLACK_URL',
};

/** What the activity works with. */
export interface AnnounceDependencies {
  readonly channels: readonly Channel[];
}

/**
 * The activity that tells one channel of one event. A channel that this worker does not have is a
 * failure to be retried: another worker may have it, or this one after its next start.
 */
export function createAnnounce({ channels }: AnnounceDependencies): Activities['announce'] {
  return ({ channel: name, announcement }) =>
    withFailures(() =>
      withHeartbeat(async () => {
        const channel = channels.find((each) => each.name === name);
        if (channel === undefined) throw missingChannel(name);
        const { cancellationSignal: signal } = Context.current();
        await channel.announce(withoutAddresses(announcement), { signal });
      }),
    );
}

/** Whoever sends `stop` by hand may name somebody in its reason. */
function withoutAddresses(announcement: Announcement): Announcement {
  const { reason } = announcement;
  return reason === undefined
    ? announcement
    : { ...announcement, reason: maskEmailAddresses(reason) };
}

function missingChannel(name: ChannelName): Error {
  // A history of a later version may name a channel unknown here.
  const needs = Object.hasOwn(CONFIGURATION_OF, name) ? CONFIGURATION_OF[name] : 'a newer version';
  return retryable(
    FAILURE_TYPES.unavailable,
    `This worker has no channel "${name}": it needs ${needs}, like every worker of the task queue.`,
  );
}
