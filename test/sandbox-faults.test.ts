import assert from 'node:assert/strict';
import { createHash, createHmac, verify, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { forgedCopy } from '../sandbox/callback-forging.js';
import { signedBatch, signedNotice, signedRealtime } from '../sandbox/callback-signing.js';
import { unsignedNotice, type SignedRequest } from '../sandbox/callback-signing.js';
import { seededRandom, shuffled } from '../sandbox/seeded-random.js';
import { call, startCallbackReceiver, startTestSandbox } from './support/sandbox-stage.js';
import { testKeyPair } from './support/sandbox-stage.js';

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

test('dropped callbacks are logged and never arrive', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t);
  sandbox.subscribe({ url: receiver.url, notify: 'all' });
  sandbox.changeFaults({ dropCallbacks: 1 });
  sandbox.createDocument();
  const [callback] = await sandbox.flushCallbacks();
  assert.equal(callback?.state, 'dropped');
  assert.equal(receiver.received.length, 0);
  assert.equal(sandbox.callbackCounters().dropped, 1);
});

test('a share drops about that many, the same ones for the same seed', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const dropped = async (seed: number): Promise<string> => {
    const sandbox = await startTestSandbox(t, { seed });
    sandbox.subscribe({ url: receiver.url, notify: 'sent' });
    sandbox.changeFaults({ dropCallbacks: 0.5 });
    const names = Array.from({ length: 60 }, (_, index) => `n${index}`);
    for (const name of names) sandbox.createDocument({ name });
    await sandbox.idle();
    const lost = sandbox.callbacks().filter(({ state }) => state === 'dropped');
    return lost
      .map(({ about }) => about)
      .sort()
      .join();
  };
  const one = await dropped(7);
  assert.equal(await dropped(7), one);
  assert.notEqual(await dropped(8), one);
  const count = one.split(',').length;
  assert.ok(count > 15 && count < 45, `${count} of 60`);
});

test('doubled callbacks arrive twice, byte for byte', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t);
  sandbox.subscribe({ url: receiver.url, notify: 'sent' });
  sandbox.changeFaults({ duplicateCallbacks: 1 });
  sandbox.createDocument();
  await sandbox.idle();
  assert.equal(receiver.received.length, 2);
  assert.deepEqual(receiver.received[0]?.body, receiver.received[1]?.body);
});

test('late callbacks arrive all the same, and idle waits for them', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t);
  sandbox.subscribe({ url: receiver.url, notify: 'sent' });
  sandbox.changeFaults({ delayCallbacksMs: 100 });
  for (let count = 0; count < 20; count++) sandbox.createDocument();
  const begin = Date.now();
  await sandbox.idle();
  assert.equal(receiver.received.length, 20);
  assert.ok(Date.now() - begin > 30);
});

test('a batch is torn apart and its parts change places', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t);
  sandbox.subscribe({ url: receiver.url, notify: 'all' });
  sandbox.changeFaults({ shuffleCallbacks: 1 });
  const ids: string[] = [];
  for (let count = 0; count < 8; count++) ids.push(sandbox.createDocument({ signers: 1 }).id);
  const callbacks = await sandbox.flushCallbacks();
  assert.equal(callbacks.length, 4);
  const arrived = receiver.received.flatMap(({ text }) => {
    const data = new URLSearchParams(text).get('data') ?? '';
    return JSON.parse(data) as { resource_uri: string }[];
  });
  assert.equal(arrived.length, 16);
  const order = arrived
    .filter(({ resource_uri: uri }) => uri.includes('/document/'))
    .map(({ resource_uri: uri }) => ids.indexOf(uri.split('/')[4] ?? ''));
  assert.deepEqual([...order].sort(), [0, 1, 2, 3, 4, 5, 6, 7]);
  assert.notDeepEqual(order, [0, 1, 2, 3, 4, 5, 6, 7]);
});

test('shuffling loses and repeats nothing', () => {
  const items = Array.from({ length: 50 }, (_, index) => index);
  const mixed = shuffled(items, seededRandom(3));
  assert.notDeepEqual(mixed, items);
  assert.deepEqual(
    [...mixed].sort((a, b) => a - b),
    items,
  );
});

const DOCUMENT_ID = '0bd0bb5e-7379-4134-a2ca-ff0000000001';
const NOTICE = {
  resource_uri: `/api/v1/document/${DOCUMENT_ID}/`,
  ...{ group: '/api/v1/group/g/', name: 'n', uuid: DOCUMENT_ID, tag: '' },
};

test('a forged copy never passes verification, whatever was bent', async () => {
  const { privateKey, certificatePem } = await testKeyPair();
  const { publicKey } = new X509Certificate(certificatePem);
  const checks = (algorithm: string, signed: string | Buffer, signature: string): boolean =>
    verify(algorithm, Buffer.from(signed), publicKey, Buffer.from(signature, 'base64'));
  const ok = {
    batch: ({ body }: SignedRequest) => {
      const form = new URLSearchParams(body.toString());
      return checks('RSA-SHA1', form.get('data') ?? '', form.get('signed') ?? '');
    },
    notice: ({ headers, body }: SignedRequest) => {
      const form = new URLSearchParams(body.toString());
      return checks('RSA-SHA1', form.get('json_signed') ?? '', headers['X-Signed'] ?? '');
    },
    realtime: ({ headers, body }: SignedRequest) => {
      const hmac = createHmac('sha256', 's').update(body).digest('hex');
      const rsa = checks('RSA-SHA256', body, headers['X-Signed-Sha256'] ?? '');
      return rsa && headers['X-Hmac-Sha256'] === hmac;
    },
  };
  const at = '2026-01-01T00:00:00';
  const entry = { timestamp: at, name: 'status', value: '10', resource_uri: NOTICE.resource_uri };
  const event = { version: 1, object: 'document', event: 'document.created' } as const;
  const genuine = {
    batch: signedBatch([entry], privateKey),
    notice: signedNotice(NOTICE, privateKey),
    realtime: signedRealtime(
      { ...event, id: DOCUMENT_ID, created: 1, data: {} },
      { privateKey, hmacSecret: 's' },
    ),
  };
  for (const kind of ['batch', 'notice', 'realtime'] as const) {
    assert.ok(ok[kind](genuine[kind]), `${kind} itself`);
    for (const bend of ['content', 'signature'] as const) {
      const forged = forgedCopy(genuine[kind], bend);
      assert.ok(forged);
      assert.ok(!ok[kind](forged), `${kind}, bent ${bend}`);
    }
  }
  assert.equal(forgedCopy(unsignedNotice(NOTICE), 'content'), undefined);
});

test('forged copies are extra, and counted apart', async (t) => {
  const receiver = await startCallbackReceiver(t);
  const sandbox = await startTestSandbox(t);
  sandbox.subscribe({ url: receiver.url, notify: 'realtime' });
  sandbox.changeFaults({ tamperCallbacks: 1 });
  sandbox.createDocument();
  await sandbox.idle();
  assert.equal(receiver.received.length, 2);
  const { sent, accepted, forged, forgedAccepted } = sandbox.callbackCounters();
  assert.deepEqual(
    { sent, accepted, forged, forgedAccepted },
    {
      ...{ sent: 1, accepted: 1, forged: 1, forgedAccepted: 1 },
    },
  );
});

test('the API throttles on purpose, with and without Retry-After', async (t) => {
  const sandbox = await startTestSandbox(t);
  sandbox.changeFaults({ throttleApi: 1 });
  const seen = new Set<string | null>();
  for (let count = 0; count < 30; count++) {
    const { status, headers } = await call(`${sandbox.apiUrl}/status/`);
    assert.equal(status, 429);
    seen.add(headers.get('retry-after'));
  }
  assert.deepEqual(seen, new Set([null, '1']));
  assert.equal((await call(`${sandbox.url}/sandbox/state`)).status, 200);
});

test('the API fails on purpose with a body that is not JSON', async (t) => {
  const sandbox = await startTestSandbox(t);
  sandbox.changeFaults({ failApi: 1 });
  const { status, json, bytes } = await call(`${sandbox.apiUrl}/status/`);
  assert.equal(status, 500);
  assert.equal(json, undefined);
  assert.ok(bytes.length > 0);
});

test('so many PDFs have the wrong bytes, then they are right again', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id } = sandbox.createDocument();
  await sandbox.completeDocument(id);
  sandbox.changeFaults({ wrongPdf: 2 });
  const { hash } = sandbox.document(id);
  const matches: boolean[] = [];
  for (let count = 0; count < 3; count++) {
    const { bytes } = await call(`${sandbox.apiUrl}/pdf/${id}/`);
    matches.push(sha256(bytes) === hash);
  }
  assert.deepEqual(matches, [false, false, true]);
  assert.equal(sandbox.faults().wrongPdf, 0);
});

test('a download is cut in the middle', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id } = sandbox.createDocument();
  await sandbox.completeDocument(id);
  sandbox.changeFaults({ cutPdf: 1 });
  await assert.rejects(call(`${sandbox.apiUrl}/pdf/${id}/`));
  assert.equal((await call(`${sandbox.apiUrl}/pdf/${id}/`)).status, 200);
});

test('a slow PDF takes its time', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id } = sandbox.createDocument();
  await sandbox.completeDocument(id);
  sandbox.changeFaults({ slowPdfMs: 80 });
  const begin = performance.now();
  await call(`${sandbox.apiUrl}/pdf/${id}/`);
  assert.ok(performance.now() - begin >= 75);
});

test('a redirect leads to a location that refuses credentials', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id } = sandbox.createDocument();
  await sandbox.completeDocument(id);
  sandbox.changeFaults({ pdfMode: 'redirect' });
  const { status, headers } = await call(`${sandbox.apiUrl}/pdf/${id}/`);
  assert.equal(status, 302);
  const location = headers.get('location') ?? '';
  assert.equal((await call(location)).status, 400);
  const { bytes } = await call(location, { headers: {} });
  assert.equal(sha256(bytes), sandbox.document(id).hash);
  assert.equal((await call(`${sandbox.url}/downloads/other`, { headers: {} })).status, 403);
});

test('a PDF that is being de-archived is answered 201', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id } = sandbox.createDocument();
  await sandbox.completeDocument(id);
  sandbox.changeFaults({ pdfMode: 'deArchiving' });
  assert.equal((await call(`${sandbox.apiUrl}/pdf/${id}/`)).status, 201);
});

test('faults are changed one by one, replaced as a whole, and checked', async (t) => {
  const sandbox = await startTestSandbox(t);
  const faults = async (method: string, body?: unknown) => {
    const { status, json } = await call(`${sandbox.url}/sandbox/faults`, { method, body });
    return { status, faults: json as Record<string, unknown> };
  };
  await faults('PATCH', { failApi: 0.25, wrongPdf: 'always' });
  await faults('PATCH', { dropCallbacks: 1 });
  const patched = (await faults('GET')).faults;
  assert.deepEqual(
    [patched['failApi'], patched['wrongPdf'], patched['dropCallbacks']],
    [...[0.25, 'always', 1]],
  );
  const replaced = (await faults('PUT', { cutPdf: 3 })).faults;
  assert.deepEqual([replaced['failApi'], replaced['cutPdf']], [0, 3]);
  for (const wrong of [{ failApi: 2 }, { unheardOf: 1 }, { wrongPdf: -1 }, { pdfMode: 'lost' }]) {
    const { status, faults: answer } = await faults('PATCH', wrong);
    assert.equal(status, 400, JSON.stringify(wrong));
    assert.match(String(answer['error']), /\.$/);
  }
});
