import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { startTestWebhook, type TestWebhook } from './support/webhook-harness.js';
import {
  CALLBACKS,
  createTestSigner,
  encodeForm,
  escapeBytes,
  formRequest,
  hintRequest,
  hmac,
  jsonRequest,
  noticeRequest,
  type TestRequest,
} from './support/webhook-signing.js';

const signer = createTestSigner();
const stranger = createTestSigner();
const TOKEN = 'first-token';
const LATER_TOKEN = 'second-token';
const SECRET = 'a-shared-secret';
const trust = {
  publicKeys: [signer.publicKey],
  hmacSecrets: [SECRET],
  tokens: [TOKEN, LATER_TOKEN],
};

let webhook: TestWebhook;
before(async () => {
  webhook = await startTestWebhook({ trust });
});
after(() => webhook.close());

function content(documentId: string): string {
  return JSON.stringify({
    resource_uri: `/api/v1/document/${documentId}/`,
    group: '/api/v1/group/sales/',
    name: 'Contract of Jane Doe',
    uuid: documentId,
    tag: 'order-17',
  });
}

function newNotice(): TestRequest {
  return noticeRequest(signer, content(randomUUID()));
}

function withHeaders(request: TestRequest, headers: TestRequest['headers']): TestRequest {
  return { ...request, headers: { ...request.headers, ...headers } };
}

test('a signed notice names its document, group and tag', async () => {
  const documentId = randomUUID();
  const answer = await webhook.send(noticeRequest(signer, content(documentId)));
  assert.deepEqual([answer.status, answer.json], [200, { result: 'stored' }]);
  assert.deepEqual(webhook.stored.at(-1), {
    kind: 'notice',
    document: { documentId, group: 'sales', tag: 'order-17' },
  });
});

test('the same notice again is another event, and written again', async () => {
  const request = newNotice();
  const before = webhook.stored.length;
  await webhook.send(request);
  await webhook.send(request);
  assert.equal(webhook.stored.length, before + 2);
});

test('of a signed notice, only what is signed is believed', async () => {
  const [signedId, otherId] = [randomUUID(), randomUUID()];
  const signed = noticeRequest(signer, content(signedId));
  const plain = encodeForm([
    ['resource_uri', `/api/v1/document/${otherId}/`],
    ['tag', 'other'],
  ]);
  const body = Buffer.concat([plain, Buffer.from('&'), signed.body]);
  assert.equal((await webhook.send({ ...signed, body })).status, 200);
  const message = webhook.stored.at(-1);
  assert.equal(message?.kind === 'notice' && message.document.documentId, signedId);
});

test('a signed notice whose plus signs arrived unescaped is understood', async () => {
  const json = Buffer.from(content(randomUUID()).replace('order-17', 'a+b'));
  const body = `json_signed=${escapeBytes(json).replaceAll('%2B', '+')}`;
  const request = formRequest(body);
  const headers = { ...request.headers, 'x-signed': signer.signature('sha1', json) };
  assert.equal((await webhook.send({ ...request, headers })).status, 200);
});

test('a notice about another kind of resource is acknowledged and ignored', async () => {
  const json = JSON.stringify({ resource_uri: `/api/v1/template/${randomUUID()}/` });
  const before = webhook.stored.length;
  const answer = await webhook.send(noticeRequest(signer, json));
  assert.deepEqual([answer.status, answer.json['result']], [200, 'ignored']);
  assert.equal(webhook.stored.length, before);
});

for (const token of [TOKEN, LATER_TOKEN]) {
  test(`an unsigned notice with the ${token} is taken as a hint`, async () => {
    const documentId = randomUUID();
    const answer = await webhook.send(hintRequest(documentId, token));
    assert.deepEqual([answer.status, answer.json], [200, { result: 'stored' }]);
    const message = webhook.stored.at(-1);
    assert.equal(message?.kind, 'hint');
    assert.equal(message.documentId, documentId);
  });
}

test('with a token, json_signed without its signature is a hint and no more', async () => {
  const documentId = randomUUID();
  const body = encodeForm([['json_signed', content(documentId)]]);
  const answer = await webhook.send(formRequest(body, `${CALLBACKS}/${TOKEN}`));
  assert.equal(answer.status, 200);
  const message = webhook.stored.at(-1);
  assert.equal(message?.kind === 'hint' && message.documentId, documentId);
});

test('a right HMAC of the body beside the signature is accepted', async () => {
  const request = newNotice();
  const headers = { 'x-hmac-sha256': hmac(SECRET, request.body, 'base64') };
  assert.equal((await webhook.send(withHeaders(request, headers))).status, 200);
});

type Bent = [name: string, status: number, reason: string, bend: () => TestRequest];
const bent: Bent[] = [
  [
    'one letter of the content altered',
    401,
    'signatureWrong',
    () => {
      const request = newNotice();
      return { ...request, body: Buffer.from(request.body.toString().replace('order', 'ordes')) };
    },
  ],
  [
    "another notice's signature",
    401,
    'signatureWrong',
    () => withHeaders(newNotice(), { 'x-signed': signer.signature('sha1', Buffer.from('x')) }),
  ],
  [
    'a key that no certificate has',
    401,
    'signatureWrong',
    () => noticeRequest(stranger, content(randomUUID())),
  ],
  [
    'the signature made with SHA-256',
    401,
    'signatureWrong',
    () => {
      const json = Buffer.from(content(randomUUID()));
      const signature = signer.signature('sha256', json);
      return withHeaders(noticeRequest(signer, json), { 'x-signed': signature });
    },
  ],
  [
    'the signature made over the whole body',
    401,
    'signatureWrong',
    () => {
      const request = newNotice();
      return withHeaders(request, { 'x-signed': signer.signature('sha1', request.body) });
    },
  ],
  [
    'the signature twice',
    401,
    'signatureRepeated',
    () => {
      const request = newNotice();
      const signature = String(request.headers['x-signed']);
      return withHeaders(request, { 'x-signed': [signature, signature] });
    },
  ],
  [
    'two signatures in one header',
    401,
    'signatureMalformed',
    () => {
      const request = newNotice();
      const signature = String(request.headers['x-signed']);
      return withHeaders(request, { 'x-signed': `${signature}, ${signature}` });
    },
  ],
  [
    'an empty signature',
    401,
    'signatureMalformed',
    () => withHeaders(newNotice(), { 'x-signed': '' }),
  ],
  [
    'the signature under the name of another header',
    401,
    'signatureMissing',
    () => {
      const { 'x-signed': signature = '', ...headers } = newNotice().headers;
      return { ...newNotice(), headers: { ...headers, 'x-signature': signature } };
    },
  ],
  [
    'a wrong signature, even with the right token',
    401,
    'signatureWrong',
    () => ({
      ...withHeaders(newNotice(), { 'x-signed': signer.signature('sha1', Buffer.from('x')) }),
      path: `${CALLBACKS}/${TOKEN}`,
    }),
  ],
  [
    'a wrong token, even with the right signature',
    401,
    'tokenWrong',
    () => ({ ...newNotice(), path: `${CALLBACKS}/first-tokem` }),
  ],
  [
    'its signature, but without what it signs',
    401,
    'signedPartMissing',
    () => withHeaders(hintRequest(randomUUID()), { 'x-signed': 'AAAA' }),
  ],
  [
    'its signature, but without what it signs, even with the right token',
    401,
    'signedPartMissing',
    () => withHeaders(hintRequest(randomUUID(), TOKEN), { 'x-signed': 'AAAA' }),
  ],
  ['no signature and no token', 401, 'signatureMissing', () => hintRequest(randomUUID())],
  ['no signature and a wrong token', 401, 'tokenWrong', () => hintRequest(randomUUID(), 'first')],
  [
    'no signature and two tokens joined',
    401,
    'tokenWrong',
    () => hintRequest(randomUUID(), `${TOKEN},${LATER_TOKEN}`),
  ],
  [
    'no signature and the token in the query',
    401,
    'signatureMissing',
    () => ({ ...hintRequest(randomUUID()), path: `${CALLBACKS}?token=${TOKEN}` }),
  ],
  [
    'no signature and the token in a header',
    401,
    'signatureMissing',
    () => withHeaders(hintRequest(randomUUID()), { authorization: `Bearer ${TOKEN}` }),
  ],
  [
    'no signature and the token one segment too deep',
    404,
    'notFound',
    () => hintRequest(randomUUID(), `x/${TOKEN}`),
  ],
  [
    'json_signed twice',
    400,
    'fieldRepeated',
    () => {
      const request = newNotice();
      return { ...request, body: Buffer.concat([request.body, Buffer.from('&'), request.body]) };
    },
  ],
  [
    'the resource twice',
    400,
    'fieldRepeated',
    () => {
      const request = hintRequest(randomUUID(), TOKEN);
      return { ...request, body: Buffer.concat([request.body, Buffer.from('&'), request.body]) };
    },
  ],
  ['signed JSON that is a list', 400, 'fieldMissing', () => noticeRequest(signer, '[]')],
  ['signed JSON without a resource', 400, 'fieldMissing', () => noticeRequest(signer, '{}')],
  [
    'the resource in the prototype',
    400,
    'fieldMissing',
    () => noticeRequest(signer, `{"__proto__":${content(randomUUID())}}`),
  ],
  [
    'signed JSON that is none',
    400,
    'jsonMalformed',
    () => noticeRequest(signer, '{"resource_uri"'),
  ],
  [
    'the form as JSON',
    401,
    'signatureMissing',
    () => jsonRequest(content(randomUUID()), { 'x-signed': 'AAAA' }),
  ],
];

for (const [name, status, reason, bend] of bent) {
  test(`a notice with ${name} is refused`, async () => {
    const before = webhook.stored.length;
    const answer = await webhook.send(bend());
    assert.deepEqual([answer.status, answer.json['error']], [status, reason]);
    assert.equal(webhook.stored.length, before);
  });
}

test('a batch replayed as a notice is refused as malformed', async () => {
  const data = JSON.stringify([{ resource_uri: `/api/v1/document/${randomUUID()}/` }]);
  const before = webhook.stored.length;
  assert.equal((await webhook.send(noticeRequest(signer, data))).status, 400);
  assert.equal(webhook.stored.length, before);
});

for (const id of ['..', 'a%2Fb', '', 'x'.repeat(65), 'a b']) {
  test(`a hint about the ID ${JSON.stringify(id)} is ignored`, async () => {
    const body = encodeForm([['resource_uri', `/api/v1/document/${id}/`]]);
    const before = webhook.stored.length;
    const answer = await webhook.send(formRequest(body, `${CALLBACKS}/${TOKEN}`));
    assert.deepEqual([answer.status, answer.json['result']], [200, 'ignored']);
    assert.equal(webhook.stored.length, before);
  });
}

test('where no token is configured, a token in the URL lets nothing in and keeps nothing out', async () => {
  const tokenless = await startTestWebhook({ trust: { ...trust, tokens: [] } });
  try {
    assert.equal((await tokenless.send(hintRequest(randomUUID(), TOKEN))).status, 401);
    assert.equal((await tokenless.send({ ...newNotice(), path: `${CALLBACKS}/x` })).status, 200);
  } finally {
    await tokenless.close();
  }
});

test('where no certificate is configured, a signed notice needs the token and is a hint', async () => {
  const keyless = await startTestWebhook({ trust: { ...trust, publicKeys: [] } });
  try {
    assert.equal((await keyless.send(newNotice())).status, 401);
    const answer = await keyless.send({ ...newNotice(), path: `${CALLBACKS}/${TOKEN}` });
    assert.equal(answer.status, 200);
    assert.deepEqual(
      keyless.stored.map(({ kind }) => kind),
      ['hint'],
    );
  } finally {
    await keyless.close();
  }
});
