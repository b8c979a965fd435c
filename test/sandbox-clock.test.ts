import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSandboxConfiguration } from '../sandbox/configuration.js';
import type { BatchEntry } from '../sandbox/callback-signing.js';
import { call, startCallbackReceiver, startTestSandbox } from './support/sandbox-stage.js';

const HOUR_MS = 3_600_000;
/** Room for the test itself. */
const TOLERANCE_MS = 60_000;

function isAhead(atMs: number, skewMs: number, what: string): void {
  const ahead = atMs - Date.now();
  assert.ok(Math.abs(ahead - skewMs) < TOLERANCE_MS, `${what} is ${ahead} ms ahead`);
}

for (const clockSkewMs of [-2 * HOUR_MS, 0, 3 * HOUR_MS]) {
  test(`every time that is told is ${clockSkewMs} ms ahead of this machine’s clock`, async (t) => {
    const receiver = await startCallbackReceiver(t);
    const sandbox = await startTestSandbox(t, { clockSkewMs });
    sandbox.subscribe({ url: receiver.url, notify: 'all' });
    sandbox.subscribe({ url: `${receiver.url}/realtime`, notify: 'realtime' });
    const { id } = sandbox.createDocument({ group: 'a' });
    await sandbox.completeDocument(id);
    await sandbox.flushCallbacks();
    await sandbox.idle();

    const answer = await call(`${sandbox.apiUrl}/document/${id}/`);
    isAhead(Date.parse(answer.headers.get('date') ?? ''), clockSkewMs, 'Date');
    const fields = answer.json as Record<string, unknown>;
    for (const name of ['created', 'modified', 'sign_time']) {
      isAhead(Date.parse(`${String(fields[name])}Z`), clockSkewMs, name);
    }
    const refused = await call(`${sandbox.apiUrl}/document/none/`, { headers: {} });
    isAhead(Date.parse(refused.headers.get('date') ?? ''), clockSkewMs, 'Date of a refusal');

    for (const { text, headers } of receiver.received) {
      if (headers['x-signed-sha256'] !== undefined) {
        const { created } = JSON.parse(text) as { created: number };
        isAhead(created * 1000, clockSkewMs, 'an event');
        continue;
      }
      const data = new URLSearchParams(text).get('data') ?? '';
      for (const { timestamp } of JSON.parse(data) as BatchEntry[]) {
        isAhead(Date.parse(`${timestamp}Z`), clockSkewMs, 'an entry');
      }
    }

    const since = new Date(Date.now() + clockSkewMs - TOLERANCE_MS).toISOString();
    const query = `group=a&archived=all&modified_gt=${since}`;
    const listing = await call(`${sandbox.apiUrl}/document/?${query}`);
    assert.equal((listing.json as { objects: unknown[] }).objects.length, 1);
  });
}

test('the clock’s skew is a duration with or without a sign', () => {
  const skewOf = (text: string) =>
    readSandboxConfiguration({ SANDBOX_CLOCK_SKEW: text }).clockSkewMs;
  assert.equal(skewOf('-2h'), -2 * HOUR_MS);
  assert.equal(skewOf('90s'), 90_000);
  assert.equal(skewOf('+1m'), 60_000);
  assert.equal(skewOf('0'), undefined);
  for (const wrong of ['5', '--1h', '-', 'soon']) {
    assert.throws(() => skewOf(wrong), /SANDBOX_CLOCK_SKEW/, wrong);
  }
});
