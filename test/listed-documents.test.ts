import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addListed,
  EARLIER_PROBES,
  emptyFilter,
  fingerprintOf,
  PROBES,
  wasListed,
} from '../workflows/listed-documents.js';

const SHOWN = 50_000;

function fingerprints(prefix: string, count: number) {
  return Array.from({ length: count }, (_, index) => fingerprintOf('run', `${prefix}-${index}`));
}

/** @returns how many were taken for shown before */
function fill(filter: Uint8Array, probes: number): number {
  const shown = fingerprints('shown', SHOWN);
  return shown.filter((fingerprint) => !addListed(filter, fingerprint, probes)).length;
}

test('a full filter knows each document that was shown, and takes hardly another one for it', () => {
  const filter = emptyFilter(SHOWN);
  const mistaken = fill(filter, PROBES);
  assert.ok(mistaken <= 1, `${mistaken} were taken for shown`);
  for (const fingerprint of fingerprints('shown', SHOWN)) {
    assert.ok(wasListed(filter, fingerprint, PROBES));
    assert.equal(addListed(filter, fingerprint, PROBES), false);
  }
  const others = fingerprints('other', 4 * SHOWN);
  const taken = others.filter((fingerprint) => wasListed(filter, fingerprint, PROBES)).length;
  // Six of a million are expected.
  assert.ok(taken <= 6, `${taken} of ${others.length} that were not shown`);
});

test('a worker from before reads a filter of today', () => {
  const filter = emptyFilter(SHOWN);
  fill(filter, PROBES);
  for (const fingerprint of fingerprints('shown', SHOWN)) {
    assert.ok(wasListed(filter, fingerprint, EARLIER_PROBES));
  }
});

test('the filter of a hundred thousand documents, with room to grow, is no large payload', () => {
  assert.ok(emptyFilter(125_000).length <= 512 * 1024);
});
