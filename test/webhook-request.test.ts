import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { UnavailableError } from '../webhook/errors.js';
import { startTestWebhook, type TestWebhook } from './support/webhook-harness.js';
import {
  batchRequest,
  CALLBACKS,
  createTestSigner,
  documentEvent,
  entry,
  FORM,
  formRequest,
  hintRequest,
  jsonRequest,
  type TestRequest,
} from './support/webhook-signing.js';

const signer = createTestSigner();
const TOKEN = 'a-token-that-must-stay-secret';
const trust = { publicKeys: [signer.publicKey], hmacSecrets: ['a-secret'], tokens: [TOKEN] };
const LIMIT_BYTES = 200_000;

let webhook: TestWebhook;
before(async () => {
  webhook = await startTestWebhook({ trust, bodyLimitBytes: LIMIT_BYTES });
});
after(() => webhook.close());

function newBatch(entries = 1): TestRequest {
  const list = Array.from({ length: entries }, () => entry('document', randomUUID(), '30'));
  return batchRequest(signer, JSON.stringify(list));
}

/** Sends bytes as they are, ends, and reads to the end. */
async function exchange(port: number, ...pieces: (string | Buffer)[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'connect');
  for (const piece of pieces) socket.write(piece);
  // A client that says no more is one that has gone: Node's server does not answer it any more.
  if (!pieces.some((piece) => piece.includes('Connection: close'))) socket.end();
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}

test('a client that sends 50 MB sees that it is too large', async () => {
  const before = webhook.stored.length;
  const answer = await webhook.send(formRequest(Buffer.alloc(50 * 1024 * 1024, 'a')));
  assert.deepEqual([answer.status, answer.json['error']], [413, 'tooLarge']);
  assert.equal(answer.headers.connection, 'close');
  assert.equal(webhook.stored.length, before);
});

test('a client that reads nothing before all 50 MB are sent sees the same', async () => {
  const { body } = formRequest(Buffer.alloc(50 * 1024 * 1024, 'a'));
  const head =
    `POST ${CALLBACKS} HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM}\r\n` +
    `Content-Length: ${body.length}\r\n\r\n`;
  const socket = connect(webhook.port, '127.0.0.1').pause();
  await once(socket, 'connect');
  socket.write(head);
  await new Promise<void>((resolve, reject) => {
    socket.write(body, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk)).resume();
  await once(socket, 'close');
  const answer = Buffer.concat(chunks).toString();
  assert.match(answer, /^HTTP\/1\.1 413 [^]*\r\nConnection: close\r\n/);
});

test('a body that says no length is cut off at the limit too', async () => {
  const { headers, body } = formRequest(Buffer.alloc(LIMIT_BYTES + 1, 'a'));
  const chunked = { ...headers, 'transfer-encoding': 'chunked' };
  const answer = await webhook.send({ path: CALLBACKS, headers: chunked, body });
  assert.deepEqual([answer.status, answer.json['error']], [413, 'tooLarge']);
});

test('a body of exactly the limit is read', async () => {
  const answer = await webhook.send(formRequest(Buffer.alloc(LIMIT_BYTES, 'a')));
  assert.deepEqual([answer.status, answer.json['error']], [400, 'unknownFormat']);
});

test('a signed batch that says no length is taken', async () => {
  const request = newBatch();
  const headers = { ...request.headers, 'transfer-encoding': 'chunked' };
  assert.equal((await webhook.send({ ...request, headers })).status, 200);
});

test('a large refused body of another type is read to its end, so that the client sees 415', async () => {
  const { body } = formRequest(Buffer.alloc(5 * 1024 * 1024, 'a'));
  const headers = { 'content-type': 'text/plain' };
  assert.equal((await webhook.send({ path: CALLBACKS, headers, body })).status, 415);
});

test('a body that breaks off is not stored, and the next request is served', async () => {
  const { body } = newBatch();
  const before = webhook.stored.length;
  const head =
    `POST ${CALLBACKS} HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM}\r\n` +
    `Content-Length: ${body.length + 10}\r\n\r\n`;
  await exchange(webhook.port, head, body);
  assert.equal(webhook.stored.length, before);
  assert.equal((await webhook.send(newBatch())).status, 200);
});

test('a connection reset in the middle of a body does no harm', async () => {
  const before = webhook.stored.length;
  const socket = connect(webhook.port, '127.0.0.1');
  await once(socket, 'connect');
  const head = `POST ${CALLBACKS} HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM}\r\n`;
  await new Promise((resolve) => socket.write(`${head}Content-Length: 1000\r\n\r\ndata=`, resolve));
  socket.resetAndDestroy();
  await once(socket, 'close');
  assert.equal((await webhook.send(newBatch())).status, 200);
  assert.equal(webhook.stored.length, before + 1);
});

test('several callbacks on one connection are answered one after the other', async () => {
  const [first, second] = [newBatch(), newBatch()];
  const bytes = [first, second].map(({ body }, index) =>
    Buffer.concat([
      Buffer.from(
        `POST ${CALLBACKS} HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM}\r\n` +
          `Content-Length: ${body.length}\r\n${index === 1 ? 'Connection: close\r\n' : ''}\r\n`,
      ),
      body,
    ]),
  );
  const answers = await exchange(webhook.port, ...bytes);
  assert.equal(answers.match(/HTTP\/1\.1 200 OK/g)?.length, 2);
});

test('a batch that really is compressed is refused before it is read', async () => {
  const { body, headers } = newBatch();
  const answer = await webhook.send({
    path: CALLBACKS,
    headers: { ...headers, 'content-encoding': 'gzip' },
    body: gzipSync(body),
  });
  assert.deepEqual([answer.status, answer.json['error']], [415, 'unsupportedEncoding']);
});

test('an identity encoding is no encoding', async () => {
  const request = newBatch();
  const headers = { ...request.headers, 'content-encoding': 'identity' };
  assert.equal((await webhook.send({ ...request, headers })).status, 200);
});

const wrongRoutes: [method: string, path: string, status: number][] = [
  ['GET', CALLBACKS, 405],
  ['PUT', CALLBACKS, 405],
  ['PROPFIND', CALLBACKS, 405],
  ['OPTIONS', CALLBACKS, 405],
  ['OPTIONS', '/metrics', 405],
  ['OPTIONS', '/nothing', 404],
  ['POST', '/health/live', 405],
  ['POST', '/', 404],
  ['POST', '/callbacks', 404],
  ['POST', `${CALLBACKS}/a/b`, 404],
  ['GET', '/nothing', 404],
];
for (const [method, path, status] of wrongRoutes) {
  test(`${method} ${path} is answered ${status}`, async () => {
    const before = webhook.stored.length;
    const { headers, body } = newBatch();
    const sent = ['GET', 'OPTIONS'].includes(method) ? Buffer.alloc(0) : body;
    const answer = await webhook.send({ method, path, headers, body: sent });
    assert.equal(answer.status, status);
    assert.ok(answer.json['error']);
    assert.equal(answer.headers.allow !== undefined, status === 405);
    assert.equal(webhook.stored.length, before);
  });
}

for (const name of ['__proto__', 'constructor', 'hasOwnProperty']) {
  test(`a header named ${name} does a batch no harm`, async () => {
    const request = newBatch();
    const headers = { ...request.headers, [name]: ['one', 'two'] };
    assert.equal((await webhook.send({ ...request, headers })).status, 200);
  });
}

for (const protocol of ['websocket', 'h2c']) {
  test(`a batch that offers an upgrade to ${protocol} is answered like any other`, async () => {
    const request = newBatch();
    const headers = { ...request.headers, connection: 'Upgrade', upgrade: protocol };
    const answer = await webhook.send({ ...request, headers });
    assert.deepEqual([answer.status, answer.json], [200, { result: 'stored' }]);
  });
}

test('while Temporal is away, every format is answered 503 with Retry-After, and stored once it is back', async () => {
  let away = true;
  const wavering = await startTestWebhook({
    trust,
    store: () =>
      away ? Promise.reject(new UnavailableError(new Error('away'))) : Promise.resolve('stored'),
  });
  const body = Buffer.from(JSON.stringify(documentEvent(randomUUID())));
  const event = jsonRequest(body, { 'x-signed-sha256': signer.signature('sha256', body) });
  const requests = [newBatch(), event, hintRequest(randomUUID(), TOKEN)];
  try {
    for (const request of requests) {
      const answer = await wavering.send(request);
      assert.deepEqual([answer.status, answer.json['error']], [503, 'unavailable']);
      assert.match(String(answer.headers['retry-after']), /^[1-9]\d*$/);
    }
    away = false;
    for (const request of requests) {
      const answer = await wavering.send(request);
      assert.deepEqual([answer.status, answer.json], [200, { result: 'stored' }]);
    }
  } finally {
    await wavering.close();
  }
});

test('an error nobody foresaw is a 500 that tells the log, and not the sender, what it was', async () => {
  const broken = await startTestWebhook({
    trust,
    store: () => Promise.reject(new TypeError('deep inside')),
  });
  try {
    const answer = await broken.send(newBatch());
    assert.deepEqual([answer.status, answer.json['error']], [500, 'internal']);
    assert.ok(!answer.text.includes('deep inside'));
    assert.ok(broken.log.some((line) => line.includes('deep inside')));
  } finally {
    await broken.close();
  }
});

test('the webhook is live', async () => {
  const answer = await webhook.send(get('/health/live'));
  assert.deepEqual([answer.status, answer.json], [200, { status: 'live' }]);
});

test('the webhook is ready while Temporal answers, says why when not, and asks once a second', async () => {
  let time = Date.now();
  let asked = 0;
  let state: { ok: boolean; reason?: string } | Error = { ok: true };
  const probed = await startTestWebhook({
    trust,
    now: () => time,
    ready: () => {
      asked += 1;
      return state instanceof Error ? Promise.reject(state) : Promise.resolve(state);
    },
  });
  try {
    assert.equal((await probed.send(get('/health/ready'))).status, 200);
    state = { ok: false, reason: 'Temporal does not answer' };
    assert.equal((await probed.send(get('/health/ready'))).status, 200);
    assert.equal(asked, 1);
    time += 1000;
    const answer = await probed.send(get('/health/ready'));
    assert.equal(answer.status, 503);
    assert.deepEqual(answer.json, { status: 'notReady', reason: 'Temporal does not answer' });
    state = new Error('no route');
    time += 1000;
    assert.equal((await probed.send(get('/health/ready'))).json['reason'], 'the check failed');
    assert.ok(probed.log.some((line) => line.includes('no route')));
  } finally {
    await probed.close();
  }
});

test('metrics count formats, results, refusals and entries', async () => {
  const counted = await startTestWebhook({ trust });
  try {
    const request = newBatch(3);
    await counted.send(request);
    await counted.send(request);
    await counted.send(hintRequest(randomUUID(), TOKEN));
    await counted.send(hintRequest(randomUUID()));
    const list = [{ name: 'colour' }, entry('document', randomUUID(), '77')];
    await counted.send(batchRequest(signer, JSON.stringify(list)));
    const { text, headers } = await counted.send(get('/metrics'));
    assert.match(String(headers['content-type']), /^text\/plain/);
    for (const line of [
      'countersign_callbacks_total{format="batch",result="stored"} 2',
      'countersign_callbacks_total{format="batch",result="duplicate"} 1',
      'countersign_callbacks_total{format="hint",result="stored"} 1',
      'countersign_callbacks_refused_total{reason="signatureMissing"} 1',
      'countersign_callback_entries_total{kind="change"} 4',
      'countersign_callback_entries_total{kind="unknownStatus"} 1',
      'countersign_callback_entries_total{kind="setAside"} 1',
      'countersign_callbacks_in_flight 0',
      'countersign_callback_seconds_count 5',
    ]) {
      assert.ok(text.includes(line), line);
    }
  } finally {
    await counted.close();
  }
});

test('the log has IDs and counts, but no token, name or e-mail address', async () => {
  const watched = await startTestWebhook({ trust });
  try {
    const documentId = randomUUID();
    const body = Buffer.from(JSON.stringify(documentEvent(documentId)));
    const signature = signer.signature('sha256', body);
    await watched.send(jsonRequest(body, { 'x-signed-sha256': signature }));
    await watched.send(jsonRequest(`${body.toString()} `, { 'x-signed-sha256': signature }));
    await watched.send(hintRequest(documentId, TOKEN));
    await watched.send(hintRequest(documentId, `${TOKEN}x`));
    const log = watched.log.join('');
    assert.equal(watched.log.length, 4);
    assert.ok(log.includes(documentId));
    assert.ok(log.includes('"reason":"tokenWrong"'));
    for (const secret of [TOKEN, 'Jane', '@', signature]) assert.ok(!log.includes(secret), secret);
  } finally {
    await watched.close();
  }
});

function get(path: string): TestRequest {
  return { method: 'GET', path, headers: {}, body: Buffer.alloc(0) };
}
