import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, signerStatuses, startTestSandbox } from './support/sandbox-stage.js';

test('signers are sent to in their order, those of one order at once', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id, signers } = sandbox.createDocument({
    signers: [{ order: 0 }, { order: 1 }, { order: 1 }],
  });
  assert.deepEqual(signerStatuses(sandbox, id), [10, 4, 4]);
  sandbox.advanceSigner(signers[0] ?? '', { status: 'signed' });
  assert.deepEqual(signerStatuses(sandbox, id), [40, 10, 10]);
});

test('without an order everybody is sent to at once', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id } = sandbox.createDocument({ signers: 3, signersInOrder: false });
  assert.deepEqual(signerStatuses(sandbox, id), [10, 10, 10]);
});

test('a signer takes the usual steps one by one', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id, signers } = sandbox.createDocument();
  const seen: number[] = [];
  while (sandbox.document(id).status === 10) {
    sandbox.advanceSigner(signers[0] ?? '');
    seen.push(...signerStatuses(sandbox, id));
  }
  assert.deepEqual(seen, [15, 20, 30, 40]);
});

test('the document is signed when all have signed, and stays at 30 when it is final', async (t) => {
  const sandbox = await startTestSandbox(t, { finalPdfDelayMs: 60_000 });
  const { id, signers } = sandbox.createDocument({ signers: 2 });
  for (const signer of signers) sandbox.advanceSigner(signer, { status: 'signed' });
  assert.equal(sandbox.document(id).status, 30);
  assert.equal(sandbox.document(id).hash, null);
  await sandbox.finaliseDocument(id);
  assert.equal(sandbox.document(id).status, 30);
  assert.match(sandbox.document(id).hash ?? '', /^[0-9a-f]{64}$/);
  assert.equal(sandbox.document(id).history.at(-1)?.status, 100);
});

test('a step back is real: an earlier status in a later second', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { signers } = sandbox.createDocument();
  const [signer = ''] = signers;
  sandbox.advanceSigner(signer, { status: 'fieldsCompleted' });
  const before = sandbox.signer(signer).statusAt;
  sandbox.advanceSigner(signer, { status: 10 });
  const after = sandbox.signer(signer);
  assert.equal(after.status, 10);
  assert.ok(Math.floor(after.statusAt / 1000) > Math.floor(before / 1000));
});

test('unknown status numbers are taken on', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id, signers } = sandbox.createDocument();
  sandbox.advanceSigner(signers[0] ?? '', { status: 37 });
  sandbox.setDocumentStatus(id, { status: 25 });
  const json = (await call(`${sandbox.apiUrl}/document/${id}/`)).json as { status: number };
  assert.equal(json.status, 25);
  assert.deepEqual(signerStatuses(sandbox, id), [37]);
});

test('what cannot happen is refused with a sentence', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id, signers } = sandbox.createDocument({ signers: 2 });
  const advance = (body: unknown) =>
    call(`${sandbox.url}/sandbox/signers/${signers[1]}/advance`, { method: 'POST', body });
  for (const body of [
    {},
    { status: 'nonsense' },
    { status: -1 },
    { status: 1.5 },
    { status: '' },
    { status: '1e1' },
    { status: '0x0a' },
    { odd: 1 },
    '{',
  ]) {
    const { status, json } = await advance(body);
    assert.equal(status, 400, JSON.stringify(body));
    assert.match((json as { error: string }).error, /\.$/);
  }
  sandbox.removeDocument(id);
  await assert.rejects(sandbox.completeDocument(id), /closed/);
  await assert.rejects(sandbox.finaliseDocument(id), /not signed by everybody/);
});

test('completing over HTTP answers with the finalised document', async (t) => {
  const sandbox = await startTestSandbox(t, { finalPdfDelayMs: 60_000 });
  const create = { method: 'POST', body: { signers: 2, name: 'Lease' }, headers: {} };
  const { id } = (await call(`${sandbox.url}/sandbox/documents`, create)).json as { id: string };
  const complete = { method: 'POST', body: { visit: true }, headers: {} };
  const { json } = await call(`${sandbox.url}/sandbox/documents/${id}/complete`, complete);
  const { hash, history } = json as { hash: string; history: { status: number }[] };
  assert.match(hash, /^[0-9a-f]{64}$/);
  assert.deepEqual(
    history.map(({ status }) => status),
    [10, 10, 15, 20, 30, 40, 10, 15, 20, 30, 40, 30, 100],
  );
});

test('pages of other sites may not drive the sandbox', async (t) => {
  const sandbox = await startTestSandbox(t);
  const post = (origin: string) =>
    call(`${sandbox.url}/sandbox/documents`, { method: 'POST', headers: { Origin: origin } });
  assert.equal((await post('http://elsewhere.example')).status, 403);
  assert.equal((await post(sandbox.url)).status, 201);
});

test('the page comes with a policy that allows nothing from elsewhere', async (t) => {
  const { url } = await startTestSandbox(t);
  for (const path of ['/', '/page.css', '/page.js', '/render.js']) {
    const { status, headers } = await call(url + path);
    assert.equal(status, 200, path);
    assert.match(headers.get('content-security-policy') ?? '', /default-src 'self'/);
  }
});

test('the state is not sent again while nothing has changed', async (t) => {
  const sandbox = await startTestSandbox(t, { workflowUrl: (id) => `http://ui.example/${id}` });
  const { id } = sandbox.createDocument();
  const state = (await call(`${sandbox.url}/sandbox/state`)).json as {
    revision: number;
    workflowUrls: Record<string, string>;
  };
  assert.equal(state.workflowUrls[id], `http://ui.example/${id}`);
  const again = `${sandbox.url}/sandbox/state?revision=${state.revision}`;
  assert.equal((await call(again)).status, 204);
  sandbox.createDocument();
  assert.equal((await call(again)).status, 200);
});
