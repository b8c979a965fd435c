import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addListed,
  EARLIER_PROBES,
  emptyFilter,
  fingerprintOf,
  grownFilter,
  PROBES,
  roomIn,
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

test('a filter that grows knows all that it knew, and takes hardly another document for it', () => {
  const small = emptyFilter(SHOWN / 10);
  const shown = fingerprints('shown', SHOWN);
  const [first, rest] = [shown.slice(0, SHOWN / 10), shown.slice(SHOWN / 10)];
  for (const fingerprint of first) addListed(small, fingerprint, PROBES);
  const grown = grownFilter(small, SHOWN);
  assert.ok(roomIn(grown) >= SHOWN);
  for (const fingerprint of first) assert.ok(wasListed(grown, fingerprint, PROBES));
  const mistaken = rest.filter((fingerprint) => !addListed(grown, fingerprint, PROBES)).length;
  assert.ok(mistaken <= 40, `${mistaken} were taken for shown`);
  const others = fingerprints('other', SHOWN);
  const taken = others.filter((fingerprint) => wasListed(grown, fingerprint, PROBES)).length;
  assert.ok(taken <= 40, `${taken} of ${others.length} that were not shown`);
  assert.equal(grownFilter(grown, SHOWN), grown);
  assert.ok(grownFilter(grown, 10_000_000).length <= 1024 * 1024);
});
