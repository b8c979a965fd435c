import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runChaos } from '../bench/chaos/chaos.js';

/** The load and its faults take a minute, starting everything and coming to itself another one. */
const LIMIT_MS = 420_000;

/** A run that once found something is kept here, with what that was. */
const RUNS = [{ documents: 200, seed: 11, minutes: 1, found: 'nothing: the first one' }];

for (const { found, ...settings } of RUNS) {
  test(
    `seed ${settings.seed}, everything fails: nothing lost, wrong, doubled or forged; it found ${found}`,
    { timeout: LIMIT_MS },
    async (t) => {
      const result = await runChaos(settings, { onProgress: () => undefined, signal: t.signal });
      const { lost, wrong, doubled, forgedAccepted, leakedHandles, crashed } = result;
      assert.deepEqual(
        { lost, wrong, doubled, forgedAccepted, leakedHandles, crashed },
        { lost: 0, wrong: 0, doubled: 0, forgedAccepted: 0, leakedHandles: 0, crashed: 0 },
        result.examples.join('\n'),
      );
      assert.equal(result.unexpectedFailures, 0, result.examples.join('\n'));
      assert.equal(result.repairedBySecondRun, 0);
      // It did happen.
      assert.ok(result.outages.length >= 5, String(result.outages.length));
      assert.ok(result.callbacks.dropped > 0);
      assert.ok(result.callbacks.forged > 0);
      t.diagnostic(`recovered ${Math.round((result.recoveryMs ?? NaN) / 1000)} s after the faults`);
    },
  );
}
