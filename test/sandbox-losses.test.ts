import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { createSandbox } from '../sandbox/index.js';
import type { Losses, Sandbox } from '../sandbox/index.js';
import { call, startCallbackReceiver, startTestSandbox } from './support/sandbox-stage.js';

/** Documents with their missed subjects' statuses, short enough to compare. */
function summary({ byDocument }: Losses): Record<string, [told: string, ...missed: string[]]> {
  return Object.fromEntries(
    byDocument.map(({ documentId, told, missed }) => [
      documentId,
      [told, ...missed.map(({ subject, status }) => `${subject} ${status}`)],
    ]),
  );
}

function totals({ documents, changes }: Losses): number[] {
  return [documents, changes];
}

test('with nobody to tell, everything that happened is missed, the uninvited signer is not', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id, signers } = sandbox.createDocument({ signers: 2 });
  const losses = sandbox.losses();
  assert.deepEqual(totals(losses), [1, 2]);
  assert.deepEqual(losses.byDocument, [
    {
      documentId: id,
      told: 'nothing',
      missed: [
        { subject: 'document', id, status: 10, toldStatus: null },
        { subject: 'signer', id: signers[0], status: 10, toldStatus: null },
      ],
    },
  ]);
  assert.equal(losses.examples[0]?.documentId, id);
});

test('a batch tells its entries when it is answered 2xx, and nothing otherwise', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t);
  sandbox.subscribe({ url: receiver.url, notify: 'all' });
  const { id, signers } = sandbox.createDocument();
  await sandbox.flushCallbacks();
  assert.deepEqual(totals(sandbox.losses()), [0, 0]);

  sandbox.advanceSigner(signers[0] ?? '', { status: 'visited' });
  receiver.answer = { status: 503, body: 'no' };
  const [refused] = await sandbox.flushCallbacks();
  receiver.answer = { status: 302, body: 'elsewhere' };
  await sandbox.resendCallback(refused?.id ?? '');
  assert.deepEqual(summary(sandbox.losses()), { [id]: ['some', 'signer 20'] });
  assert.equal(sandbox.losses().examples[0]?.toldStatus, 10);

  receiver.answer = { status: 204, body: '' };
  await sandbox.resendCallback(refused?.id ?? '');
  assert.deepEqual(totals(sandbox.losses()), [0, 0]);
});

test('back where it was told to be, a signer is not missed, whatever lies between', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t);
  sandbox.subscribe({ url: receiver.url, notify: 'all' });
  const { id, signers } = sandbox.createDocument();
  await sandbox.flushCallbacks();
  sandbox.muteDocument(id);
  sandbox.advanceSigner(signers[0] ?? '', { status: 'visited' });
  await sandbox.flushCallbacks();
  assert.deepEqual(totals(sandbox.losses()), [1, 1]);
  sandbox.advanceSigner(signers[0] ?? '', { status: 'sent' });
  await sandbox.flushCallbacks();
  assert.deepEqual(totals(sandbox.losses()), [0, 0]);
});

test('an older batch that arrives later takes nothing back', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t);
  sandbox.subscribe({ url: receiver.url, notify: 'all' });
  const { signers } = sandbox.createDocument();
  const [first] = await sandbox.flushCallbacks();
  sandbox.advanceSigner(signers[0] ?? '', { status: 'visited' });
  await sandbox.flushCallbacks();
  await sandbox.resendCallback(first?.id ?? '');
  assert.deepEqual(totals(sandbox.losses()), [0, 0]);
});

test('the final PDF is a change of its own', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t, { finalPdfDelayMs: 60_000 });
  sandbox.subscribe({ url: receiver.url, notify: 'all' });
  const { id, signers } = sandbox.createDocument();
  sandbox.advanceSigner(signers[0] ?? '', { status: 'signed' });
  await sandbox.flushCallbacks();
  assert.deepEqual(totals(sandbox.losses()), [0, 0]);
  await sandbox.finaliseDocument(id);
  assert.deepEqual(summary(sandbox.losses()), { [id]: ['some', 'document 100'] });
  await sandbox.flushCallbacks();
  assert.deepEqual(totals(sandbox.losses()), [0, 0]);
});

test('a notice tells all of its document as it stands when it is answered', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t);
  sandbox.subscribe({ url: receiver.url, notify: 'signed' });
  const done = sandbox.createDocument({ signers: 2 });
  const open = sandbox.createDocument();
  await sandbox.completeDocument(done.id);
  await sandbox.idle();
  assert.deepEqual(summary(sandbox.losses()), {
    [open.id]: ['nothing', 'document 10', 'signer 10'],
  });
});

test('a realtime event about a signer tells that signer, one about a document all of them', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t);
  sandbox.subscribe({ url: receiver.url, notify: 'realtime' });
  const { id, signers } = sandbox.createDocument({ signers: 2 });
  await sandbox.idle();
  // `document.created` came before the invitation: an uninvited signer was told of.
  assert.deepEqual(summary(sandbox.losses()), { [id]: ['some', 'signer 10'] });
  sandbox.advanceSigner(signers[0] ?? '', { status: 'visited' });
  await sandbox.idle();
  assert.deepEqual(totals(sandbox.losses()), [0, 0]);
  sandbox.advanceSigner(signers[0] ?? '', { status: 'fieldsCompleted' });
  assert.deepEqual(summary(sandbox.losses()), { [id]: ['some', 'signer 30'] });
  await sandbox.completeDocument(id);
  await sandbox.idle();
  assert.deepEqual(totals(sandbox.losses()), [0, 0]);
});

test('an event that was refused tells what it said when it is resent, not what is so by then', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t);
  sandbox.subscribe({ url: receiver.url, notify: 'realtime', eventFilter: 'document.created' });
  receiver.answer = { status: 500, body: 'no' };
  const { id, signers } = sandbox.createDocument();
  sandbox.advanceSigner(signers[0] ?? '', { status: 'visited' });
  await sandbox.idle();
  receiver.answer = { status: 200, body: 'ok' };
  await sandbox.resendCallback(sandbox.callbacks(1)[0]?.id ?? '');
  assert.deepEqual(summary(sandbox.losses()), { [id]: ['some', 'signer 20'] });
  assert.equal(sandbox.losses().examples[0]?.toldStatus, 4);
});

test('forged copies tell nothing, resent ones neither', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t);
  sandbox.subscribe({ url: receiver.url, notify: 'realtime' });
  sandbox.changeFaults({ tamperCallbacks: 1 });
  const { id } = sandbox.createDocument();
  // The genuine one is refused, the forged one beside it is taken.
  const forged = (): string => sandbox.callbacks().find((each) => each.forged)?.id ?? '';
  receiver.answer = { status: 500, body: 'no' };
  await sandbox.idle();
  receiver.answer = { status: 200, body: 'ok' };
  assert.equal((await sandbox.resendCallback(forged())).answer?.status, 200);
  assert.equal(summary(sandbox.losses())[id]?.[0], 'nothing');
});

async function createMany(sandbox: Sandbox, count: number, muted: number): Promise<string[]> {
  const ids = sandbox.createDocuments(count, { muted }).map(({ id }) => id);
  await sandbox.flushCallbacks();
  await sandbox.idle();
  return ids;
}

test('a muted document sends nothing of any kind; the others do', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t);
  for (const notify of ['all', 'sent', 'realtime'] as const) {
    sandbox.subscribe({ url: `${receiver.url}/${notify}`, notify });
  }
  const [silent = ''] = await createMany(sandbox, 1, 1);
  assert.equal(sandbox.callbackCounters().sent, 0);
  const [heard = ''] = await createMany(sandbox, 1, 0);
  // A batch, a notice, and `document.created`.
  assert.equal(receiver.received.filter(({ text }) => text.includes(heard)).length, 3);
  assert.ok(receiver.received.every(({ text }) => !text.includes(silent)));
  assert.deepEqual(summary(sandbox.losses()), {
    [silent]: ['nothing', 'document 10', 'signer 10'],
  });
});

test('muting a document takes its entries out of the batch that they wait for', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t);
  sandbox.subscribe({ url: receiver.url, notify: 'all' });
  const muted = sandbox.createDocument();
  const other = sandbox.createDocument();
  sandbox.muteDocument(muted.id);
  await sandbox.flushCallbacks();
  assert.deepEqual(Object.keys(summary(sandbox.losses())), [muted.id]);
  assert.ok(receiver.received[0]?.text.includes(other.id));
  // From now on: what is muted already stays untold until something is told again.
  sandbox.muteDocument(muted.id, { share: 0 });
  sandbox.advanceSigner(muted.signers[0] ?? '');
  await sandbox.flushCallbacks();
  assert.deepEqual(summary(sandbox.losses()), { [muted.id]: ['some', 'document 10'] });
});

test('half muted, some of the entries arrive, the same ones for the same seed', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const missedAt = async (seed: number): Promise<string> => {
    const sandbox = await startTestSandbox(t, { seed });
    sandbox.subscribe({ url: receiver.url, notify: 'all' });
    const ids = await createMany(sandbox, 60, 0.5);
    const found = summary(sandbox.losses());
    return JSON.stringify(ids.map((id) => found[id] ?? []));
  };
  const one = await missedAt(3);
  assert.equal(await missedAt(3), one);
  assert.notEqual(await missedAt(4), one);
  const kinds = new Set((JSON.parse(one) as string[][]).map((each) => each.join()));
  assert.deepEqual(
    [...kinds].sort(),
    ['', 'nothing,document 10,signer 10', 'some,document 10', 'some,signer 10'].sort(),
  );
});

test('over HTTP: muted, lost, and as many documents listed as asked for', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t);
  sandbox.subscribe({ url: receiver.url, notify: 'all' });
  const post = (path: string, body: unknown) =>
    call(`${sandbox.url}/sandbox/${path}`, { method: 'POST', body, headers: {} });
  const losses = async (query = ''): Promise<Losses> =>
    (await call(`${sandbox.url}/sandbox/losses${query}`)).json as Losses;
  const { json } = await post('documents/bulk', { count: 3, document: { signers: 2 } });
  const { documents } = json as { documents: { id: string; signers: string[] }[] };
  assert.equal(documents.length, 3);
  for (const { id } of documents.slice(0, 2)) {
    assert.equal((await post(`documents/${id}/mute`, { share: 1 })).status, 200);
  }
  await sandbox.flushCallbacks();
  const all = await losses();
  assert.deepEqual([totals(all), all.byDocument.length], [[2, 4], 2]);
  const one = await losses('?limit=1');
  assert.deepEqual([totals(one), one.byDocument.length], [[2, 4], 1]);
  assert.equal((await call(`${sandbox.url}/sandbox/losses?limit=x`)).status, 400);
  assert.equal((await post(`documents/${documents[0]?.id}/mute`, { share: 2 })).status, 400);
  assert.equal((await post('documents/none/mute', {})).status, 404);
  assert.equal((await post('documents/bulk', { count: 0 })).status, 400);
});

test('a document deleted for good is missed no more', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id } = sandbox.createDocument();
  await sandbox.deleteDocument(id);
  assert.deepEqual(totals(sandbox.losses()), [0, 0]);
});

test('what was told survives a restart, and so does what is muted or waits', async (t) => {
  const dataDirectory = await mkdtemp(path.join(os.tmpdir(), 'sandbox-'));
  t.after(() => rm(dataDirectory, { recursive: true, force: true }));
  const receiver = await startCallbackReceiver(t);
  const first = await createSandbox({ dataDirectory, batchIntervalMs: 0 });
  first.subscribe({ url: receiver.url, notify: 'all' });
  const muted = first.createDocument({ muted: 1 });
  const told = first.createDocument();
  await first.flushCallbacks();
  first.advanceSigner(told.signers[0] ?? '');
  const before = first.losses();
  await first.close();
  assert.deepEqual(Object.keys(summary(before)).sort(), [muted.id, told.id].sort());

  const second = await startTestSandbox(t, { dataDirectory });
  assert.deepEqual(second.losses(), before);
  second.advanceSigner(muted.signers[0] ?? '');
  await second.flushCallbacks();
  assert.deepEqual(summary(second.losses()), {
    [muted.id]: ['nothing', 'document 10', 'signer 15'],
  });
});
