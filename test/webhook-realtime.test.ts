import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { startTestWebhook, type TestWebhook } from './support/webhook-harness.js';
import {
  CALLBACKS,
  createTestSigner,
  documentEvent,
  FORM,
  hmac,
  jsonRequest,
  recipientEvent,
  type TestRequest,
} from './support/webhook-signing.js';

const signer = createTestSigner();
const stranger = createTestSigner();
const SECRET = 'current-secret';
const EARLIER_SECRET = 'earlier-secret';
const TOKEN = 'token-in-the-url';
const trust = {
  publicKeys: [signer.publicKey],
  hmacSecrets: [EARLIER_SECRET, SECRET],
  tokens: [TOKEN],
};
const RSA = 'x-signed-sha256';
const HMAC = 'x-hmac-sha256';

let webhook: TestWebhook;
before(async () => {
  webhook = await startTestWebhook({ trust });
});
after(() => webhook.close());

function newBody(): Buffer {
  return Buffer.from(JSON.stringify(documentEvent(randomUUID())));
}

function signed(event: unknown): TestRequest {
  const body = Buffer.from(JSON.stringify(event));
  return jsonRequest(body, { [RSA]: signer.signature('sha256', body) });
}

function rsa(body: Buffer, encoding: 'hex' | 'base64' = 'base64'): string {
  return Buffer.from(signer.signature('sha256', body), 'base64').toString(encoding);
}

type Proof = [name: string, headers: (body: Buffer) => TestRequest['headers']];
const proofs: Proof[] = [
  ['RSA in base64', (body) => ({ [RSA]: rsa(body) })],
  ['RSA in hex', (body) => ({ [RSA]: rsa(body, 'hex') })],
  ['HMAC in base64', (body) => ({ [HMAC]: hmac(SECRET, body, 'base64') })],
  ['HMAC in hex', (body) => ({ [HMAC]: hmac(SECRET, body) })],
  ['HMAC in upper-case hex', (body) => ({ [HMAC]: hmac(SECRET, body).toUpperCase() })],
  ['HMAC by an earlier secret', (body) => ({ [HMAC]: hmac(EARLIER_SECRET, body) })],
  ['both', (body) => ({ [RSA]: rsa(body), [HMAC]: hmac(SECRET, body) })],
  [
    'a charset of utf-8',
    (body) => ({ [RSA]: rsa(body), 'content-type': 'application/json; charset=utf-8' }),
  ],
];
for (const [name, headers] of proofs) {
  test(`an event proved by ${name} is stored`, async () => {
    const body = newBody();
    const answer = await webhook.send(jsonRequest(body, headers(body)));
    assert.deepEqual([answer.status, answer.json], [200, { result: 'stored' }]);
    assert.equal(webhook.stored.at(-1)?.kind, 'report');
  });
}

test('an event about a document becomes a report on it', async () => {
  const documentId = randomUUID();
  assert.equal((await webhook.send(signed(documentEvent(documentId)))).status, 200);
  const message = webhook.stored.at(-1);
  assert.equal(message?.kind, 'report');
  assert.deepEqual(message.document, { documentId, group: 'sales', tag: 'order-17' });
  assert.equal(message.report.source, 'realtime');
  assert.equal(message.report.changes[0]?.status, 'finalised');
  assert.equal(message.report.snapshot?.finalPdf, true);
  assert.ok(!JSON.stringify(message).includes('@'), 'no e-mail address');
  assert.ok(!JSON.stringify(message).includes('Jane'), 'no name');
});

test('an event about a recipient becomes a report on its document', async () => {
  const documentId = randomUUID();
  assert.equal((await webhook.send(signed(recipientEvent(documentId)))).status, 200);
  const message = webhook.stored.at(-1);
  assert.equal(message?.kind === 'report' && message.document.documentId, documentId);
  assert.equal(message?.kind === 'report' && message.report.changes[0]?.status, 'signed');
  assert.ok(!JSON.stringify(message).includes('Jane'));
});

test('a recipient without a document becomes a delivery, to be routed', async () => {
  const event = recipientEvent(randomUUID(), 'recipient.completed', {
    documentResourceUri: undefined,
  });
  assert.equal((await webhook.send(signed(event))).status, 200);
  const message = webhook.stored.at(-1);
  assert.equal(message?.kind === 'delivery' && message.input.changes.length, 1);
});

test('the same event again is acknowledged without a write', async () => {
  const request = signed(documentEvent(randomUUID()));
  await webhook.send(request);
  const before = webhook.stored.length;
  const again = await webhook.send(request);
  assert.deepEqual([again.status, again.json['result']], [200, 'duplicate']);
  assert.equal(webhook.stored.length, before);
});

test('an event of long ago is stored, but held', async () => {
  const event = { ...documentEvent(randomUUID()), created: 1_521_529_792 };
  const answer = await webhook.send(signed(event));
  assert.deepEqual([answer.status, answer.json['result']], [200, 'setAside']);
  const message = webhook.stored.at(-1);
  assert.equal(message?.kind === 'delivery' && message.input.held, 'older than 7d');
});

const nothing: [name: string, event: () => unknown][] = [
  ['an unknown kind of object', () => ({ ...documentEvent(randomUUID()), object: 'invoice' })],
  ['no kind of object', () => ({})],
  ['an unknown event of a signer', () => recipientEvent(randomUUID(), 'recipient.danced')],
  [
    'an unknown event without a status',
    () => documentEvent(randomUUID(), 'document.painted', { status: undefined }),
  ],
];
for (const [name, event] of nothing) {
  test(`an event with ${name} is acknowledged and ignored`, async () => {
    const before = webhook.stored.length;
    const answer = await webhook.send(signed(event()));
    assert.deepEqual([answer.status, answer.json['result']], [200, 'ignored']);
    assert.equal(webhook.stored.length, before);
  });
}

const UNREADABLE_SIGNER = { uuid: '../x', resourceUri: '/api/v1/signer/../' };
const ofNobody: [name: string, event: () => object][] = [
  ['no data', () => ({ ...documentEvent(randomUUID()), data: undefined })],
  ['data that is a list', () => ({ ...documentEvent(randomUUID()), data: [1] })],
  [
    'an ID that is a path',
    () => documentEvent('../x', 'document.rejected', { resourceUri: '/api/v1/document/../' }),
  ],
  [
    'a signer’s ID that is a path, and no document',
    () => recipientEvent('../x', 'recipient.completed', UNREADABLE_SIGNER),
  ],
];
for (const [name, event] of ofNobody) {
  test(`an event that tells a status, with ${name}, is set aside for people to see`, async () => {
    assert.equal((await webhook.send(signed(event()))).status, 200);
    const message = webhook.stored.at(-1);
    const entries = message?.kind === 'delivery' ? message.input.setAside : [];
    assert.deepEqual(
      entries.map(({ reason }) => reason),
      ['no readable ID'],
    );
  });
}

test('an event of a signer whose ID cannot be read makes its document ask the provider', async () => {
  const documentId = randomUUID();
  const event = recipientEvent(documentId, 'recipient.completed', UNREADABLE_SIGNER);
  assert.equal((await webhook.send(signed(event))).status, 200);
  const message = webhook.stored.at(-1);
  assert.ok(message?.kind === 'notice');
  assert.equal(message.document.documentId, documentId);
});

const now = (): number => Math.floor(Date.now() / 1000);
const readable: [name: string, created: () => unknown][] = [
  ['with a fraction', () => now() + 0.5],
  ['as digits with a fraction', () => `${now()}.5`],
  ['in milliseconds', () => now() * 1000],
  ['as text', () => new Date(now() * 1000).toISOString()],
];
for (const [name, created] of readable) {
  test(`an event whose time is given ${name} is news like any other`, async () => {
    const event = { ...documentEvent(randomUUID()), created: created() };
    assert.equal((await webhook.send(signed(event))).status, 200);
    const message = webhook.stored.at(-1);
    assert.equal(message?.kind, 'report');
    const at = Date.parse(message.report.changes[0]?.at ?? '');
    assert.ok(Math.abs(at - Date.now()) < 60_000);
  });
}

const unreadable = [-1, 0, 1e300, 'soon', '', null, [1_700_000_000], true, undefined];
const ahead = now() + 2 * 86_400;
for (const created of [...unreadable, ahead, ahead * 1000]) {
  const time = created === ahead ? 'two days ahead' : JSON.stringify(created);
  test(`an event created at ${time} is a notice: the provider is to be asked`, async () => {
    const documentId = randomUUID();
    for (const event of [documentEvent(documentId), recipientEvent(documentId)]) {
      const answer = await webhook.send(signed({ ...event, created }));
      assert.deepEqual([answer.status, answer.json], [200, { result: 'stored' }]);
      const document = { documentId, group: 'sales', tag: 'order-17' };
      assert.deepEqual(webhook.stored.at(-1), { kind: 'notice', document });
    }
  });
}

test('an event without a readable time that names no document is kept, set aside', async () => {
  const event = recipientEvent(randomUUID(), 'recipient.completed', {
    documentResourceUri: undefined,
  });
  const answer = await webhook.send(signed({ ...event, created: undefined }));
  assert.deepEqual([answer.status, answer.json], [200, { result: 'stored' }]);
  const message = webhook.stored.at(-1);
  assert.equal(message?.kind, 'delivery');
  assert.equal(message.input.changes.length, 0);
  assert.equal(message.input.setAside[0]?.reason, 'an unreadable timestamp');
});

type Bent = [name: string, status: number, reason: string, bend: (body: Buffer) => TestRequest];
const bent: Bent[] = [
  [
    'one byte altered',
    401,
    'signatureWrong',
    (body) => jsonRequest(body.toString().replace('30', '31'), { [RSA]: rsa(body) }),
  ],
  [
    'one byte altered under an HMAC',
    401,
    'signatureWrong',
    (body) => jsonRequest(body.toString().replace('30', '31'), { [HMAC]: hmac(SECRET, body) }),
  ],
  [
    'the same JSON written differently',
    401,
    'signatureWrong',
    (body) =>
      jsonRequest(JSON.stringify(JSON.parse(body.toString()), null, 1), { [RSA]: rsa(body) }),
  ],
  [
    "another event's signature",
    401,
    'signatureWrong',
    (body) => jsonRequest(body, { [RSA]: rsa(newBody()) }),
  ],
  [
    'a key that no certificate has',
    401,
    'signatureWrong',
    (body) => jsonRequest(body, { [RSA]: stranger.signature('sha256', body) }),
  ],
  [
    'SHA-1 instead of SHA-256',
    401,
    'signatureWrong',
    (body) => jsonRequest(body, { [RSA]: signer.signature('sha1', body) }),
  ],
  [
    'an HMAC by a secret that is not ours',
    401,
    'signatureWrong',
    (body) => jsonRequest(body, { [HMAC]: hmac('another', body) }),
  ],
  [
    'the certificate used as an HMAC secret',
    401,
    'signatureWrong',
    (body) => {
      const pem = signer.publicKey.export({ type: 'spki', format: 'pem' }).toString();
      return jsonRequest(body, { [HMAC]: hmac(pem, body) });
    },
  ],
  [
    'the RSA signature under the name of the HMAC',
    401,
    'signatureWrong',
    (body) => jsonRequest(body, { [HMAC]: rsa(body) }),
  ],
  [
    'the HMAC under the name of the RSA signature',
    401,
    'signatureWrong',
    (body) => jsonRequest(body, { [RSA]: hmac(SECRET, body) }),
  ],
  [
    'a right RSA signature beside a wrong HMAC',
    401,
    'signatureWrong',
    (body) => jsonRequest(body, { [RSA]: rsa(body), [HMAC]: hmac('another', body) }),
  ],
  [
    'a right HMAC beside a wrong RSA signature',
    401,
    'signatureWrong',
    (body) => jsonRequest(body, { [RSA]: rsa(newBody()), [HMAC]: hmac(SECRET, body) }),
  ],
  [
    'a right RSA signature beside an empty HMAC',
    401,
    'signatureMalformed',
    (body) => jsonRequest(body, { [RSA]: rsa(body), [HMAC]: '' }),
  ],
  [
    'half an HMAC',
    401,
    'signatureWrong',
    (body) => jsonRequest(body, { [HMAC]: hmac(SECRET, body).slice(0, 32) }),
  ],
  [
    'an HMAC of an odd number of digits',
    401,
    'signatureMalformed',
    (body) => jsonRequest(body, { [HMAC]: hmac(SECRET, body).slice(0, 63) }),
  ],
  [
    'the HMAC twice',
    401,
    'signatureRepeated',
    (body) => jsonRequest(body, { [HMAC]: [hmac(SECRET, body), hmac(SECRET, body)] }),
  ],
  [
    'the RSA signature twice',
    401,
    'signatureRepeated',
    (body) => jsonRequest(body, { [RSA]: [rsa(body), rsa(body)] }),
  ],
  ['no signature', 401, 'signatureMissing', (body) => jsonRequest(body)],
  [
    'no signature, but the right token',
    401,
    'signatureMissing',
    (body) => ({ ...jsonRequest(body), path: `${CALLBACKS}/${TOKEN}` }),
  ],
  [
    'only the signature of another format',
    401,
    'signatureMissing',
    (body) => jsonRequest(body, { 'x-signed': signer.signature('sha1', body) }),
  ],
  [
    'a wrong token in the URL',
    401,
    'tokenWrong',
    (body) => ({ ...jsonRequest(body, { [RSA]: rsa(body) }), path: `${CALLBACKS}/x` }),
  ],
  [
    'a charset of UTF-16',
    415,
    'unsupportedCharset',
    (body) =>
      jsonRequest(body, { [RSA]: rsa(body), 'content-type': 'application/json; charset=utf-16' }),
  ],
  [
    'the content type of a form',
    400,
    'unknownFormat',
    (body) => jsonRequest(body, { [RSA]: rsa(body), 'content-type': FORM }),
  ],
  [
    'a content type that only looks like JSON',
    415,
    'unsupportedType',
    (body) => jsonRequest(body, { [RSA]: rsa(body), 'content-type': 'application/jsonp' }),
  ],
  [
    'gzip',
    415,
    'unsupportedEncoding',
    (body) => jsonRequest(body, { [RSA]: rsa(body), 'content-encoding': 'gzip' }),
  ],
  ['nothing', 400, 'jsonMalformed', () => signedText('')],
  ['broken JSON', 400, 'jsonMalformed', () => signedText('{"object":"document"')],
  ['a list', 400, 'jsonMalformed', () => signedText('[]')],
  ['null', 400, 'jsonMalformed', () => signedText('null')],
];

function signedText(text: string): TestRequest {
  const body = Buffer.from(text);
  return jsonRequest(body, { [RSA]: rsa(body) });
}

for (const [name, status, reason, bend] of bent) {
  test(`an event with ${name} is refused`, async () => {
    const before = webhook.stored.length;
    const answer = await webhook.send(bend(newBody()));
    assert.deepEqual([answer.status, answer.json['error']], [status, reason]);
    assert.equal(webhook.stored.length, before);
  });
}

const partial: [name: string, configured: Partial<typeof trust>, header: string][] = [
  ['certificates', { hmacSecrets: [] }, RSA],
  ['secrets', { publicKeys: [] }, HMAC],
];
for (const [name, configured, checkable] of partial) {
  test(`with only ${name} configured, the other signature is neither checked nor enough`, async () => {
    const half = await startTestWebhook({ trust: { ...trust, ...configured } });
    try {
      const body = newBody();
      const right: Record<string, string> = { [RSA]: rsa(body), [HMAC]: hmac(SECRET, body) };
      const unchecked = checkable === RSA ? HMAC : RSA;
      const alone = jsonRequest(body, { [unchecked]: right[unchecked] ?? '' });
      assert.equal((await half.send(alone)).status, 401);
      const both = jsonRequest(body, { ...right, [unchecked]: 'anything' });
      assert.equal((await half.send(both)).status, 200);
    } finally {
      await half.close();
    }
  });
}
