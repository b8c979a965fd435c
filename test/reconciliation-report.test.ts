import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  NO_COUNTS,
  type PrepareReconciliationResult,
  type ReconciliationCounts,
  type ReconciliationScope,
} from '../workflows/contract.js';
import { announcementsOf, reportOf, runProgress } from '../workflows/reconciliation-report.js';
import {
  initialReconciliation,
  type ReconciliationState,
} from '../workflows/reconciliation-state.js';

const STARTED = '2030-01-31T02:00:00.000Z';
const FINISHED = '2030-01-31T02:05:00.000Z';

const PREPARED: PrepareReconciliationResult = {
  policy: {
    channels: ['log'],
    listing: 'auto',
    groups: [],
    adoption: { otherwise: 'adopt', byGroup: {} },
    pageSize: 500,
    patienceMs: 1000,
    graceMs: 0,
    alarm: { share: 0.01, changes: 100 },
  },
  subscriptions: { created: [], inactive: [], duplicates: [], strangers: [] },
  setAside: { workflowIds: [], subjects: [], hasMore: false },
};

interface Ending {
  readonly scope?: ReconciliationScope;
  readonly counts?: Partial<ReconciliationCounts>;
  readonly unreadable?: number;
  readonly problem?: string;
}

function stateOf({
  scope = {},
  counts = {},
  unreadable = 0,
  problem,
}: Ending): ReconciliationState {
  const subscriptions = { ...PREPARED.subscriptions, ...(problem !== undefined && { problem }) };
  return {
    ...initialReconciliation(scope, STARTED),
    prepared: { ...PREPARED, subscriptions },
    documents: 1000,
    counts: { ...NO_COUNTS, ...counts },
    unreadable,
  };
}

function told(ending: Ending, tellsMore = true): Record<string, string> {
  const report = reportOf(stateOf(ending), FINISHED, tellsMore);
  const run = { workflowId: 'reconciliation', runId: 'run', tellsMore };
  const announcements = announcementsOf(report, run);
  return Object.fromEntries(announcements.map(({ event, reason }) => [event, reason]));
}

const MISSED = {
  missed: { neverArrived: 20, arrivedAndFailed: 0, documentUnknown: 0 },
  missedDocuments: 20,
};

test('a calm run tells nobody', () => {
  assert.deepEqual(told({}), {});
  assert.equal(reportOf(stateOf({}), FINISHED, true).isComplete, true);
});

test('too large a share missed is an alarm, but not of one document that was asked about', () => {
  assert.match(told({ counts: MISSED })['reconciliation.alarm'] ?? '', /missed 20 changes of 20/);
  assert.deepEqual(told({ counts: MISSED, scope: { documentId: 'd' } }), {});
  // Runs begun before that go on as they began.
  const before = told({ counts: MISSED, scope: { documentId: 'd' } }, false);
  assert.deepEqual(Object.keys(before), ['reconciliation.alarm']);
});

test('what ended here otherwise than the provider says is an alarm, as long as it is news', () => {
  const { 'reconciliation.alarm': alarm } = told({
    counts: { contradicted: 3, newlyContradicted: 2 },
  });
  assert.match(alarm ?? '', /otherwise than how 2 documents ended here/);
  assert.deepEqual(told({ counts: { contradicted: 3 } }), {});
  assert.deepEqual(told({ counts: { contradicted: 3, newlyContradicted: 2 } }, false), {});
});

test('rows that could not be read, or documents not compared, are told of, and the run is not complete', () => {
  for (const [ending, words] of [
    [{ unreadable: 3 }, /3 rows of the listings could not be read/],
    [{ counts: { failed: 4 } }, /4 documents could not be compared/],
  ] as const) {
    assert.match(told(ending)['reconciliation.failed'] ?? '', words);
    assert.equal(reportOf(stateOf(ending), FINISHED, true).isComplete, false);
  }
});

test('registered callbacks that could not be looked at are told of; the documents were compared', () => {
  const ending = { problem: 'GET /notifications/ was answered 500.' };
  assert.match(told(ending)['reconciliation.failed'] ?? '', /registered callbacks: GET/);
  assert.equal(reportOf(stateOf(ending), FINISHED, true).isComplete, true);
});

test('how far a run is: documents of the listing that is being read, of as many as it counts', () => {
  const cursor = { offset: 900, limit: 100, total: 800, hasEnded: false, pages: 9 };
  const state = stateOf({});
  assert.equal(runProgress(state).listing, undefined);
  const listings = [0, 300, 1_100].map(
    (listedBefore) => runProgress({ ...state, cursor, listedBefore }).listing,
  );
  assert.deepEqual(
    listings.map((listing) => [listing?.read, listing?.total]),
    [
      [800, 800],
      [700, 800],
      [0, 800],
    ],
  );
});
