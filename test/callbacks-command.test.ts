import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import { postCaptured } from '../cli/captured-callback.js';
import { UnreachableError } from '../cli/failures.js';
import {
  listStored,
  withStoredCallbacks,
  type StoredCallback,
  type StoredCallbacks,
} from '../cli/stored-callbacks.js';
import { CALLBACK_PATH } from '../webhook/app.js';
import { WORKFLOW_TYPES, type CallbackDeliveryResult } from '../workflows/contract.js';
import { runCli } from './support/cli.js';
import { startCallbackReceiver } from './support/sandbox-stage.js';
import { openStage, type Stage } from './support/stage.js';
import { until } from './support/until.js';

const COUNTERSIGN = fileURLToPath(new URL('../cli/countersign.js', import.meta.url));

let stage: Stage;
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-callbacks-'));
  stage = await openStage({ environment: { COUNTERSIGN_DATA: folder } });
});

after(async () => {
  await stage.close();
  await rm(folder, { recursive: true });
});

function withCallbacks<Answer>(use: (callbacks: StoredCallbacks) => Promise<Answer>) {
  return withStoredCallbacks(stage.environment, use);
}

/** A document signed, told of in a batch; the batch is stored and delivered. */
async function storedBatch(): Promise<StoredCallback> {
  const { id } = stage.sandbox.createDocument({ signers: 1 });
  await stage.sandbox.completeDocument(id);
  await stage.sandbox.flushCallbacks();
  await stage.sandbox.idle();
  await stage.countersign.waitForOutcome(id);
  return until(async () => {
    const all = await withCallbacks((each) => each.list({ count: 20, onlySetAside: false }));
    return all.find(({ source, state }) => source === 'batch' && state === 'COMPLETED');
  });
}

test('a stored batch is listed and shown, and each replay is a delivery of its own', async () => {
  const { workflowId, changes = 0, delivered, setAside } = await storedBatch();
  assert.ok(changes > 0);
  assert.deepEqual([delivered, setAside], [changes, 0]);
  await withCallbacks(async (callbacks) => {
    const shown = await callbacks.show(workflowId);
    assert.equal(shown.input.changes.length, changes);
    for (const number of [1, 2]) {
      const replayed = await callbacks.replay(workflowId, { releasesHeld: false });
      assert.equal(replayed, `${workflowId}:replay:${number}`);
      const handle = stage.client.workflow.getHandle(replayed);
      const result = (await handle.result()) as CallbackDeliveryResult;
      assert.equal(result.changes, changes);
      assert.deepEqual(result.setAside, []);
    }
    await assert.rejects(callbacks.show('callback:absent'), /no callback callback:absent/);
  });
});

test('a callback that goes while it is listed is left out of the list', async () => {
  const { workflowId } = await storedBatch();
  const status = { name: 'COMPLETED' };
  const listed = [
    { workflowId: 'callback:gone', status },
    { workflowId, status },
  ];
  const client = Object.create(stage.client, {
    workflow: {
      value: Object.create(stage.client.workflow, { list: { value: () => listed } }) as object,
    },
  }) as Client;
  const found = await listStored(client, { count: 2, onlySetAside: false });
  assert.deepEqual(
    found.map((each) => each.workflowId),
    [workflowId],
  );
});

test('what was held is replayed only where that is asked for', async () => {
  const workflowId = 'callback:held';
  const input = { source: 'batch', receivedAt: '2030-01-01T00:00:00Z', changes: [], setAside: [] };
  await stage.client.workflow.execute(WORKFLOW_TYPES.callbackDelivery, {
    workflowId,
    taskQueue: stage.taskQueue,
    args: [{ ...input, held: 'too old' }],
  });
  await withCallbacks(async (callbacks) => {
    const refused = callbacks.replay(workflowId, { releasesHeld: false });
    await assert.rejects(refused, /too old.*--held/);
    const replayed = await callbacks.replay(workflowId, { releasesHeld: true });
    assert.equal((await callbacks.show(replayed)).input.held, undefined);
  });
});

test('a captured callback is POSTed as it was, and a changed one is refused', async (context) => {
  const receiver = await startCallbackReceiver(context);
  stage.sandbox.subscribe({ url: receiver.url, notify: 'all' });
  await storedBatch();
  const captured = await until(() => receiver.received[0]);
  const headers = Object.fromEntries(
    Object.entries(captured.headers).map(([name, value]) => [name, String(value)]),
  );
  const url = `${stage.webhookUrl}${CALLBACK_PATH}`;
  const { signal } = new AbortController();
  const path = join(folder, 'captured.json');
  await writeFile(path, JSON.stringify({ headers, bodyBase64: captured.body.toString('base64') }));
  const known = await postCaptured(path, url, signal);
  assert.deepEqual([known.status, JSON.parse(known.body)], [200, { result: 'duplicate' }]);
  const changed = captured.text.replace(/%2240%22/, '%2260%22');
  assert.notEqual(changed, captured.text);
  await writeFile(path, JSON.stringify({ headers, body: changed }));
  assert.equal((await postCaptured(path, url, signal)).status, 401);
  await writeFile(path, '{"headers": {}}');
  await assert.rejects(postCaptured(path, url, signal), /is no captured callback/);
});

test('what is sent to the wrong place is said so, in time and in plain words', async (context) => {
  const receiver = await startCallbackReceiver(context);
  const path = join(folder, 'request.json');
  await writeFile(path, JSON.stringify({ headers: { 'content-type': 'text/plain' }, body: 'x' }));
  const post = (url: string) => runCli(['callbacks', 'replay', path, '--to', url]);
  receiver.answer.body = 'a\u001b[2J\nb';
  assert.deepEqual((await post(receiver.url)).out, ['200 a [2J b']);
  receiver.answer.body = 'x'.repeat(1_000_000);
  const long = await post(receiver.url);
  assert.deepEqual([long.code, long.out], [1, []]);
  assert.match(long.notes.join(), /is no webhook: it sends too much/);
  const nobody = await post('http://127.0.0.1:1/');
  assert.equal(nobody.code, 3);
  assert.match(nobody.notes.join(), /^no webhook answers at 127\.0\.0\.1:1 \(.*ECONNREFUSED/);
  const silent = createServer().listen(0, '127.0.0.1');
  context.after(() => silent.close());
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const { signal } = new AbortController();
  await assert.rejects(postCaptured(path, `http://127.0.0.1:${port}/`, signal, 100), (error) => {
    assert.ok(error instanceof UnreachableError, String(error));
    assert.match(error.message, /nothing within 0\.1 s/);
    return true;
  });
  const absent = await runCli(['callbacks', 'replay', '/nowhere/x.json', '--to', receiver.url]);
  assert.deepEqual(absent, {
    ...{ code: 2, out: [] },
    notes: ['/nowhere/x.json cannot be read (ENOENT)'],
  });
});

test('the command lists stored callbacks as JSON alone', async () => {
  const { workflowId } = await storedBatch();
  const stdout = await new Promise<string>((resolve, reject) => {
    const env = { ...process.env, ...stage.environment };
    const words = [COUNTERSIGN, 'callbacks', 'list', '--json'];
    execFile(process.execPath, words, { env }, (error, out) => {
      if (error) reject(new Error('countersign callbacks list failed', { cause: error }));
      else resolve(out);
    });
  });
  const listed = JSON.parse(stdout) as StoredCallback[];
  assert.ok(listed.some((each) => each.workflowId === workflowId));
});
