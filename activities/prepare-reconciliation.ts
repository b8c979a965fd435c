import type { Client } from '@temporalio/client';
import type { ProviderClient } from '../provider/provider-client.js';
import { subjectOf } from '../workflows/contract.js';
import type {
  Activities,
  LastReconciliationResult,
  ReconciliationPolicy,
  SetAsideDeliveries,
} from '../workflows/contract.js';
import { withFailures } from './failures.js';
import { withHeartbeat } from './heartbeat.js';
import { lastCompleteRun } from './reconciliation-runs.js';
import { listSetAside, readSetAside } from './set-aside-deliveries.js';
import { healSubscriptions } from './subscriptions.js';
import type { WantedSubscriptions } from '../provider/subscription-plan.js';

/** What the activities that stand around a run work with. */
export interface ReconciliationSurroundings {
  readonly client: Client;
  readonly provider: Pick<ProviderClient, 'listNotifications' | 'subscribe'>;
  readonly policy: ReconciliationPolicy;
  readonly subscriptions: WantedSubscriptions | undefined;
  /** After how long without a complete run that is announced, in ms. */
  readonly maxAgeMs: number;
}

/** Subjects of entries set aside, the latest ones, that a run recognises. */
const SUBJECTS = 1_000;

/** The activity that a run begins with. */
export function createPrepareReconciliation({
  client,
  provider,
  policy,
  subscriptions,
}: ReconciliationSurroundings): Activities['prepareReconciliation'] {
  return ({ scope }) =>
    withFailures(() =>
      withHeartbeat(async () => {
        const isOfOne = scope.documentId !== undefined;
        const previous = await lastCompleteRun(client);
        const setAside = isOfOne ? NONE_SET_ASIDE : await setAsideDeliveries(client);
        // Last: what it registers would be nothing new to a repeated attempt.
        const healed = await healSubscriptions(provider, isOfOne ? undefined : subscriptions);
        return {
          policy,
          subscriptions: healed,
          setAside,
          ...(previous && { previousStartedAt: previous.providerStartedAt }),
        };
      }),
    );
}

const NONE_SET_ASIDE: SetAsideDeliveries = { workflowIds: [], subjects: [], hasMore: false };

async function setAsideDeliveries(client: Client): Promise<SetAsideDeliveries> {
  const { workflowIds, next } = await listSetAside(client);
  const subjects = new Set<string>();
  for (const workflowId of workflowIds) {
    if (subjects.size >= SUBJECTS) break;
    const delivery = await readSetAside(client, workflowId);
    for (const index of delivery?.indexes ?? []) {
      const change = delivery?.input.changes[index];
      if (change && subjects.size < SUBJECTS) subjects.add(subjectOf(change));
    }
  }
  const hasMore = next !== undefined;
  return { workflowIds, subjects: [...subjects], hasMore, ...(hasMore && { next }) };
}

/** The activity by which the watch learns when a run last covered everything. */
export function createLastReconciliation({
  client,
  policy,
  maxAgeMs,
}: ReconciliationSurroundings): Activities['lastReconciliation'] {
  return () =>
    withFailures(async (): Promise<LastReconciliationResult> => {
      const run = await lastCompleteRun(client);
      const { channels, events } = policy;
      return {
        ...(run && { succeededAt: run.startedAt }),
        maxAgeMs,
        channels,
        ...(events && { events }),
      };
    });
}
