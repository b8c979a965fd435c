/** Odd listings, each read by a reconciliation of its own on one Temporal server and worker. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { ReconciliationReport } from '../../workflows/contract.js';
import { json, startStage } from '../support/provider-stage.js';
import { startReconciliation } from '../support/reconciling.js';
import { openStage } from '../support/stage.js';
import { isLasting, oddListing, ServedListing, type OddListing } from './odd-listings.js';

/** So many are read at the same time. */
export const LISTINGS_AT_ONCE = 20;

const ENVIRONMENT = {
  RECONCILE_LISTING: 'groups',
  RECONCILE_PAGE_SIZE: '20',
  RECONCILE_ADOPT: 'ignore',
  RECONCILE_PATIENCE: '12s',
};

/** Most runs are continued as new, some of them several times. */
const SHORT_RUNS = { 'limit.historyCount.suggestContinueAsNew': 40 };

/** Listings that are read at the same time. */
export const oddListings: fc.Arbitrary<readonly OddListing[]> = fc.array(oddListing, {
  minLength: LISTINGS_AT_ONCE,
  maxLength: LISTINGS_AT_ONCE,
});

export interface ListingFuzz {
  /** Reads them. @throws AssertionError where a run is not true to what it was shown */
  check(listings: readonly OddListing[]): Promise<void>;
  close(): Promise<void>;
}

/** Opens Temporal, a worker, and a provider with a group for each listing. */
export async function startListingFuzz(): Promise<ListingFuzz> {
  const served = new Map<string, ServedListing>();
  const nothing = json({ meta: { next: null, total_count: 0 }, objects: [] });
  const provider = await startStage((request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://provider');
    const answer = served.get(searchParams.get('group') ?? '')?.answer ?? nothing;
    answer(request, response);
  });
  const environment = { ...ENVIRONMENT, LEGALESIGN_API_URL: `${provider.origin}/api/v1` };
  const stage = await openStage({ subscribes: false, environment, dynamicConfig: SHORT_RUNS });
  const checkOne = async (listing: OddListing): Promise<void> => {
    const group = `group-${served.size}`;
    const serving = new ServedListing(listing);
    served.set(group, serving);
    const run = await startReconciliation(stage, { group });
    requireTruth(serving, await Promise.race([run.report, serving.lost]));
  };
  return {
    async check(listings) {
      await Promise.all(listings.map(checkOne));
    },
    async close() {
      await stage.close();
      await provider.close();
    },
  };
}

/** What is called complete has shown all that stayed; what passes is no reason to be incomplete. */
function requireTruth(
  { listing, staying, asked }: ServedListing,
  { isComplete, documents, failedParts }: ReconciliationReport,
): void {
  const shown = JSON.stringify({ listing, asked, documents, failedParts });
  if (!isLasting(listing)) assert.ok(isComplete, `incomplete: ${shown}`);
  // Now and then one is taken for shown before: what remembers them is a filter.
  if (isComplete) assert.ok(documents >= staying - 1, `left out: ${shown}`);
  if (listing.front === 'stays') assert.ok(documents <= listing.rows, `too many: ${shown}`);
}
