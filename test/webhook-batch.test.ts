import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { startTestWebhook, type TestWebhook } from './support/webhook-harness.js';
import {
  batchRequest,
  CALLBACKS,
  createTestSigner,
  encodeForm,
  entry,
  escapeBytes,
  FORM,
  formRequest,
  hmac,
  type TestRequest,
} from './support/webhook-signing.js';

const signer = createTestSigner();
const earlierSigner = createTestSigner();
const stranger = createTestSigner();
const SECRET = 'a-shared-secret';
const TOKEN = 'token-in-the-url';

let webhook: TestWebhook;
before(async () => {
  webhook = await startTestWebhook({
    trust: {
      publicKeys: [earlierSigner.publicKey, signer.publicKey],
      hmacSecrets: [SECRET],
      tokens: [TOKEN],
    },
  });
});
after(() => webhook.close());

function newBatch(): { data: Buffer; signature: string; request: TestRequest } {
  const list = [entry('signer', randomUUID(), '40'), entry('document', randomUUID(), '30')];
  const data = Buffer.from(JSON.stringify(list));
  const signature = signer.signature('sha1', data);
  return { data, signature, request: batchRequest(signer, data) };
}

function form(...fields: (readonly [string, Buffer | string])[]): TestRequest {
  return formRequest(encodeForm(fields));
}

function withHeaders(request: TestRequest, headers: TestRequest['headers']): TestRequest {
  return { ...request, headers: { ...request.headers, ...headers } };
}

test('a signed batch becomes one delivery under the hash of its data', async () => {
  const { data, request } = newBatch();
  const before = webhook.stored.length;
  const answer = await webhook.send(request);
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.json, { result: 'stored' });
  assert.equal(webhook.stored.length, before + 1);
  const message = webhook.stored.at(-1);
  assert.equal(message?.kind, 'delivery');
  assert.equal(message.digest, createHash('sha256').update(data).digest('hex'));
  assert.equal(message.input.source, 'batch');
  const [first, second] = message.input.changes;
  assert.equal(first?.subject, 'signer');
  assert.equal(first.status, 'signed');
  assert.equal(first.position, 0);
  assert.equal(second?.status, 'signed');
  assert.equal(second.position, 1);
  assert.match(second.at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
});

test('any of several certificates verifies a batch', async () => {
  const data = JSON.stringify([entry('document', randomUUID(), '30')]);
  assert.equal((await webhook.send(batchRequest(earlierSigner, data))).status, 200);
});

test('a batch of 10,000 entries is one delivery', async () => {
  const list = Array.from({ length: 10_000 }, () => entry('signer', randomUUID(), '40'));
  const before = webhook.stored.length;
  const answer = await webhook.send(batchRequest(signer, JSON.stringify(list)));
  assert.equal(answer.status, 200);
  assert.equal(webhook.stored.length, before + 1);
  const message = webhook.stored.at(-1);
  assert.equal(message?.kind === 'delivery' && message.input.changes.length, 10_000);
});

test('the same batch again is acknowledged without a write', async () => {
  const { request } = newBatch();
  await webhook.send(request);
  const before = webhook.stored.length;
  const again = await webhook.send(request);
  assert.deepEqual([again.status, again.json['result']], [200, 'duplicate']);
  assert.equal(webhook.stored.length, before);
});

test('an empty list is acknowledged without a write', async () => {
  const before = webhook.stored.length;
  const answer = await webhook.send(batchRequest(signer, '[]'));
  assert.deepEqual([answer.status, answer.json['result']], [200, 'empty']);
  assert.equal(webhook.stored.length, before);
});

test('a batch with nothing but what nobody understands is kept, set aside', async () => {
  const list = [{ name: 'colour', value: 'red' }, 7, null, [], entry('document', '..', '30')];
  const answer = await webhook.send(batchRequest(signer, JSON.stringify(list)));
  assert.equal(answer.status, 200);
  const message = webhook.stored.at(-1);
  assert.equal(message?.kind === 'delivery' && message.input.setAside.length, list.length);
});

test('an unknown status number is kept', async () => {
  const list = [entry('document', randomUUID(), '77'), entry('signer', randomUUID(), '1e400')];
  assert.equal((await webhook.send(batchRequest(signer, JSON.stringify(list)))).status, 200);
  const message = webhook.stored.at(-1);
  assert.equal(message?.kind, 'delivery');
  const statuses = message.input.changes.map(({ status }) => status);
  assert.deepEqual(statuses, ['unknown-77', 'unknown-1e400']);
});

test('a batch whose newest change is too old is stored, but held', async () => {
  const list = [
    entry('document', randomUUID(), '30', '2018-03-20T07:09:52'),
    entry('document', randomUUID(), '30', '2018-03-20T07:09:53'),
  ];
  const answer = await webhook.send(batchRequest(signer, JSON.stringify(list)));
  assert.deepEqual([answer.status, answer.json['result']], [200, 'setAside']);
  const message = webhook.stored.at(-1);
  assert.equal(message?.kind === 'delivery' && message.input.held, 'older than 7d');
});

test('one young change keeps a batch of old ones from being held', async () => {
  const list = [
    entry('document', randomUUID(), '30', '2018-03-20T07:09:52'),
    entry('document', randomUUID(), '30'),
  ];
  assert.equal((await webhook.send(batchRequest(signer, JSON.stringify(list)))).status, 200);
  const message = webhook.stored.at(-1);
  assert.equal(message?.kind === 'delivery' && message.input.held, undefined);
});

test('a signature whose plus signs arrived unescaped is understood', async () => {
  const { data, signature } = untilSignatureHasPlus();
  const body = `data=${escapeBytes(data)}&signed=${signature}`;
  assert.equal((await webhook.send(formRequest(body))).status, 200);
});

function untilSignatureHasPlus(): { data: Buffer; signature: string } {
  for (;;) {
    const { data, signature } = newBatch();
    if (signature.includes('+')) return { data, signature };
  }
}

test('data whose plus signs arrived unescaped is understood as it was signed', async () => {
  const at = new Date(Date.now() - 3_600_000).toISOString().slice(0, 19);
  const list = [entry('document', randomUUID(), '30', `${at}+02:00`)];
  const data = Buffer.from(JSON.stringify(list));
  const unescaped = escapeBytes(data).replaceAll('%2B', '+');
  assert.ok(unescaped.includes('+'));
  const signed = escapeBytes(Buffer.from(signer.signature('sha1', data)));
  assert.equal((await webhook.send(formRequest(`data=${unescaped}&signed=${signed}`))).status, 200);
  const message = webhook.stored.at(-1);
  assert.equal(
    message?.kind === 'delivery' && Date.parse(message.input.changes[0]?.at ?? ''),
    Date.parse(`${at}Z`) - 2 * 3_600_000,
  );
});

test('spaces written as plus signs are spaces', async () => {
  const data = Buffer.from(JSON.stringify([entry('document', randomUUID(), '30')], null, 1));
  const spaced = escapeBytes(data).replaceAll('%20', '+');
  const signed = escapeBytes(Buffer.from(signer.signature('sha1', data)));
  assert.equal((await webhook.send(formRequest(`data=${spaced}&signed=${signed}`))).status, 200);
});

test('a signature broken into lines is understood', async () => {
  const { data, signature } = newBatch();
  const lines = signature.replace(/.{64}/g, '$&\r\n') + '\n';
  assert.equal((await webhook.send(form(['data', data], ['signed', lines]))).status, 200);
});

test('fields nobody asked for, in any number of copies, change nothing', async () => {
  const { data, signature } = newBatch();
  const answer = await webhook.send(
    form(['x', '1'], ['data', data], ['__proto__', 'y'], ['signed', signature], ['x', '2']),
  );
  assert.equal(answer.status, 200);
});

test('the right token in the URL does no harm to a signed batch', async () => {
  const { request } = newBatch();
  const answer = await webhook.send({ ...request, path: `${CALLBACKS}/${TOKEN}` });
  assert.equal(answer.status, 200);
});

test('a right HMAC of the body beside the signature is accepted', async () => {
  const { request } = newBatch();
  const mac = hmac(SECRET, request.body);
  assert.equal((await webhook.send(withHeaders(request, { 'x-hmac-sha256': mac }))).status, 200);
});

test('X-Signed on a batch is no signature of this format, and changes nothing', async () => {
  const { request } = newBatch();
  assert.equal((await webhook.send(withHeaders(request, { 'x-signed': 'AAAA' }))).status, 200);
});

test('a change more than a day ahead of now is set aside, since it would outrank what comes', async () => {
  const later = (ms: number): string => new Date(Date.now() + ms).toISOString();
  const list = [
    entry('document', randomUUID(), '30', later(25 * 3_600_000)),
    entry('document', randomUUID(), '30', later(3_600_000)),
  ];
  assert.equal((await webhook.send(batchRequest(signer, JSON.stringify(list)))).status, 200);
  const message = webhook.stored.at(-1);
  assert.equal(message?.kind, 'delivery');
  assert.equal(message.input.changes[0]?.position, 1);
  assert.equal(message.input.setAside[0]?.reason, 'a time in the future');
});

test('a charset of utf-8, in any case, is accepted', async () => {
  const { request } = newBatch();
  const typed = { 'content-type': `${FORM}; charset="UTF-8"` };
  assert.equal((await webhook.send(withHeaders(request, typed))).status, 200);
});

type Bent = [name: string, status: number, reason: string, bend: () => TestRequest];

const alter = (bytes: Buffer, index: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[index] = (copy[index] ?? 0) ^ 1;
  return copy;
};
const signedBy = (data: Buffer, signature: string): TestRequest =>
  form(['data', data], ['signed', signature]);
const headered = (headers: TestRequest['headers']): TestRequest =>
  withHeaders(newBatch().request, headers);

const bent: Bent[] = [
  [
    'one byte of the data altered',
    401,
    'signatureWrong',
    () => {
      const { data, signature } = newBatch();
      return signedBy(alter(data, data.length - 10), signature);
    },
  ],
  [
    'the same JSON written differently',
    401,
    'signatureWrong',
    () => {
      const { data, signature } = newBatch();
      return signedBy(Buffer.from(data.toString().replaceAll('","', '", "')), signature);
    },
  ],
  [
    "another batch's signature",
    401,
    'signatureWrong',
    () => signedBy(newBatch().data, newBatch().signature),
  ],
  [
    'a key that no certificate has',
    401,
    'signatureWrong',
    () => batchRequest(stranger, newBatch().data),
  ],
  [
    'SHA-256 instead of SHA-1',
    401,
    'signatureWrong',
    () => {
      const { data } = newBatch();
      return signedBy(data, signer.signature('sha256', data));
    },
  ],
  [
    'the signature made over the escaped data',
    401,
    'signatureWrong',
    () => {
      const { data } = newBatch();
      return signedBy(data, signer.signature('sha1', Buffer.from(escapeBytes(data))));
    },
  ],
  [
    'the signature made over another field',
    401,
    'signatureWrong',
    () => {
      const { data } = newBatch();
      const other = Buffer.from('other');
      const signature = signer.signature('sha1', other);
      return form(['data', data], ['signed', signature], ['name', other]);
    },
  ],
  [
    'a newline added to the data',
    401,
    'signatureWrong',
    () => {
      const { data, signature } = newBatch();
      return signedBy(Buffer.concat([data, Buffer.from('\n')]), signature);
    },
  ],
  ['an empty signature', 401, 'signatureMalformed', () => signedBy(newBatch().data, '')],
  [
    'a truncated signature',
    401,
    'signatureWrong',
    () => {
      const { data, signature } = newBatch();
      return signedBy(data, signature.slice(0, 100));
    },
  ],
  [
    'a signature cut within a base64 group',
    401,
    'signatureMalformed',
    () => {
      const { data, signature } = newBatch();
      return signedBy(data, signature.slice(0, 101));
    },
  ],
  [
    'a signature with a letter outside base64',
    401,
    'signatureMalformed',
    () => {
      const { data, signature } = newBatch();
      return signedBy(data, `*${signature.slice(1)}`);
    },
  ],
  [
    'a signature of zeros',
    401,
    'signatureWrong',
    () => signedBy(newBatch().data, Buffer.alloc(256).toString('base64')),
  ],
  [
    'the signature in a header instead of the field',
    401,
    'signatureMissing',
    () => {
      const { data, signature } = newBatch();
      return withHeaders(form(['data', data]), { 'x-signed': signature });
    },
  ],
  ['no signature', 401, 'signatureMissing', () => form(['data', newBatch().data])],
  [
    'no signature, but the right token',
    401,
    'signatureMissing',
    () => ({ ...form(['data', newBatch().data]), path: `${CALLBACKS}/${TOKEN}` }),
  ],
  [
    'a wrong token in the URL',
    401,
    'tokenWrong',
    () => ({ ...newBatch().request, path: `${CALLBACKS}/token-in-the-urk` }),
  ],
  [
    'a wrong HMAC of the body beside the right signature',
    401,
    'signatureWrong',
    () => headered({ 'x-hmac-sha256': hmac('another', newBatch().request.body) }),
  ],
  [
    'a wrong RSA signature of the body beside the right signature',
    401,
    'signatureWrong',
    () => headered({ 'x-signed-sha256': signer.signature('sha256', Buffer.from('x')) }),
  ],
  ['no data', 400, 'fieldMissing', () => form(['signed', newBatch().signature])],
  [
    'the data twice',
    400,
    'fieldRepeated',
    () => {
      const { data, signature } = newBatch();
      return form(['data', data], ['data', data], ['signed', signature]);
    },
  ],
  [
    'the signature twice',
    400,
    'fieldRepeated',
    () => {
      const { data, signature } = newBatch();
      return form(['data', data], ['signed', signature], ['signed', signature]);
    },
  ],
  [
    'the data under a nested name',
    400,
    'fieldMissing',
    () => {
      const { data, signature } = newBatch();
      return form(['data[]', data], ['signed', signature]);
    },
  ],
  [
    'the data under a name of another case',
    400,
    'fieldMissing',
    () => {
      const { data, signature } = newBatch();
      return form(['Data', data], ['signed', signature]);
    },
  ],
  [
    'json_signed beside the data',
    400,
    'ambiguous',
    () => {
      const { data, signature } = newBatch();
      return form(['data', data], ['signed', signature], ['json_signed', '{}']);
    },
  ],
  [
    'a percent sign that escapes nothing',
    400,
    'formMalformed',
    () => {
      const { request } = newBatch();
      return { ...request, body: Buffer.concat([request.body, Buffer.from('%zz')]) };
    },
  ],
  ['an empty form', 400, 'unknownFormat', () => formRequest('')],
  ['a form of other fields', 400, 'unknownFormat', () => form(['hello', 'world'])],
  ['a form of nothing but separators', 400, 'formMalformed', () => formRequest('&'.repeat(2000))],
  [
    'multipart',
    415,
    'unsupportedType',
    () => headered({ 'content-type': 'multipart/form-data; boundary=x' }),
  ],
  [
    'the content type of plain text',
    415,
    'unsupportedType',
    () => headered({ 'content-type': 'text/plain' }),
  ],
  [
    'the content type twice',
    415,
    'unsupportedType',
    () => headered({ 'content-type': [FORM, 'application/json'] }),
  ],
  ['X-Signed twice', 401, 'signatureRepeated', () => headered({ 'x-signed': ['AAAA', 'AAAA'] })],
  [
    'more entries than are read at once',
    413,
    'tooManyEntries',
    () => batchRequest(signer, `[${'0,'.repeat(200_000)}0]`),
  ],
  ['no content type', 415, 'unsupportedType', () => ({ ...newBatch().request, headers: {} })],
  [
    'the content type of JSON',
    401,
    'signatureMissing',
    () => headered({ 'content-type': 'application/json' }),
  ],
  [
    'a charset of latin-1',
    415,
    'unsupportedCharset',
    () => headered({ 'content-type': `${FORM}; charset=iso-8859-1` }),
  ],
  ['gzip', 415, 'unsupportedEncoding', () => headered({ 'content-encoding': 'gzip' })],
];

for (const [name, status, reason, bend] of bent) {
  test(`a batch with ${name} is refused`, async () => {
    const before = webhook.stored.length;
    const answer = await webhook.send(bend());
    assert.deepEqual([answer.status, answer.json['error']], [status, reason]);
    assert.match(String(answer.json['message']), /^[^\n]{10,200}$/);
    assert.equal(webhook.stored.length, before);
  });
}

const malformed: [name: string, data: Buffer | string, reason: string][] = [
  ['is not JSON', '[{"name":', 'jsonMalformed'],
  ['is an object', '{"name":"status"}', 'jsonMalformed'],
  ['is a number', '7', 'jsonMalformed'],
  ['is empty', '', 'jsonMalformed'],
  ['is not UTF-8', Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d]), 'fieldMalformed'],
];
for (const [name, data, reason] of malformed) {
  test(`a signed batch that ${name} is refused as malformed`, async () => {
    const before = webhook.stored.length;
    const answer = await webhook.send(batchRequest(signer, data));
    assert.deepEqual([answer.status, answer.json['error']], [400, reason]);
    assert.equal(webhook.stored.length, before);
  });
}

test('without any certificate, a batch is refused even if everything else is configured', async () => {
  const keyless = await startTestWebhook({
    trust: { publicKeys: [], hmacSecrets: [SECRET], tokens: [TOKEN] },
  });
  try {
    const answer = await keyless.send(newBatch().request);
    assert.deepEqual([answer.status, answer.json['error']], [401, 'noKey']);
    assert.equal(keyless.stored.length, 0);
  } finally {
    await keyless.close();
  }
});
