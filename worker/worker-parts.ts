/** What a worker consists of besides Temporal's own, and what it needs to find around it. */
import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import {
  createActivities,
  createEmailChannel,
  createHttpChannel,
  createLogChannel,
  openArchive,
} from '../activities/index.js';
import type { Channel } from '../activities/index.js';
import { createProviderClient } from '../provider/provider-client.js';
import type { WorkerConfiguration } from './configuration.js';
import { ensureRetention, ensureSearchAttributes } from './namespace.js';
import type { NamespaceConnection } from './namespace.js';
import { ensureSchedule, ensureWatch } from './schedule.js';

/** The activities, and how to let go of what they hold open. */
export interface WorkerParts {
  readonly activities: ReturnType<typeof createActivities>;
  close(): Promise<void>;
}

/** The namespace's search attributes and retention, the Schedule and its watch. */
export async function ensureSurroundings(
  client: Client,
  connection: NamespaceConnection,
  configuration: WorkerConfiguration,
  logger: Logger,
): Promise<void> {
  const { namespace } = client.options;
  await ensureSearchAttributes(connection, namespace);
  const note = await ensureRetention(connection, namespace, configuration.retentionMs);
  if (note !== undefined) logger.info(note);
  await ensureReconciliation(client, configuration, logger);
}

async function ensureReconciliation(
  client: Client,
  { taskQueue, schedule }: WorkerConfiguration,
  logger: Logger,
): Promise<void> {
  const note = await ensureSchedule(client, taskQueue, schedule);
  if (note !== undefined) logger.info(note);
  if (schedule.cron !== undefined) await ensureWatch(client, taskQueue);
}

/** Put together from the settings; `client` stays the caller's to close. */
export function createWorkerParts(
  configuration: WorkerConfiguration,
  client: Client,
  logger: Logger,
): WorkerParts {
  const { taskQueue, archiveUrl, archiveS3, lingerMs, retryPausesMs, reconciliation } =
    configuration;
  const provider = createProviderClient({ ...configuration.provider, logger });
  const channels = createChannels(configuration, logger);
  const archive = openArchive(archiveUrl, { logger, s3: archiveS3 });
  return {
    activities: createActivities({
      ...{ client, taskQueue, provider, archive, channels, lingerMs, retryPausesMs },
      reconciliation,
    }),
    close: () => {
      provider.close();
      for (const channel of channels) channel.close?.();
      return Promise.resolve();
    },
  };
}

function createChannels(
  { notifyWebhook, notifyEmail }: WorkerConfiguration,
  logger: Logger,
): Channel[] {
  return [
    createLogChannel(logger),
    ...(notifyWebhook ? [createHttpChannel(notifyWebhook)] : []),
    ...(notifyEmail ? [createEmailChannel({ ...notifyEmail, logger })] : []),
  ];
}
