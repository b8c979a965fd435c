/** A few cases of `npm run fuzz -- --target listings`, always the same ones. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LISTINGS, runFuzz } from './fuzz/run-fuzz.js';

test('reconciliations of odd listings end, and call nothing complete that is not', async () => {
  const report = await runFuzz({ cases: 20, seed: 7, target: LISTINGS });
  assert.equal(report.cases, 20);
});
