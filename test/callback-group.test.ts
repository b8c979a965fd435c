import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parcelsOf, unnamedChanges, unverifiedHints } from '../activities/parcels.js';
import { groupedDelivery, type GroupMember } from '../webhook/callback-group.js';
import type { DeliverChangesInput, DocumentSnapshot, StatusReport } from '../workflows/contract.js';
import { allOf, namedAmong } from '../workflows/set-aside.js';

const AT = '2031-01-01T10:00:00Z';

function visit(id: string): StatusReport {
  const change = { subject: 'signer', id, status: 'visited', at: AT, position: 0 } as const;
  return { source: 'realtime', changes: [change] };
}

function picture(documentId: string, hash: string): StatusReport {
  const snapshot: DocumentSnapshot = {
    ...{ documentId, status: 'finalised', finalPdf: true, modified: AT, signers: [], hash },
  };
  const change = { subject: 'document', id: documentId, status: 'finalised' } as const;
  return { source: 'realtime', changes: [{ ...change, at: AT, position: 0 }], snapshot };
}

function report(documentId: string, told: StatusReport, tag?: string): GroupMember {
  return { kind: 'report', document: { documentId, ...(tag && { tag }) }, report: told };
}

/** What the first attempt of a group's delivery is given. */
function deliver(...members: readonly GroupMember[]): DeliverChangesInput {
  const { changes, hints = [], named = [] } = groupedDelivery(members, AT);
  return { source: 'realtime', changes, hints, named, askProvider: false };
}

const NO_ROUTES = { documents: new Map<string, string>(), unrouted: new Map<string, string>() };

test('each document of a group is told once, all that its callbacks said, in order', () => {
  const input = deliver(
    report('a', visit('1'), 'old'),
    report('b', visit('2')),
    report('a', picture('a', 'x')),
    report('a', visit('3'), 'new'),
  );
  const { parcels, unroutedChanges } = parcelsOf(input, NO_ROUTES);
  assert.deepEqual(unroutedChanges, []);
  const [first, second] = parcels;
  assert.deepEqual(
    parcels.map(({ document }) => document),
    [{ documentId: 'a', tag: 'new' }, { documentId: 'b' }],
  );
  assert.equal(first?.reports.length, 1);
  assert.deepEqual(
    first.reports[0]?.changes.map(({ id }) => id),
    ['1', 'a', '3'],
  );
  assert.equal(parcels[0]?.reports[0]?.snapshot?.hash, 'x');
  assert.deepEqual(first.changes, [0, 2, 3]);
  assert.deepEqual(second?.changes, [1]);
});

test('of two pictures of one document none is lost', () => {
  const input = deliver(report('a', picture('a', 'x')), report('a', picture('a', 'y')));
  const [parcel] = parcelsOf(input, NO_ROUTES).parcels;
  assert.deepEqual(
    parcel?.reports.map(({ snapshot }) => snapshot?.hash),
    ['x', 'y'],
  );
});

test('a notice is verified: its document asks, and nobody asks whether there is one', () => {
  const input = deliver(report('a', visit('1')), { kind: 'notice', document: { documentId: 'a' } });
  assert.deepEqual(unverifiedHints(input), []);
  const [parcel] = parcelsOf(input, NO_ROUTES).parcels;
  assert.deepEqual([parcel?.isNoticed, parcel?.hints], [true, [0]]);
});

test('a signer without a document is routed, or is left over alone', () => {
  const { changes } = visit('lost');
  const unrouted = { source: 'realtime', receivedAt: AT, changes, setAside: [] } as const;
  const input = deliver(
    { kind: 'delivery', digest: 'd', input: unrouted },
    report('a', visit('1')),
  );
  assert.deepEqual(unnamedChanges(input), [0]);
  const documents = new Map([['lost', 'z']]);
  const routed = parcelsOf(input, { ...NO_ROUTES, documents }).parcels;
  assert.deepEqual(
    routed.map(({ document }) => document.documentId),
    ['a', 'z'],
  );
  const { parcels, unroutedChanges } = parcelsOf(input, NO_ROUTES);
  assert.equal(parcels.length, 1);
  assert.deepEqual(unroutedChanges, [{ index: 0, reason: 'no document is known' }]);
});

test('what is tried again keeps its document, though positions have moved', () => {
  const input = groupedDelivery(
    [
      report('a', visit('1')),
      { kind: 'notice', document: { documentId: 'b' } },
      report('c', visit('2')),
    ],
    AT,
  );
  const { changes, hints } = allOf(input);
  const left = { changes: changes.slice(1), hints };
  assert.deepEqual(namedAmong(input.named ?? [], left), [
    { documentId: 'b', changes: [], hints: [0] },
    { documentId: 'c', changes: [0], hints: [] },
  ]);
});
