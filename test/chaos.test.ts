import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChaosResult } from '../bench/chaos/chaos-result.js';
import { runChaos } from '../bench/chaos/chaos.js';
import type { Outage } from '../bench/chaos/fault-plan.js';

/** The load and its faults take a minute, starting everything and coming to itself another one. */
const LIMIT_MS = 420_000;

/** Some creations are answered 5xx, and not sent again. */
const CREATED_SHARE = 0.8;

/** The processes that are killed by SIGKILL. */
const VICTIMS: Readonly<Record<Outage, readonly string[]>> = {
  webhookA: ['webhook A'],
  webhookB: ['webhook B'],
  bothWebhooks: ['webhook A', 'webhook B'],
  workerA: ['worker A'],
  workerB: ['worker B'],
  bothWorkers: ['worker A', 'worker B'],
  temporal: ['temporal'],
  everything: ['temporal', 'webhook A', 'webhook B', 'worker A', 'worker B'],
  archiveFull: [],
  httpReceiver: [],
  mailServer: [],
  clocks: [],
};

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
      assertHappened(result);
      // Not every machine lets the archive have a disk of its own, which can be filled.
      const noDisk = result.notTried.find((what) => what.startsWith('no file system of its own'));
      await t.test('nothing was left untried', { skip: noDisk ?? false }, () => {
        assert.deepEqual(result.notTried, []);
      });
      t.diagnostic(`recovered ${Math.round((result.recoveryMs ?? NaN) / 1000)} s after the faults`);
    },
  );
}

/** A day without its faults would find nothing either. */
function assertHappened({ settings, outages, ...result }: ChaosResult): void {
  assert.ok(outages.length >= 5, String(outages.length));
  const killed = Object.keys(result.kills).map((name) => {
    return [name, outages.filter(({ outage }) => VICTIMS[outage].includes(name)).length] as const;
  });
  assert.deepEqual(result.kills, Object.fromEntries(killed));
  assert.ok(Object.values(result.kills).some((kills) => kills > 0));
  assert.ok(result.documents >= CREATED_SHARE * settings.documents, String(result.documents));
  const { dropped, forged } = result.callbacks;
  const { http = 0, mail = 0 } = result.refusedByReceivers;
  for (const [what, count] of Object.entries({ dropped, forged, http, mail })) {
    assert.ok(count > 0, what);
  }
}
