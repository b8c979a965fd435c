import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { createCallLimiter } from '../provider/call-limiter.js';

/** Calls that go on until they are told to end. */
function endlessCalls(): { started: number; call: () => Promise<void>; end: () => void } {
  const ends: (() => void)[] = [];
  const calls = {
    started: 0,
    call: () => {
      calls.started += 1;
      return new Promise<void>((resolve) => ends.push(resolve));
    },
    end: () => {
      ends.shift()?.();
    },
  };
  return calls;
}

test('No more calls are under way than the limit on concurrency', async () => {
  const limiter = createCallLimiter({ concurrency: 2, maxHoldMs: 0 });
  const calls = endlessCalls();
  const all = [1, 2, 3, 4].map((n) => limiter.run(`GET /${n}`, calls.call));
  await turn();
  assert.equal(calls.started, 2);
  calls.end();
  await all[0];
  await turn();
  assert.equal(calls.started, 3);
  calls.end();
  await all[1];
  await turn();
  calls.end();
  calls.end();
  await Promise.all(all);
  assert.equal(calls.started, 4);
});

test('No more calls start in a minute than allowed; one that waits can be cancelled', async () => {
  const limiter = createCallLimiter({ concurrency: 9, callsPerMinute: 3, maxHoldMs: 0 });
  const controller = new AbortController();
  const { signal } = controller;
  let started = 0;
  const call = (): Promise<void> => {
    started += 1;
    return Promise.resolve();
  };
  await Promise.all([1, 2, 3].map((n) => limiter.run(`GET /${n}`, call, signal)));
  const fourth = limiter.run('GET /4', call, signal);
  await turn();
  assert.equal(started, 3);
  controller.abort(new Error('cancelled by the test'));
  await assert.rejects(fourth);
  assert.equal(started, 3);
});

test('A call queued before a pause waits for its end as well', async () => {
  const limiter = createCallLimiter({ concurrency: 1, maxHoldMs: 1_000 });
  let pausedAtMs = 0;
  const first = limiter.run('GET /1', () => {
    limiter.pause(60);
    pausedAtMs = performance.now();
    return Promise.resolve();
  });
  const second = limiter.run('GET /2', () => Promise.resolve(performance.now()));
  await first;
  assert.ok((await second) - pausedAtMs >= 60);
});

test('A wall clock put back does not lengthen a pause', async (t) => {
  const limiter = createCallLimiter({ concurrency: 1, maxHoldMs: 1_000 });
  limiter.pause(20);
  const nowMs = Date.now();
  t.mock.method(Date, 'now', () => nowMs - 3_600_000);
  assert.equal(await limiter.run('GET /1', () => Promise.resolve('sent')), 'sent');
});
