/** What a worker consists of besides Temporal's own, and what it needs to find around it. */
import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import {
  channelPolicyOf,
  createActivities,
  createEmailChannel,
  createHttpChannel,
  createLogChannel,
  createSlackChannel,
  openArchive,
} from '../activities/index.js';
import type { Channel } from '../activities/index.js';
import { createProviderClient } from '../provider/provider-client.js';
import { untoldEvents } from './announcement-settings.js';
import type { AnnouncementSettings } from './announcement-settings.js';
import type { WorkerConfiguration } from './configuration.js';
import { ensureDataFormat } from './data-format.js';
import { ensureRetention, ensureSearchAttributes } from './namespace.js';
import { NamespaceError, permitted, requirePolling } from './permissions.js';
import type { NamespaceConnection } from './permissions.js';
import { ensureSchedule, ensureWatch } from './schedule.js';

/**
 * More of a worker's options, which the SDK takes but does not document. One activation may last so
 * long: thousands of signals to one document can come at once, and where the default of 5 s cuts
 * them off in the middle, Node ends the whole process ("async hook stack has become corrupted").
 */
export const ACTIVATION_LIMIT = { isolateExecutionTimeout: '1m' } as const;

/** The activities, and how to let go of what they hold open. */
export interface WorkerParts {
  readonly activities: ReturnType<typeof createActivities>;
  close(): Promise<void>;
}

/**
 * The namespace's search attributes and retention, the Schedule and its watch, the right to poll.
 * @throws NamespaceError that says in a line what is not as it must be, and what to do
 */
export async function ensureSurroundings(
  client: Client,
  connection: NamespaceConnection,
  configuration: WorkerConfiguration,
  logger: Logger,
): Promise<void> {
  const { namespace } = client.options;
  const untold = await ensureDataFormat(connection, namespace);
  if (untold !== undefined) logger.warn(untold);
  await ensureSearchAttributes(connection, namespace);
  await requirePolling(connection, namespace, configuration.taskQueue);
  const note = await ensureRetention(connection, namespace, configuration.retentionMs);
  if (note !== undefined) logger.info(note);
  await ensureReconciliation(client, configuration, logger);
}

async function ensureReconciliation(
  client: Client,
  { taskQueue, schedule, encryptionKeys }: WorkerConfiguration,
  logger: Logger,
): Promise<void> {
  const { namespace } = client.options;
  const note = await permitted(namespace, 'keep its Schedule of the reconciliation', () =>
    ensureSchedule(client, taskQueue, schedule, encryptionKeys),
  ).catch((error: unknown) => {
    // What the SDK makes of a Schedule that the server cannot read.
    if (!(error instanceof TypeError)) throw error;
    throw new NamespaceError(`RECONCILE_CRON or RECONCILE_TIME_ZONE is none: ${error.message}`);
  });
  if (note !== undefined) logger.info(note);
  if (schedule.cron === undefined) return;
  await permitted(namespace, 'start workflows', () => ensureWatch(client, taskQueue));
}

/** Put together from the settings; `client` stays the caller's to close. */
export function createWorkerParts(
  configuration: WorkerConfiguration,
  client: Client,
  logger: Logger,
): WorkerParts {
  const { taskQueue, archiveUrl, archiveS3, lingerMs, retryPausesMs } = configuration;
  const { announcements, followUp, reminders, reconciliation } = configuration;
  const provider = createProviderClient({ ...configuration.provider, logger });
  const channels = createChannels(announcements, logger);
  const policy = channelPolicyOf(channels, announcements.events);
  const untold = untoldEvents(policy);
  if (untold.length > 0) logger.warn({ events: untold }, 'no channel is told of some events');
  const archive = openArchive(archiveUrl, { logger, s3: archiveS3 });
  return {
    activities: createActivities({
      ...{ client, taskQueue, provider, archive, channels, policy, lingerMs, retryPausesMs },
      ...{ followUp, reminders, reconciliation },
    }),
    close: () => {
      provider.close();
      for (const channel of channels) channel.close?.();
      return Promise.resolve();
    },
  };
}

/** The log, and what the settings name. */
export function createChannels(
  { webhook, email, slack }: AnnouncementSettings,
  logger: Logger,
): Channel[] {
  return [
    createLogChannel(logger),
    ...(webhook ? [createHttpChannel(webhook)] : []),
    ...(email ? [createEmailChannel({ ...email, logger })] : []),
    ...(slack ? [createSlackChannel(slack)] : []),
  ];
}
