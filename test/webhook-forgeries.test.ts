/** Each forgery bends one thing of a request that would be taken. All aim at one document. */
import assert from 'node:assert/strict';
import { constants, createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Client, Connection } from '@temporalio/client';
import { pino } from 'pino';
import { readConfiguration } from '../webhook/configuration.js';
import type { RefusalReason } from '../webhook/errors.js';
import { startWebhook, type RunningWebhook } from '../webhook/main.js';
import { ensureSearchAttributes } from '../worker/namespace.js';
import { callbackWorkflowId, documentWorkflowId, WORKFLOW_TYPES } from '../workflows/contract.js';
import type { CallbackDeliveryInput } from '../workflows/contract.js';
import { startTestServer, type TestServer } from './support/temporal.js';
import { until } from './support/until.js';
import { sendTo, type Answer } from './support/webhook-harness.js';
import {
  batchRequest,
  CALLBACKS,
  createTestSigner,
  documentEvent,
  encodeForm,
  entry,
  FORM,
  formRequest,
  hintRequest,
  hmac,
  jsonRequest,
  noticeRequest,
  type TestRequest,
} from './support/webhook-signing.js';
import { inputOf } from './support/workflow-input.js';

const TOKEN = 'a-token-of-this-url';
const SECRET = 'a secret shared with the provider';
const DOCUMENT = randomUUID();

const provider = generateKeyPairSync('rsa', { modulusLength: 2048 });
const PEM = provider.publicKey.export({ type: 'spki', format: 'pem' }) as string;
const DER = provider.publicKey.export({ type: 'spki', format: 'der' }).toString('latin1');
const stranger = createTestSigner();
const signer = {
  publicKey: provider.publicKey,
  signature: (digest: 'sha1' | 'sha256', bytes: Buffer): string =>
    sign(digest, bytes, provider.privateKey).toString('base64'),
};

let server: TestServer;
let connection: Connection;
let client: Client;
let webhook: RunningWebhook;

before(async () => {
  server = await startTestServer();
  connection = await Connection.connect({ address: server.address });
  await ensureSearchAttributes(connection, 'default');
  client = new Client({ connection });
  const trust = { publicKeys: [signer.publicKey], hmacSecrets: [SECRET], tokens: [TOKEN] };
  const environment = { WEBHOOK_TOKENS: TOKEN, WEBHOOK_PORT: '0', WEBHOOK_SPOOL: 'off' };
  const configuration = { ...readConfiguration(environment), trust };
  webhook = await startWebhook(configuration, { client, logger: pino({ level: 'silent' }) });
  // No worker: the document's history shows whatever reaches it, and nothing else.
  await client.workflow.start(WORKFLOW_TYPES.documentSigning, {
    workflowId: documentWorkflowId(DOCUMENT),
    taskQueue: configuration.taskQueue,
    args: [{ documentId: DOCUMENT }],
  });
});

after(async () => {
  await webhook.close();
  await connection.close();
  await server.stop();
});

function send(request: TestRequest): Promise<Answer> {
  return sendTo(Number(new URL(webhook.url).port), request);
}

async function refusedFor(reason: RefusalReason): Promise<number> {
  const { text } = await send({ method: 'GET', path: '/metrics', headers: {}, body: NOTHING });
  const line = new RegExp(`refused_total\\{reason="${reason}"\\} (\\d+)`).exec(text);
  return Number(line?.[1] ?? 0);
}

const NOTHING = Buffer.alloc(0);

/** Fresh bytes each time, so that no forgery passes for a repetition of another. */
function batchData(timestamp?: string): Buffer {
  return Buffer.from(
    JSON.stringify([
      entry('document', DOCUMENT, '50', timestamp),
      entry('signer', randomUUID(), '60', timestamp),
    ]),
  );
}

function rsa(bytes: Buffer, digest: 'sha1' | 'sha256' = 'sha1'): Buffer {
  return sign(digest, bytes, provider.privateKey);
}

function batch(data: Buffer, signature: Buffer | string): TestRequest {
  const text = typeof signature === 'string' ? signature : signature.toString('base64');
  return formRequest(
    encodeForm([
      ['data', data],
      ['signed', text],
    ]),
  );
}

/** A batch whose signature is made from its data. */
function bentBatch(signature: (data: Buffer) => Buffer | string): TestRequest {
  const data = batchData();
  return batch(data, signature(data));
}

/** A batch whose data is changed after it was signed. */
function changedBatch(change: (data: string) => string): TestRequest {
  const data = batchData();
  const changed = Buffer.from(change(data.toString()));
  assert.notDeepEqual(changed, data);
  return batch(changed, rsa(data));
}

function noticeJson(): Buffer {
  return Buffer.from(
    JSON.stringify({ resource_uri: `/api/v1/document/${DOCUMENT}/`, uuid: DOCUMENT }),
  );
}

function notice(headers: (json: Buffer) => TestRequest['headers']): TestRequest {
  const json = noticeJson();
  const request = formRequest(encodeForm([['json_signed', json]]));
  return { ...request, headers: { ...request.headers, ...headers(json) } };
}

function eventBody(): Buffer {
  return Buffer.from(JSON.stringify(documentEvent(DOCUMENT, 'document.rejected')));
}

function realtime(headers: (body: Buffer) => TestRequest['headers']): TestRequest {
  const body = eventBody();
  return jsonRequest(body, headers(body));
}

const RSA = 'x-signed-sha256';
const HMAC = 'x-hmac-sha256';

type Forgery = readonly [string, number, RefusalReason, () => TestRequest];

const BATCHES: readonly Forgery[] = [
  ["a stranger's key", 401, 'signatureWrong', () => batchRequest(stranger, batchData())],
  ['SHA-256', 401, 'signatureWrong', () => bentBatch((data) => rsa(data, 'sha256'))],
  [
    'RSA-PSS',
    401,
    'signatureWrong',
    () =>
      bentBatch((data) =>
        sign('sha1', data, { key: provider.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING }),
      ),
  ],
  [
    "the digest's signature",
    401,
    'signatureWrong',
    () => bentBatch((data) => rsa(createHash('sha1').update(data).digest())),
  ],
  ["another batch's signature", 401, 'signatureWrong', () => bentBatch(() => rsa(batchData()))],
  ["a notice's signature", 401, 'signatureWrong', () => bentBatch(() => rsa(noticeJson()))],
  [
    "the whole body's signature",
    401,
    'signatureWrong',
    () => bentBatch((data) => rsa(encodeForm([['data', data]]))),
  ],
  [
    'a signature cut by a byte',
    401,
    'signatureWrong',
    () => bentBatch((data) => rsa(data).subarray(0, -1)),
  ],
  [
    'a signature of a byte more',
    401,
    'signatureWrong',
    () => bentBatch((data) => Buffer.concat([rsa(data), Buffer.from([0])])),
  ],
  [
    'a signature with a leading zero',
    401,
    'signatureWrong',
    () => bentBatch((data) => Buffer.concat([Buffer.from([0]), rsa(data)])),
  ],
  ['zeros for a signature', 401, 'signatureWrong', () => bentBatch(() => Buffer.alloc(256))],
  ['an empty signature', 401, 'signatureMalformed', () => bentBatch(() => '')],
  [
    'a NUL after its signature',
    401,
    'signatureMalformed',
    () => bentBatch((data) => `${rsa(data).toString('base64')}\0`),
  ],
  [
    'its signature before 4 kB of line feeds',
    401,
    'signatureMalformed',
    () => bentBatch((data) => `${rsa(data).toString('base64')}${'\n'.repeat(4096)}`),
  ],
  [
    'base64url for base64',
    401,
    'signatureMalformed',
    () => bentBatch((data) => `-_${rsa(data).toString('base64url').slice(2)}`),
  ],
  [
    'full-width letters for base64',
    401,
    'signatureMalformed',
    () => bentBatch((data) => rsa(data).toString('base64').replace(/[A-Z]/, 'Ａ')),
  ],
  [
    "an HMAC keyed with the certificate's public key",
    401,
    'signatureWrong',
    () => bentBatch((data) => hmac(PEM, data, 'base64')),
  ],
  [
    'an HMAC by the secret where RSA belongs',
    401,
    'signatureWrong',
    () => bentBatch((data) => hmac(SECRET, data, 'base64')),
  ],
  [
    'no signature, but an HMAC of the body by the right secret',
    401,
    'signatureMissing',
    () => {
      const body = encodeForm([['data', batchData()]]);
      return {
        ...formRequest(body),
        headers: { 'content-type': FORM, [HMAC]: hmac(SECRET, body) },
      };
    },
  ],
  [
    'its signature in X-Signed',
    401,
    'signatureMissing',
    () => {
      const data = batchData();
      const request = formRequest(encodeForm([['data', data]]));
      const headers = { ...request.headers, 'x-signed': rsa(data).toString('base64') };
      return { ...request, headers };
    },
  ],
  [
    'its signature twice',
    400,
    'fieldRepeated',
    () => {
      const data = batchData();
      const signed = rsa(data).toString('base64');
      return formRequest(
        encodeForm([
          ['data', data],
          ['signed', 'AAAA'],
          ['signed', signed],
        ]),
      );
    },
  ],
  [
    'other data before what is signed',
    400,
    'fieldRepeated',
    () => {
      const data = batchData();
      return formRequest(
        Buffer.concat([
          encodeForm([['data', batchData()]]),
          Buffer.from('&'),
          batch(data, rsa(data)).body,
        ]),
      );
    },
  ],
  [
    'other data under an escaped name',
    400,
    'fieldRepeated',
    () => {
      const data = batchData();
      return formRequest(Buffer.concat([batch(data, rsa(data)).body, Buffer.from('&%64ata=[]')]));
    },
  ],
  [
    'data under a name that only looks the same',
    400,
    'fieldMissing',
    () => {
      const data = batchData();
      const { body } = batch(data, rsa(data));
      return formRequest(Buffer.concat([Buffer.from('d%D0%B0'), body.subarray(2)]));
    },
  ],
  [
    'another status',
    401,
    'signatureWrong',
    () => changedBatch((data) => data.replace('"50"', '"30"')),
  ],
  [
    'another document',
    401,
    'signatureWrong',
    () => changedBatch((data) => data.replace(DOCUMENT, randomUUID())),
  ],
  [
    'a younger time stamp',
    401,
    'signatureWrong',
    () => changedBatch((data) => data.replace(/\d\d"/, '99"')),
  ],
  [
    'an entry more',
    401,
    'signatureWrong',
    () =>
      changedBatch(
        (data) => `${data.slice(0, -1)},${JSON.stringify(entry('document', DOCUMENT, '30'))}]`,
      ),
  ],
  ['a space more', 401, 'signatureWrong', () => changedBatch((data) => `${data} `)],
  [
    'a letter that only looks the same',
    401,
    'signatureWrong',
    () => changedBatch((data) => data.replace('status', 'stаtus')),
  ],
  [
    'the fields in the query',
    400,
    'unknownFormat',
    () => {
      const data = batchData();
      return formRequest('', `${CALLBACKS}?${batch(data, rsa(data)).body.toString()}`);
    },
  ],
  [
    'a notice in the same form',
    400,
    'ambiguous',
    () => {
      const data = batchData();
      const more = encodeForm([['json_signed', noticeJson()]]);
      return formRequest(Buffer.concat([batch(data, rsa(data)).body, Buffer.from('&'), more]));
    },
  ],
  [
    'a wrong HMAC beside its signature',
    401,
    'signatureWrong',
    () => {
      const request = batchRequest(signer, batchData());
      return { ...request, headers: { ...request.headers, [HMAC]: hmac(PEM, request.body) } };
    },
  ],
  [
    "another callback URL's token",
    401,
    'tokenWrong',
    () => ({ ...batchRequest(signer, batchData()), path: `${CALLBACKS}/a-token-of-another` }),
  ],
  [
    'another path',
    404,
    'notFound',
    () => ({ ...batchRequest(signer, batchData()), path: '/callbacks/another' }),
  ],
  [
    'another method',
    405,
    'methodNotAllowed',
    () => ({ ...batchRequest(signer, batchData()), method: 'PUT' }),
  ],
  [
    'the content type of another format',
    401,
    'signatureMissing',
    () => ({
      ...batchRequest(signer, batchData()),
      headers: { 'content-type': 'application/json' },
    }),
  ],
  [
    'two content types',
    415,
    'unsupportedType',
    () => ({ ...batchRequest(signer, batchData()), headers: { 'content-type': [FORM, FORM] } }),
  ],
];

const NOTICES: readonly Forgery[] = [
  ["a stranger's key", 401, 'signatureWrong', () => noticeRequest(stranger, noticeJson())],
  [
    'SHA-256',
    401,
    'signatureWrong',
    () => notice((json) => ({ 'x-signed': rsa(json, 'sha256').toString('base64') })),
  ],
  [
    "another field's signature",
    401,
    'signatureWrong',
    () => notice(() => ({ 'x-signed': rsa(Buffer.from(DOCUMENT)).toString('base64') })),
  ],
  [
    "an HMAC keyed with the certificate's public key",
    401,
    'signatureWrong',
    () => notice((json) => ({ 'x-signed': hmac(PEM, json, 'base64') })),
  ],
  ['an empty signature', 401, 'signatureMalformed', () => notice(() => ({ 'x-signed': '' }))],
  [
    'zeros for a signature, 3 kB of them',
    401,
    'signatureMalformed',
    () => notice(() => ({ 'x-signed': Buffer.alloc(3100).toString('base64') })),
  ],
  [
    'half a signature',
    401,
    'signatureWrong',
    () => notice((json) => ({ 'x-signed': rsa(json).subarray(0, 128).toString('base64') })),
  ],
  [
    'two signatures, the second right',
    401,
    'signatureRepeated',
    () => notice((json) => ({ 'x-signed': ['AAAA', rsa(json).toString('base64')] })),
  ],
  [
    'its signature under a name with an underscore',
    401,
    'signatureMissing',
    () => notice((json) => ({ x_signed: rsa(json).toString('base64') })),
  ],
  [
    'its signature in the form',
    401,
    'signatureMissing',
    () => {
      const json = noticeJson();
      const fields = [
        ['json_signed', json],
        ['x-signed', rsa(json).toString('base64')],
      ] as const;
      return formRequest(encodeForm(fields));
    },
  ],
  [
    'its signature in the header of another format',
    401,
    'signatureWrong',
    () => notice((json) => ({ [RSA]: rsa(json, 'sha256').toString('base64') })),
  ],
  ['a batch for content', 400, 'fieldMissing', () => noticeRequest(signer, batchData())],
  ['no proof at all', 401, 'signatureMissing', () => hintRequest(DOCUMENT)],
  ['half a token', 401, 'tokenWrong', () => hintRequest(DOCUMENT, TOKEN.slice(0, -1))],
  ['a token and a space', 401, 'tokenWrong', () => hintRequest(DOCUMENT, `${TOKEN}%20`)],
  ['a token and a NUL', 401, 'tokenWrong', () => hintRequest(DOCUMENT, `${TOKEN}%00`)],
  ['a token in capitals', 401, 'tokenWrong', () => hintRequest(DOCUMENT, TOKEN.toUpperCase())],
  [
    'a token with a letter that only looks the same',
    401,
    'tokenWrong',
    () => hintRequest(DOCUMENT, encodeURIComponent(TOKEN.replace('o', 'о'))),
  ],
  [
    'the token in the query',
    401,
    'signatureMissing',
    () => ({ ...hintRequest(DOCUMENT), path: `${CALLBACKS}?token=${TOKEN}` }),
  ],
  [
    'the token as a bearer',
    401,
    'signatureMissing',
    () => {
      const request = hintRequest(DOCUMENT);
      return { ...request, headers: { ...request.headers, authorization: `Bearer ${TOKEN}` } };
    },
  ],
  [
    'the token in the form',
    401,
    'signatureMissing',
    () => {
      const { body } = hintRequest(DOCUMENT);
      return formRequest(Buffer.concat([body, Buffer.from(`&token=${TOKEN}`)]));
    },
  ],
  [
    'the token below another path',
    404,
    'notFound',
    () => ({ ...hintRequest(DOCUMENT), path: `/callbacks/another/${TOKEN}` }),
  ],
];

const EVENTS: readonly Forgery[] = [
  [
    "a stranger's key",
    401,
    'signatureWrong',
    () => realtime((body) => ({ [RSA]: stranger.signature('sha256', body) })),
  ],
  [
    'SHA-1',
    401,
    'signatureWrong',
    () => realtime((body) => ({ [RSA]: rsa(body).toString('base64') })),
  ],
  [
    "an HMAC keyed with the certificate's public key in PEM",
    401,
    'signatureWrong',
    () => realtime((body) => ({ [HMAC]: hmac(PEM, body) })),
  ],
  [
    "an HMAC keyed with the certificate's public key in DER",
    401,
    'signatureWrong',
    () => realtime((body) => ({ [HMAC]: hmac(DER, body) })),
  ],
  [
    'an HMAC without a key',
    401,
    'signatureWrong',
    () => realtime((body) => ({ [HMAC]: hmac('', body) })),
  ],
  [
    'an HMAC by a secret with a line feed',
    401,
    'signatureWrong',
    () => realtime((body) => ({ [HMAC]: hmac(`${SECRET}\n`, body) })),
  ],
  [
    'the digest of the body for an HMAC',
    401,
    'signatureWrong',
    () => realtime((body) => ({ [HMAC]: createHash('sha256').update(body).digest('hex') })),
  ],
  [
    'half an HMAC',
    401,
    'signatureWrong',
    () => realtime((body) => ({ [HMAC]: hmac(SECRET, body).slice(0, 32) })),
  ],
  [
    'zeros for an HMAC, 3 kB of them',
    401,
    'signatureMalformed',
    () => realtime(() => ({ [HMAC]: Buffer.alloc(3100).toString('hex') })),
  ],
  [
    'zeros for a signature, 3 kB of them',
    401,
    'signatureMalformed',
    () => realtime(() => ({ [RSA]: Buffer.alloc(3100).toString('base64') })),
  ],
  ['an empty HMAC', 401, 'signatureMalformed', () => realtime(() => ({ [HMAC]: '' }))],
  [
    'an HMAC with its algorithm before it',
    401,
    'signatureMalformed',
    () => realtime((body) => ({ [HMAC]: `sha256=${hmac(SECRET, body)}` })),
  ],
  [
    "an HMAC where the certificate's signature belongs",
    401,
    'signatureWrong',
    () => realtime((body) => ({ [RSA]: hmac(SECRET, body) })),
  ],
  [
    "the certificate's signature where an HMAC belongs",
    401,
    'signatureWrong',
    () => realtime((body) => ({ [HMAC]: rsa(body, 'sha256').toString('base64') })),
  ],
  [
    'a right HMAC and a wrong signature',
    401,
    'signatureWrong',
    () =>
      realtime((body) => ({
        [HMAC]: hmac(SECRET, body),
        [RSA]: stranger.signature('sha256', body),
      })),
  ],
  [
    'a right signature and a wrong HMAC',
    401,
    'signatureWrong',
    () =>
      realtime((body) => ({
        [RSA]: signer.signature('sha256', body),
        [HMAC]: hmac('another secret of theirs', body),
      })),
  ],
  [
    'its HMAC twice',
    401,
    'signatureRepeated',
    () => realtime((body) => ({ [HMAC]: [hmac(SECRET, body), hmac(SECRET, body)] })),
  ],
  [
    'the signature of another format',
    401,
    'signatureMissing',
    () => realtime((body) => ({ 'x-signed': rsa(body).toString('base64') })),
  ],
  [
    'its HMAC in the query',
    401,
    'signatureMissing',
    () => {
      const request = realtime(() => ({}));
      return { ...request, path: `${CALLBACKS}?${HMAC}=${hmac(SECRET, request.body)}` };
    },
  ],
  [
    'a token for all proof',
    401,
    'signatureMissing',
    () => ({ ...realtime(() => ({})), path: `${CALLBACKS}/${TOKEN}` }),
  ],
  [
    'a byte order mark before what was signed',
    401,
    'signatureWrong',
    () => {
      const body = eventBody();
      const marked = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), body]);
      return jsonRequest(marked, { [HMAC]: hmac(SECRET, body) });
    },
  ],
  [
    'the same JSON written differently',
    401,
    'signatureWrong',
    () => {
      const body = eventBody();
      const pretty = JSON.stringify(JSON.parse(body.toString()), undefined, 2);
      return jsonRequest(pretty, { [HMAC]: hmac(SECRET, body) });
    },
  ],
  [
    'a second event key after what was signed',
    401,
    'signatureWrong',
    () => {
      const body = eventBody();
      const more = `${body.toString().slice(0, -1)},"event":"document.finalPdfCreated"}`;
      return jsonRequest(more, { [HMAC]: hmac(SECRET, body) });
    },
  ],
  [
    "another event's HMAC",
    401,
    'signatureWrong',
    () => realtime(() => ({ [HMAC]: hmac(SECRET, eventBody()) })),
  ],
  [
    'the content type of a form',
    400,
    'unknownFormat',
    () => {
      const body = eventBody();
      return {
        ...formRequest(body),
        headers: { 'content-type': FORM, [HMAC]: hmac(SECRET, body) },
      };
    },
  ],
  [
    'a compressed body',
    415,
    'unsupportedEncoding',
    () => realtime((body) => ({ [HMAC]: hmac(SECRET, body), 'content-encoding': 'br' })),
  ],
  [
    'another charset',
    415,
    'unsupportedCharset',
    () =>
      realtime((body) => ({
        [HMAC]: hmac(SECRET, body),
        'content-type': 'application/json; charset=utf-7',
      })),
  ],
];

for (const [kind, forgeries] of [
  ['a batch', BATCHES],
  ['a notice', NOTICES],
  ['an event', EVENTS],
] as const) {
  for (const [what, status, reason, build] of forgeries) {
    test(`${kind} with ${what} is refused and counted`, async () => {
      const counted = await refusedFor(reason);
      const answer = await send(build());
      assert.equal(answer.status, status, answer.text);
      assert.equal(answer.json['error'], reason);
      assert.doesNotMatch(answer.text, new RegExp(`${TOKEN}|${SECRET}|${DOCUMENT}`));
      assert.equal(await refusedFor(reason), counted + 1);
    });
  }
}

async function executions(): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { workflowId } of client.workflow.list()) found.push(workflowId);
  return found.sort();
}

async function signalsOfDocument(): Promise<number> {
  const { events = [] } = await client.workflow
    .getHandle(documentWorkflowId(DOCUMENT))
    .fetchHistory();
  return (events ?? []).filter((event) => event.workflowExecutionSignaledEventAttributes).length;
}

test('no forgery started or signalled a workflow; the same requests unbent do, and a stale one is held', async () => {
  assert.equal(await signalsOfDocument(), 0);
  const young = batchRequest(signer, batchData());
  const stale = batchRequest(signer, batchData('2020-01-01T00:00:00'));
  for (const [request, result] of [
    [young, 'stored'],
    [young, 'duplicate'],
    [stale, 'setAside'],
    [noticeRequest(signer, noticeJson()), 'stored'],
    [hintRequest(DOCUMENT, TOKEN), 'stored'],
    [realtime((body) => ({ [HMAC]: hmac(SECRET, body) })), 'stored'],
    [realtime((body) => ({ [RSA]: signer.signature('sha256', body) })), 'stored'],
  ] as const) {
    const { json, text } = await send(request);
    assert.equal(json['result'], result, text);
  }
  // Visibility follows a little later: these three, and whatever a forgery had started before them.
  const started = await until(async () => {
    const found = await executions();
    return found.length >= 3 ? found : undefined;
  }, 10_000);
  const callbacks = started.filter((workflowId) => workflowId.startsWith('callback:'));
  assert.deepEqual([started.length, callbacks.length], [3, 2], started.join());
  assert.equal(await signalsOfDocument(), 4);
  const [old, other] = await Promise.all(
    [stale, young].map((each) => inputOf<CallbackDeliveryInput>(client, callbackId(each))),
  );
  assert.match(old?.held ?? '', /older than/);
  assert.ok(other && other.held === undefined);
});

/** The callback's workflow, by what was signed. */
function callbackId({ body }: TestRequest): string {
  const data = Buffer.from(new URLSearchParams(body.toString()).get('data') ?? '');
  return callbackWorkflowId(createHash('sha256').update(data).digest('hex'));
}
