import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { createSandbox, type Sandbox } from '../sandbox/index.js';
import { call, startCallbackReceiver, startTestSandbox } from './support/sandbox-stage.js';

interface Listed {
  readonly active: boolean;
  readonly url: string;
  readonly notify_when: number;
}

async function listed(sandbox: Sandbox): Promise<[url: string, kind: number, active: boolean][]> {
  const { json } = await call(`${sandbox.apiUrl}/notifications/`);
  return (json as Listed[]).map(({ url, notify_when: kind, active }) => [url, kind, active]);
}

test('an inactive URL stays listed and gets nothing, not even what waited for it', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t);
  const { url } = receiver;
  for (const notify of ['all', 'sent', 'realtime'] as const) sandbox.subscribe({ url, notify });
  sandbox.deactivateSubscription(url, 'sent');
  sandbox.deactivateSubscription(url, 'realtime');
  sandbox.createDocument();
  sandbox.deactivateSubscription(url, 'all');
  sandbox.createDocument();
  await sandbox.flushCallbacks();
  await sandbox.idle();
  assert.equal(receiver.received.length, 0);
  assert.deepEqual(await listed(sandbox), [
    [url, 1, false],
    [url, 3, false],
    [url, 10, false],
  ]);
});

test('what is inactive can be registered again, and then stands there twice', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t);
  const { url } = receiver;
  sandbox.subscribe({ url, notify: 'sent' });
  sandbox.deactivateSubscription(url, 'sent');
  const again = { method: 'POST', body: { url, notify: 'sent' } };
  assert.equal((await call(`${sandbox.apiUrl}/subscribe/`, again)).status, 201);
  assert.equal((await call(`${sandbox.apiUrl}/subscribe/`, again)).status, 400);
  assert.deepEqual(await listed(sandbox), [
    [url, 3, false],
    [url, 3, true],
  ]);
  sandbox.createDocument();
  await sandbox.idle();
  assert.equal(receiver.received.length, 1);
  sandbox.unsubscribe({ url });
  assert.deepEqual(await listed(sandbox), []);
});

test('over HTTP: the same URL injected twice, inactive ones too, and made inactive', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t);
  const { url } = receiver;
  const post = (suffix: string, body: unknown) =>
    call(`${sandbox.url}/sandbox/subscriptions${suffix}`, { method: 'POST', body, headers: {} });
  assert.equal((await post('', { url, notify: 'sent' })).status, 201);
  assert.equal((await post('', { url, notify: 'sent' })).status, 201);
  assert.equal((await post('', { url, notify: 'all', active: false })).status, 201);
  assert.equal((await post('', { url, notify: 'never' })).status, 400);
  sandbox.createDocument();
  await sandbox.idle();
  assert.equal(receiver.received.length, 2);
  assert.equal((await post('/deactivate', { url, notify: 'sent' })).status, 204);
  assert.equal((await post('/deactivate', { url: `${url}/x`, notify: 'sent' })).status, 404);
  assert.equal((await post('/deactivate', { url })).status, 400);
  assert.deepEqual(await listed(sandbox), [
    [url, 3, false],
    [url, 3, false],
    [url, 1, false],
  ]);
  const { subscriptions } = sandbox.state();
  assert.deepEqual(
    subscriptions.map(({ active }) => active),
    [false, false, false],
  );
});

test('inactive URLs are still inactive after a restart', async (t) => {
  const dataDirectory = await mkdtemp(path.join(os.tmpdir(), 'sandbox-'));
  t.after(() => rm(dataDirectory, { recursive: true, force: true }));
  const url = 'http://127.0.0.1:9/callbacks';
  const first = await createSandbox({ dataDirectory, batchIntervalMs: 0 });
  first.injectSubscription({ url, notify: 'all', active: false });
  first.subscribe({ url, notify: 'signed' });
  await first.close();
  const second = await startTestSandbox(t, { dataDirectory });
  assert.deepEqual(await listed(second), [
    [url, 1, false],
    [url, 2, true],
  ]);
});
