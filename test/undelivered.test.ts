import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tellUndelivered } from '../activities/undelivered.js';
import { allOf, leftAfter } from '../workflows/set-aside.js';
import type { DeliverChangesResult, StatusChange } from '../workflows/contract.js';

/** What one payload holds of the shortest entries there can be. */
const ENTRIES = 21_000;
const PAYLOAD_BYTES = 2 * 1024 * 1024;

const REST = { delivered: 0, documents: 0, closedDocuments: 0, retryPausesMs: [] };

const change: StatusChange = {
  subject: 'signer',
  id: 's',
  status: 'sent',
  at: '2026-01-01T00:00:00Z',
  position: 0,
};

function resultOf(reasonAt: (index: number) => string): DeliverChangesResult {
  const undelivered = Array.from({ length: ENTRIES }, (_, index) => ({
    index,
    reason: reasonAt(index),
  }));
  return { ...REST, ...tellUndelivered(undelivered, []) };
}

for (const [name, reasonAt] of [
  ['with one long reason', () => 'é'.repeat(5000)],
  ['each with a long reason of its own', (index: number) => `${index} ${'é'.repeat(5000)}`],
] as const) {
  test(`a whole payload of undelivered entries ${name} fits a payload`, () => {
    const result = resultOf(reasonAt);
    assert.ok(Buffer.byteLength(JSON.stringify(result)) < PAYLOAD_BYTES / 2);
    const input = { source: 'batch', receivedAt: '', setAside: [] } as const;
    const changes = Array.from({ length: ENTRIES }, () => change);
    const left = leftAfter(allOf({ ...input, changes }), result);
    assert.equal(left.changes.length, ENTRIES);
    assert.equal(left.changes[0]?.reason, reasonAt(0).slice(0, 500));
    assert.ok(new Set(left.changes.map(({ reason }) => reason)).size <= 100);
  });
}

test('a result of an older worker, with its reasons spelt out, is understood', () => {
  const before = allOf({ source: 'batch', receivedAt: '', setAside: [], changes: [change] });
  const undeliveredChanges = [{ index: 0, reason: 'unknown', isFinal: true }];
  const left = leftAfter(before, { ...REST, undeliveredChanges, undeliveredHints: [] });
  assert.deepEqual(left.changes, undeliveredChanges);
});
