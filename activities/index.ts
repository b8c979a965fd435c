/** Effects, put together for a worker. Every activity may run twice: each is idempotent. */
import type { Client } from '@temporalio/client';
import type { ProviderClient } from '../provider/provider-client.js';
import type {
  Activities,
  ChannelPolicy,
  FollowUpPolicy,
  OutcomePolicy,
  ReconciliationActivities,
  ReconciliationPolicy,
} from '../workflows/contract.js';
import { createAnnounce } from './announce.js';
import type { Channel } from './announcements/channel.js';
import { createArchiveDocument } from './archive-document.js';
import { createArchiveFiles } from './archive-files.js';
import type { Archive } from './archive/archive.js';
import { createDeliverChanges } from './deliver-changes.js';
import { createFindUnlisted } from './find-unlisted.js';
import { withHeartbeat } from './heartbeat.js';
import { createLookUpDocument } from './look-up-document.js';
import { createLastReconciliation, createPrepareReconciliation } from './prepare-reconciliation.js';
import { createReconcileDocuments } from './reconcile-documents.js';
import { createReconcilePage } from './reconcile-page.js';
import { createRemindSigners, type ReminderSettings } from './remind-signers.js';
import { withinPayload } from './result-size.js';
import { createRetrySetAside } from './retry-set-aside.js';
import { createSignerRoutes, type SignerRoutes } from './signer-routes.js';
import type { WantedSubscriptions } from '../provider/subscription-plan.js';

export { eraseDocument, planErasure, type ErasurePlan } from './erase-document.js';
export type { Channel } from './announcements/channel.js';
export { createEmailChannel } from './announcements/email-channel.js';
export { readEmailTemplates, type EmailTemplates } from './announcements/email-templates.js';
export { createHttpChannel } from './announcements/http-channel.js';
export { createLogChannel } from './announcements/log-channel.js';
export { createSlackChannel } from './announcements/slack-channel.js';
export { channelPolicyOf } from './announcements/channel-policy.js';
export type { Archive } from './archive/archive.js';
export type { ReminderSettings } from './remind-signers.js';
export { openArchive } from './archive/open-archive.js';
export {
  flawText,
  verifyArchive,
  type DocumentVerdict,
  type Flaw,
} from './archive/verify-archive.js';
export { completeRuns, type CompleteRuns } from './reconciliation-runs.js';

/** What the activities work with. */
export interface ActivitiesDependencies {
  /** To signal documents, and to find them. */
  readonly client: Client;
  readonly taskQueue: string;
  readonly provider: ProviderClient;
  readonly archive: Archive;
  readonly channels: readonly Channel[];
  /** Which of them are told of what: `channelPolicyOf`. */
  readonly policy: ChannelPolicy;
  /** How long a document's workflow stays open after its outcome, in ms. */
  readonly lingerMs: number;
  /** What is done about open documents by default. */
  readonly followUp?: FollowUpPolicy | undefined;
  readonly reminders: ReminderSettings;
  /** Before a callback's entries that found no document are asked for again, in ms. */
  readonly retryPausesMs: readonly number[];
  readonly reconciliation: ReconciliationSettings;
}

/** Settings of the reconciliation; the channels are those of all announcements. */
export interface ReconciliationSettings {
  readonly policy: Omit<ReconciliationPolicy, keyof ChannelPolicy>;
  readonly subscriptions: WantedSubscriptions | undefined;
  /** After how long without a complete run that is announced, in ms. */
  readonly maxAgeMs: number;
}

export function createActivities(dependencies: ActivitiesDependencies): Activities {
  const { client, taskQueue, provider, archive, channels, retryPausesMs } = dependencies;
  const { lingerMs, followUp, reminders } = dependencies;
  const policy: OutcomePolicy = {
    lingerMs,
    ...dependencies.policy,
    ...(followUp && { followUp }),
  };
  const routes = createSignerRoutes(client, provider);
  const lookUpDocument = createLookUpDocument({ provider, archive, policy });
  const archiveFiles = createArchiveFiles({ provider, archive });
  return withinPayload({
    // As a part of archiving it beats along with that.
    lookUpDocument: (input) => withHeartbeat(() => lookUpDocument(input)),
    archiveDocument: createArchiveDocument({ lookUpDocument, archiveFiles }),
    remindSigners: createRemindSigners({ lookUpDocument, provider, reminders }),
    readPolicy: () => Promise.resolve(policy),
    announce: createAnnounce({ channels }),
    deliverChanges: createDeliverChanges({ client, taskQueue, provider, routes, retryPausesMs }),
    ...reconciling(dependencies, routes),
  });
}

function reconciling(
  { client, taskQueue, provider, archive, reconciliation, ...more }: ActivitiesDependencies,
  routes: SignerRoutes,
): ReconciliationActivities {
  const { subscriptions, maxAgeMs } = reconciliation;
  const policy = { ...reconciliation.policy, ...more.policy };
  const around = { client, provider, policy, subscriptions, maxAgeMs };
  const comparing = { client, taskQueue, provider, archive, followUp: more.followUp };
  return {
    prepareReconciliation: createPrepareReconciliation(around),
    reconcilePage: createReconcilePage(comparing),
    reconcileDocuments: createReconcileDocuments(comparing),
    findUnlisted: createFindUnlisted(client),
    retrySetAside: createRetrySetAside({ client, taskQueue, routes }),
    lastReconciliation: createLastReconciliation(around),
  };
}
