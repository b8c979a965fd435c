/** Effects, put together for a worker. Every activity may run twice: each is idempotent. */
import type { Client } from '@temporalio/client';
import type { ProviderClient } from '../provider/provider-client.js';
import type { Activities, ChannelName, OutcomePolicy } from '../workflows/contract.js';
import { createAnnounce } from './announce.js';
import type { Channel } from './announcements/channel.js';
import { createArchiveDocument } from './archive-document.js';
import { createArchiveFiles } from './archive-files.js';
import type { Archive } from './archive/archive.js';
import { createDeliverChanges } from './deliver-changes.js';
import { createLookUpDocument } from './look-up-document.js';
import { createSignerRoutes } from './signer-routes.js';

export type { Channel } from './announcements/channel.js';
export { createEmailChannel } from './announcements/email-channel.js';
export { createHttpChannel } from './announcements/http-channel.js';
export { createLogChannel } from './announcements/log-channel.js';
export type { Archive } from './archive/archive.js';
export { openArchive } from './archive/open-archive.js';

/** What the activities work with. */
export interface ActivitiesDependencies {
  /** To signal documents, and to find them. */
  readonly client: Client;
  readonly taskQueue: string;
  readonly provider: ProviderClient;
  readonly archive: Archive;
  /** The log among them speaks where there is no other. */
  readonly channels: readonly Channel[];
  /** How long a document's workflow stays open after its outcome, in ms. */
  readonly lingerMs: number;
  /** Before a callback's entries that found no document are asked for again, in ms. */
  readonly retryPausesMs: readonly number[];
}

export function createActivities(dependencies: ActivitiesDependencies): Activities {
  const { client, taskQueue, provider, archive, channels, lingerMs, retryPausesMs } = dependencies;
  const policy: OutcomePolicy = { lingerMs, channels: announcedTo(channels) };
  const routes = createSignerRoutes(client, provider);
  const lookUpDocument = createLookUpDocument({ provider, archive, policy });
  const archiveFiles = createArchiveFiles({ provider, archive });
  return {
    lookUpDocument,
    archiveDocument: createArchiveDocument({ lookUpDocument, archiveFiles }),
    announce: createAnnounce({ channels }),
    deliverChanges: createDeliverChanges({ client, taskQueue, provider, routes, retryPausesMs }),
  };
}

/** The log is the default, no addition: every announcement is an activity, and has its price. */
function announcedTo(channels: readonly Channel[]): ChannelName[] {
  const names = channels.map(({ name }) => name);
  const others = names.filter((name) => name !== 'log');
  return others.length > 0 ? others : names;
}
