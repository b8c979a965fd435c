import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BatchEntry } from '../sandbox/callback-signing.js';
import { call, signerStatuses, startCallbackReceiver } from './support/sandbox-stage.js';
import { startTestSandbox } from './support/sandbox-stage.js';

const ADA = { firstname: 'Ada', lastname: 'Lovelace', email: 'ada@example.com' };
const MARY = { firstname: 'Mary', lastname: 'Somerville', email: 'mary@example.com' };

test('a reset gives the place back, and callbacks tell the step back with a later second', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t);
  sandbox.subscribe({ url: receiver.url, notify: 'all' });
  const { id, signers } = sandbox.createDocument({ signers: [ADA] });
  const signer = signers[0] ?? '';
  const forward = { method: 'POST', body: MARY, headers: {} };
  const forwarded = await call(`${sandbox.url}/sandbox/signers/${signer}/forward`, forward);
  assert.equal((forwarded.json as typeof MARY).email, MARY.email);
  sandbox.advanceSigner(signer, { status: 'visited' });
  const reset = { method: 'POST', body: { email: ADA.email, notify: true } };
  const { status, bytes } = await call(`${sandbox.apiUrl}/signer/${signer}/reset/`, reset);
  assert.deepEqual([status, bytes.length], [200, 0]);

  const { firstname, lastname, email } = sandbox.signer(signer);
  assert.deepEqual({ firstname, lastname, email }, ADA);
  assert.deepEqual(signerStatuses(sandbox, id), [10]);
  await sandbox.flushCallbacks();
  const data = new URLSearchParams(receiver.received[0]?.text).get('data') ?? '';
  const entries = (JSON.parse(data) as BatchEntry[]).filter(({ resource_uri: uri }) =>
    uri.includes(signer),
  );
  assert.deepEqual(
    entries.map(({ value }) => value),
    ['10', '10', '20', '10'],
  );
  assert.ok((entries[3]?.timestamp ?? '') > (entries[2]?.timestamp ?? ''));
});

test('a reset is refused with its reason: same address, never an earlier one, or signed', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { signers } = sandbox.createDocument({ signers: [ADA, {}] });
  const signer = signers[0] ?? '';
  const reset = async (body: unknown): Promise<string> => {
    const url = `${sandbox.apiUrl}/signer/${signer}/reset/`;
    const { status, json } = await call(url, { method: 'POST', body });
    assert.equal(status, 400);
    return (json as { error: string }).error;
  };
  assert.match(await reset({}), /email/);
  assert.match(await reset({ email: ADA.email }), /already/);
  assert.match(await reset({ email: MARY.email }), /No earlier signer/);
  sandbox.forwardSigner(signer, MARY);
  sandbox.advanceSigner(signer, { status: 'signed' });
  assert.match(await reset({ email: ADA.email }), /has signed/);
  assert.equal(sandbox.signer(signer).email, MARY.email);
});

test('whose turn it is not yet is not invited by forwarding and resetting', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id, signers } = sandbox.createDocument({ signers: [{}, ADA] });
  const signer = signers[1] ?? '';
  sandbox.forwardSigner(signer, MARY);
  const reset = { method: 'POST', body: { email: ADA.email } };
  assert.equal((await call(`${sandbox.apiUrl}/signer/${signer}/reset/`, reset)).status, 200);
  assert.deepEqual(signerStatuses(sandbox, id), [10, 4]);
});
