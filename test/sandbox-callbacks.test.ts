import assert from 'node:assert/strict';
import { createHmac, verify, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import type { BatchEntry } from '../sandbox/callback-signing.js';
import type { Sandbox } from '../sandbox/index.js';
import { startCallbackReceiver, startTestSandbox } from './support/sandbox-stage.js';
import type { Received } from './support/sandbox-stage.js';

function verifies(
  algorithm: string,
  signed: string | Buffer,
  signature: string,
  pem: string,
): boolean {
  const { publicKey } = new X509Certificate(pem);
  return verify(algorithm, Buffer.from(signed), publicKey, Buffer.from(signature, 'base64'));
}

function formOf(received: Received | undefined): URLSearchParams {
  return new URLSearchParams(received?.text);
}

/** The entries of a batch whose signature is right. */
function verifiedBatch(received: Received | undefined, sandbox: Sandbox): BatchEntry[] {
  assert.ok(received);
  const form = formOf(received);
  const data = form.get('data') ?? '';
  assert.ok(verifies('RSA-SHA1', data, form.get('signed') ?? '', sandbox.certificatePem));
  return JSON.parse(data) as BatchEntry[];
}

test('a batch carries every change in order, signed over the exact bytes of `data`', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t);
  sandbox.subscribe({ url: receiver.url, notify: 'all' });
  const { id, signers } = sandbox.createDocument();
  await sandbox.completeDocument(id, { visit: true });
  const [callback] = await sandbox.flushCallbacks();
  assert.equal(callback?.answer?.status, 200);
  assert.equal(receiver.received[0]?.headers['content-type'], 'application/x-www-form-urlencoded');
  const entries = verifiedBatch(receiver.received[0], sandbox);
  const document = `/api/v1/document/${id}/`;
  const signer = `/api/v1/signer/${signers[0]}/`;
  assert.deepEqual(
    entries.map(({ resource_uri: uri, value }) => [uri, value]),
    [
      [document, '10'],
      ...['10', '15', '20', '30', '40'].map((value) => [signer, value]),
      [document, '30'],
      [document, '100'],
    ],
  );
  for (const { name, timestamp } of entries) {
    assert.equal(name, 'status');
    assert.match(timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);
  }
});

test('entries are sent once, and nothing is sent when there are none', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t);
  sandbox.subscribe({ url: receiver.url, notify: 'all' });
  sandbox.createDocument();
  assert.equal((await sandbox.flushCallbacks()).length, 1);
  assert.deepEqual(await sandbox.flushCallbacks(), []);
  assert.equal(receiver.received.length, 1);
});

test('batches go out by themselves when there is an interval', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t, { batchIntervalMs: 20 });
  sandbox.subscribe({ url: receiver.url, notify: 'all' });
  sandbox.createDocument();
  await sandbox.idle();
  assert.equal(verifiedBatch(receiver.received[0], sandbox).length, 2);
});

test('only `+` stays unescaped in a batch when asked for', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t, { plusUnescaped: true });
  sandbox.subscribe({ url: receiver.url, notify: 'all' });
  let signed = '';
  // About one signature in two hundred has no plus.
  while (!signed.includes('+')) {
    sandbox.createDocument();
    await sandbox.flushCallbacks();
    signed = receiver.received.at(-1)?.text.split('&signed=')[1] ?? '';
    assert.ok(!signed.includes('%2B'));
  }
  const form = formOf(receiver.received.at(-1));
  const mended = (form.get('signed') ?? '').replaceAll(' ', '+');
  assert.ok(verifies('RSA-SHA1', form.get('data') ?? '', mended, sandbox.certificatePem));
});

test('a notice arrives for the first sending, and one when the final PDF exists', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t);
  for (const notify of ['sent', 'signed', 'rejected'] as const) {
    sandbox.subscribe({ url: `${receiver.url}/${notify}`, notify });
  }
  const { id } = sandbox.createDocument({ signers: 2, name: 'Lease & more', tag: 'ref/1' });
  await sandbox.completeDocument(id);
  await sandbox.idle();
  const kinds = sandbox.callbacks().map(({ kind }) => kind);
  assert.deepEqual(kinds.sort(), ['sent', 'signed']);
  for (const received of receiver.received) {
    const form = formOf(received);
    const text = form.get('json_signed') ?? '';
    const signature = String(received.headers['x-signed']);
    assert.ok(verifies('RSA-SHA1', text, signature, sandbox.certificatePem));
    const { json_signed: _text, ...plain } = Object.fromEntries(form);
    assert.deepEqual(JSON.parse(text), plain);
    assert.deepEqual(plain, {
      resource_uri: `/api/v1/document/${id}/`,
      group: '/api/v1/group/sandbox/',
      name: 'Lease & more',
      uuid: id,
      tag: 'ref/1',
    });
  }
});

test('a rejection is noticed', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t);
  sandbox.subscribe({ url: receiver.url, notify: 'rejected' });
  const { id, signers } = sandbox.createDocument();
  sandbox.advanceSigner(signers[0] ?? '', { status: 'rejected' });
  await sandbox.idle();
  assert.equal(formOf(receiver.received[0]).get('uuid'), id);
});

test('the older notices are unsigned', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t, { unsignedNotices: true });
  sandbox.subscribe({ url: receiver.url, notify: 'signed' });
  const { id } = sandbox.createDocument();
  await sandbox.completeDocument(id);
  await sandbox.idle();
  const [received] = receiver.received;
  assert.ok(received);
  assert.equal(received.headers['x-signed'], undefined);
  const fields = ['resource_uri', 'group', 'name', 'uuid', 'tag'];
  assert.deepEqual([...formOf(received).keys()], fields);
});

interface Event {
  id: string;
  object: string;
  event: string;
  created: number;
  data: Record<string, unknown>;
}

test('realtime events follow a document, signed twice over the raw body', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t, { hmacSecret: 'shared' });
  sandbox.subscribe({ url: receiver.url, notify: 'realtime' });
  const { id, signers } = sandbox.createDocument({ tag: 'ref/1' });
  sandbox.bounceSigner(signers[0] ?? '', { message: '550 no such mailbox' });
  await sandbox.completeDocument(id, { visit: true });
  await sandbox.idle();
  const events = receiver.received.map(({ body, headers }) => {
    const signature = String(headers['x-signed-sha256']);
    assert.ok(verifies('RSA-SHA256', body, signature, sandbox.certificatePem));
    const hmac = createHmac('sha256', 'shared').update(body).digest('hex');
    assert.equal(headers['x-hmac-sha256'], hmac);
    return JSON.parse(body.toString()) as Event;
  });
  const byName = new Map(events.map((event) => [event.event, event]));
  assert.deepEqual([...byName.keys()].sort(), [
    'document.created',
    'document.finalPdfCreated',
    'recipient.bounced',
    'recipient.completed',
    'recipient.emailOpened',
    'recipient.visiting',
  ]);
  assert.equal(new Set(events.map((event) => event.id)).size, events.length);
  const recipient = byName.get('recipient.bounced');
  assert.equal(recipient?.object, 'recipient');
  assert.equal(recipient.data['uuid'], signers[0]);
  assert.equal(recipient.data['document'], id);
  assert.equal(recipient.data['emailBounceMessage'], '550 no such mailbox');
  const final = byName.get('document.finalPdfCreated');
  assert.equal(final?.data['uuid'], id);
  assert.equal(final.data['statusText'], 'Signed');
  assert.ok(Math.abs(final.created - Date.now() / 1000) < 60);
});

test('an event filter and a group narrow what a URL gets', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t);
  const { url } = receiver;
  sandbox.subscribe({ url, notify: 'realtime', eventFilter: 'recipient.*', group: 'wanted' });
  for (const group of ['wanted', 'other']) {
    await sandbox.completeDocument(sandbox.createDocument({ group }).id);
  }
  await sandbox.idle();
  const events = receiver.received.map(({ text }) => JSON.parse(text) as Event);
  assert.deepEqual(
    events.map(({ event, data }) => [event, data['group']]),
    [['recipient.completed', 'wanted']],
  );
});

test('the log tells what was answered, and sends the very bytes again', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t);
  sandbox.subscribe({ url: receiver.url, notify: 'signed' });
  receiver.answer = { status: 503, body: 'try later\nmore' };
  await sandbox.completeDocument(sandbox.createDocument().id);
  await sandbox.idle();
  const [refused] = sandbox.callbacks();
  assert.ok(refused);
  assert.deepEqual(refused.answer, { status: 503, line: 'try later' });
  receiver.answer = { status: 200, body: 'ok' };
  const again = await sandbox.resendCallback(refused.id);
  assert.equal(again.answer?.status, 200);
  assert.equal(again.repeats, refused.id);
  const [first, second] = receiver.received;
  assert.deepEqual(second?.body, first?.body);
  assert.equal(second?.headers['x-signed'], first?.headers['x-signed']);
  const { sent, refused: no, accepted } = sandbox.callbackCounters();
  assert.deepEqual({ sent, no, accepted }, { sent: 2, no: 1, accepted: 1 });
});

test('a URL where nobody listens is a failure in the log, and nothing else', async (t) => {
  const sandbox = await startTestSandbox(t);
  sandbox.subscribe({ url: 'http://127.0.0.1:9/', notify: 'all' });
  sandbox.createDocument();
  const [callback] = await sandbox.flushCallbacks();
  assert.equal(callback?.state, 'failed');
  assert.equal(callback.error, 'ECONNREFUSED');
  assert.equal(sandbox.callbackCounters().failed, 1);
});

test('a callback for which a kept connection was closed meanwhile goes out on another', async (t) => {
  const used = new WeakSet<Socket>();
  let answered = 0;
  const server = createServer(({ socket }, response) => {
    if (used.has(socket)) {
      socket.destroy();
      return;
    }
    used.add(socket);
    answered += 1;
    response.end('{}');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => server.close());
  const sandbox = await startTestSandbox(t);
  const { port } = server.address() as AddressInfo;
  sandbox.subscribe({ url: `http://127.0.0.1:${port}/`, notify: 'signed' });
  for (let count = 1; count <= 3; count += 1) {
    const { id } = sandbox.createDocument();
    await sandbox.completeDocument(id);
    await sandbox.idle();
    assert.equal(answered, count);
  }
  const fates = sandbox.callbacks(3).map(({ answer, error }) => [answer?.status, error]);
  assert.deepEqual(fates, Array(3).fill([200, null]));
});
