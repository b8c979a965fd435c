import assert from 'node:assert/strict';
import { test } from 'node:test';
import { progressBar } from '../cli/progress-line.js';

test('a bar fills with what is done, and never beyond its end', () => {
  assert.equal(progressBar(0, 8), '[--------------------] 0 of 8');
  assert.equal(progressBar(2, 8), '[#####---------------] 2 of 8');
  assert.equal(progressBar(9, 8), '[####################] 9 of 8');
  assert.equal(progressBar(0, 0), '[####################] 0 of 0');
});
