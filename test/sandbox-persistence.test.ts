import assert from 'node:assert/strict';
import { createHash, createPrivateKey } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { createSandbox } from '../sandbox/index.js';
import { call, signerStatuses, startCallbackReceiver } from './support/sandbox-stage.js';
import { startTestSandbox } from './support/sandbox-stage.js';

async function dataDirectory(context: TestContext): Promise<string> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'sandbox-'));
  context.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

test('everything survives a restart: documents, PDFs, URLs, waiting entries, the key', async (t) => {
  const directory = await dataDirectory(t);
  const receiver = await startCallbackReceiver(t);
  const first = await createSandbox({ dataDirectory: directory, batchIntervalMs: 0 });
  first.subscribe({ url: receiver.url, notify: 'all', group: 'sales' });
  const done = first.createDocument({ group: 'sales' });
  await first.completeDocument(done.id);
  const open = first.createDocument({ group: 'sales', signers: 2 });
  const { hash } = first.document(done.id);
  await first.close();
  assert.equal(receiver.received.length, 0);

  const second = await startTestSandbox(t, { dataDirectory: directory });
  assert.equal(second.certificatePem, first.certificatePem);
  assert.deepEqual(second.document(done.id), first.document(done.id));
  assert.deepEqual(signerStatuses(second, open.id), [10, 4]);
  const { bytes } = await call(`${second.apiUrl}/pdf/${done.id}/`);
  assert.equal(createHash('sha256').update(bytes).digest('hex'), hash);
  second.advanceSigner(open.signers[0] ?? '');
  await second.flushCallbacks();
  const data = new URLSearchParams(receiver.received[0]?.text).get('data') ?? '';
  assert.equal((JSON.parse(data) as unknown[]).length, 8);
});

test('a final PDF that was still to come comes after the restart', async (t) => {
  const directory = await dataDirectory(t);
  const first = await createSandbox({ dataDirectory: directory, finalPdfDelayMs: 60_000 });
  const { id, signers } = first.createDocument();
  first.advanceSigner(signers[0] ?? '', { status: 'signed' });
  await first.close();
  assert.equal(first.document(id).hash, null);
  const second = await startTestSandbox(t, { dataDirectory: directory });
  await second.idle();
  assert.match(second.document(id).hash ?? '', /^[0-9a-f]{64}$/);
});

test('the key and the state are for their owner alone', async (t) => {
  const directory = await dataDirectory(t);
  const sandbox = await createSandbox({ dataDirectory: directory });
  sandbox.createDocument();
  await sandbox.close();
  for (const name of ['signing-key.pem', 'state.json']) {
    assert.equal((await stat(path.join(directory, name))).mode & 0o777, 0o600, name);
  }
  const pem = await readFile(path.join(directory, 'signing-key.pem'), 'utf8');
  assert.equal(createPrivateKey(pem).asymmetricKeyDetails?.modulusLength, 2048);
});

test('a state file that is something else is left alone and named', async (t) => {
  const directory = await dataDirectory(t);
  await writeFile(path.join(directory, 'state.json'), '{"version":7}');
  await assert.rejects(createSandbox({ dataDirectory: directory }), /state\.json cannot be read/);
  assert.equal(await readFile(path.join(directory, 'state.json'), 'utf8'), '{"version":7}');
});

test('a state file from before losses, muting and inactive URLs is still read', async (t) => {
  const directory = await dataDirectory(t);
  const receiver = await startCallbackReceiver(t);
  const first = await createSandbox({ dataDirectory: directory, batchIntervalMs: 0 });
  first.subscribe({ url: receiver.url, notify: 'all' });
  const { id } = first.createDocument();
  await first.close();
  const file = path.join(directory, 'state.json');
  const added = ['told', 'muted', 'active'];
  const text = JSON.stringify(
    JSON.parse(await readFile(file, 'utf8')),
    (key, value: Record<string, unknown>) => {
      if (added.includes(key)) return undefined;
      // An entry that waits: its document and its moment were not kept.
      return key !== '' && 'timestamp' in Object(value)
        ? { ...value, at: undefined, id: undefined }
        : value;
    },
  );
  assert.ok(!text.includes('"told"') && text.includes('"timestamp"'));
  await writeFile(file, text);
  const second = await startTestSandbox(t, { dataDirectory: directory });
  assert.equal((await second.flushCallbacks())[0]?.state, 'answered');
  assert.equal(second.losses().byDocument[0]?.documentId, id);
});

test('without a data directory nothing survives', async (t) => {
  const first = await startTestSandbox(t);
  const { id } = first.createDocument();
  const second = await startTestSandbox(t);
  assert.throws(() => second.document(id), /no such document/);
});
