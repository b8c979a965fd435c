import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LifecycleResult } from '../bench/report.js';
import { bench } from './support/bench.js';

test('five documents go through without a failure and are reported as JSON alone', async () => {
  const { code, stdout, stderr } = await bench(
    ...['lifecycle', '--documents', '5', '--slices', '1', '--json'],
  );
  assert.equal(code, 0, stderr);
  const result = JSON.parse(stdout) as LifecycleResult;
  assert.equal(result.failures.total, 0);
  const countOf = (action: string): number =>
    result.actions.table
      .filter((row) => row.workflow === 'documentSigning' && row.action === action)
      .reduce((total, { count }) => total + count, 0);
  assert.equal(countOf('start'), 5);
  assert.equal(countOf('activity archiveDocument'), 5);
  assert.equal(countOf('activity announce'), 5);
  // Five documents share few batches: with a thousand it is some 15.
  assert.ok(result.actions.perDocument <= 24, `${result.actions.perDocument} actions`);
  // A document: created, three signatures, final PDF, one notice; each twice; and batches.
  assert.ok(result.acknowledgement.callbacks > 60, `${result.acknowledgement.callbacks} callbacks`);
  assert.ok(result.throughput.ratio.median > 0);
});

test('an unknown flag is told in a line, and nothing runs', async () => {
  const { code, stdout, stderr } = await bench('lifecycle', '--document', '5');
  assert.equal(code, 2);
  assert.equal(stdout, '');
  assert.match(stderr, /^bench: Unknown option '--document'[^\n]*\n$/);
});

test('an unknown benchmark is told with those that there are', async () => {
  const { code, stderr } = await bench('livecycle');
  assert.equal(code, 2);
  assert.match(stderr, /^bench: there is no benchmark livecycle \(.*\blifecycle\b.*\)\n$/);
});
