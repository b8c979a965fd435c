/** What strangers can do below HTTP's surface: broken bytes, stalled bodies, too many of them. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { RequestListener, Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import { closeServer, createHttpServer, listen } from '../webhook/http-server.js';
import { createMetrics } from '../webhook/metrics.js';
import { startTestWebhook, type Answer, type TestWebhook } from './support/webhook-harness.js';
import { CALLBACKS, FORM, formRequest, hintRequest } from './support/webhook-signing.js';

const TOKEN = 'a-token-that-must-stay-secret';
const trust = { publicKeys: [], hmacSecrets: [], tokens: [TOKEN] };
const HEAD = `POST ${CALLBACKS}/${TOKEN} HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM}\r\n`;

/** For what would otherwise be waited for without end if it does not come. */
const PATIENCE = { timeout: 30_000 };

let webhook: TestWebhook;
before(async () => {
  webhook = await startTestWebhook({ trust });
});
after(() => webhook.close());

/** Sends bytes as they are, and reads until the other side ends. */
async function exchange(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write(bytes);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}

function metricsOf(of: TestWebhook): Promise<Answer> {
  return of.send({ method: 'GET', path: '/metrics', headers: {}, body: Buffer.alloc(0) });
}

async function refusedAsBadHttp(of: TestWebhook): Promise<number> {
  const { text } = await metricsOf(of);
  return Number(/refused_total\{reason="badHttp"\} (\d+)/.exec(text)?.[1] ?? 0);
}

const BAD_CHUNK = `${HEAD}Transfer-Encoding: chunked\r\n\r\nZZ\r\nname=Jane+Doe\r\n`;
const badRequests: [name: string, status: number, bytes: string][] = [
  ['a bad chunk', 400, BAD_CHUNK],
  ['two lengths', 400, `${HEAD}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`],
  ['a NUL in a header', 400, `${HEAD}X: a\0b\r\n\r\n`],
  ['a header of 40 kB', 431, `${HEAD}X: ${'a'.repeat(40_000)}\r\n\r\n`],
  ['an unknown method', 501, `BREW ${CALLBACKS} HTTP/1.1\r\nHost: x\r\n\r\n`],
  ['no HTTP at all', 501, '\x16\x03\x01\x02\x00'],
  ...[
    `http://webhook${CALLBACKS}`,
    'http://xn--0/',
    `http://[::1${CALLBACKS}`,
    'http://[fe80::%25]/',
    '//a@[::1#',
    '/\\a@[::1#',
    `${CALLBACKS}#part`,
    '*',
  ].map((target): [string, number, string] => [
    `the target ${target}`,
    400,
    `OPTIONS ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
  ]),
];
for (const [name, status, bytes] of badRequests) {
  test(`a request with ${name} is answered ${status}, counted and logged`, async () => {
    const [refused, logged] = [await refusedAsBadHttp(webhook), webhook.log.length];
    const answer = await exchange(webhook.port, bytes);
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    assert.match(head, new RegExp(`^HTTP/1\\.1 ${status} \\w`));
    assert.match(head, /Content-Type: application\/json/);
    const { error } = JSON.parse(body) as { error: string };
    assert.equal(error, 'badHttp');
    assert.equal(await refusedAsBadHttp(webhook), refused + 1);
    const lines = webhook.log.slice(logged).filter((line) => line.includes('"badHttp"'));
    assert.equal(lines.length, 1);
  });
}

for (const isMounted of [false, true]) {
  const where = isMounted ? 'a server of somebody else' : 'our server';
  test(`in ${where} a bad chunk leaves nothing of its request in the log, and no error`, async () => {
    const watched = await startTestWebhook({ trust, isMounted });
    try {
      await exchange(watched.port, BAD_CHUNK);
      // The log is written before the answer to this: it came later.
      await metricsOf(watched);
      for (const line of watched.log) {
        const { level, ...fields } = JSON.parse(line) as { level: number };
        assert.ok(level < 50, line);
        const decoded = line + everyBytesOf(fields);
        for (const secret of [TOKEN, 'Jane', 'rawPacket']) assert.ok(!decoded.includes(secret));
      }
    } finally {
      await watched.close();
    }
  });
}

/** Buffers are logged as lists of numbers: what they spell. */
function everyBytesOf(value: unknown): string {
  if (Array.isArray(value)) return Buffer.from(value as number[]).toString();
  if (typeof value !== 'object' || value === null) return '';
  return Object.values(value).map(everyBytesOf).join('');
}

test('a request that stalls is answered 408 after its time, and counted', async () => {
  const limits = {
    maxConnections: 10,
    headersTimeoutMs: 50,
    requestTimeoutMs: 100,
    checkIntervalMs: 20,
  };
  const impatient = await startTestWebhook({ trust, limits });
  try {
    for (const bytes of [HEAD, `${HEAD}Content-Length: 100\r\n\r\nuuid=`]) {
      assert.match(await exchange(impatient.port, bytes), /^HTTP\/1\.1 408 [^]*"badHttp"/);
    }
    assert.equal(await refusedAsBadHttp(impatient), 2);
  } finally {
    await impatient.close();
  }
});

const CONNECT = 'CONNECT elsewhere:443 HTTP/1.1\r\nHost: elsewhere:443\r\n\r\n';

async function methodsRefused(): Promise<number> {
  const { text } = await metricsOf(webhook);
  return Number(/refused_total\{reason="methodNotAllowed"\} (\d+)/.exec(text)?.[1] ?? 0);
}

test('CONNECT is answered 405 like every other method, and counted', async () => {
  const refused = await methodsRefused();
  const [head = '', body = ''] = (await exchange(webhook.port, CONNECT)).split('\r\n\r\n');
  assert.match(head, /^HTTP\/1\.1 405 Method Not Allowed\r\n[^]*^Allow: POST$/m);
  assert.equal((JSON.parse(body) as { error: string }).error, 'methodNotAllowed');
  assert.equal(await methodsRefused(), refused + 1);
});

/** A server of ours with another app in it, for as long as it is used. */
async function withServer(
  handle: RequestListener,
  use: (server: Server, client: Socket) => Promise<void>,
): Promise<void> {
  const server = createHttpServer(handle, {
    logger: pino({ level: 'silent' }),
    metrics: createMetrics(),
    limits: { idleTimeoutMs: 100 },
  });
  const url = new URL(await listen(server, '127.0.0.1', 0));
  const client = connect(Number(url.port), '127.0.0.1');
  try {
    await use(server, client);
  } finally {
    client.destroy();
    await closeServer(server);
  }
}

test('CONNECT on a connection that breaks does no harm', PATIENCE, () =>
  withServer(
    () => undefined,
    async (server, client) => {
      server.prependListener('connect', ({ socket }) => socket.destroy(new Error('reset')));
      client.resume().write(CONNECT);
      await once(client, 'close');
    },
  ),
);

/** More than the buffers between two sockets take. */
const LARGE = 'a'.repeat(64 * 1024 * 1024);

for (const [what, more] of [
  ['its answer', ''],
  ['its answer, and has sent CONNECT behind it,', CONNECT],
] as const) {
  test(`a client that does not read ${what} is closed after its time`, PATIENCE, () =>
    withServer(
      (_request, response) => response.end(LARGE),
      async (server, client) => {
        const [served] = (await once(server, 'connection')) as [Socket];
        client.pause().write(`GET / HTTP/1.1\r\nHost: x\r\n\r\n${more}`);
        await once(served, 'close');
      },
    ),
  );
}

/** So many requests in one piece, of which the last asks for the end. */
function pipelined(count: number): string {
  const request = 'GET /metrics HTTP/1.1\r\nHost: x\r\n';
  return `${`${request}\r\n`.repeat(count - 1)}${request}Connection: close\r\n\r\n`;
}

test('as many requests in one piece as may wait are answered, each', async () => {
  const answers = await exchange(webhook.port, pipelined(20));
  assert.equal(answers.match(/^HTTP\/1\.1 200 OK/gm)?.length, 20);
});

test('a connection on which more requests wait for answers is closed, and counted once', async () => {
  const [refused, logged] = [await refusedAsBadHttp(webhook), webhook.log.length];
  assert.equal(await exchange(webhook.port, pipelined(400)), '');
  assert.equal(await refusedAsBadHttp(webhook), refused + 1);
  assert.equal(webhook.log.slice(logged).filter((line) => line.includes('badHttp')).length, 1);
});

test('a connection whose requests wait for one another carries any number of them', async () => {
  const strict = await startTestWebhook({ trust, limits: { maxUnanswered: 2 } });
  try {
    const socket = connect(strict.port, '127.0.0.1');
    for (let sent = 0; sent < 200; sent += 1) {
      socket.write('GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n');
      const [answer] = (await once(socket, 'data')) as [Buffer];
      assert.match(answer.toString(), /^HTTP\/1\.1 200 [^]*\{"status":"live"\}$/);
    }
    socket.destroy();
  } finally {
    await strict.close();
  }
});

test('a connection beyond the limit is closed', PATIENCE, async () => {
  const limits = {
    maxConnections: 1,
    headersTimeoutMs: 10_000,
    requestTimeoutMs: 10_000,
    checkIntervalMs: 1000,
  };
  const small = await startTestWebhook({ trust, limits });
  try {
    const first = connect(small.port, '127.0.0.1');
    await once(first, 'connect');
    assert.equal(await exchange(small.port, HEAD), '');
    first.destroy();
  } finally {
    await small.close();
  }
});

/** Sends all but the last byte of a body of this length, and waits until they are held. */
async function stall(of: TestWebhook, bytes: number): Promise<Socket> {
  const socket = connect(of.port, '127.0.0.1');
  await new Promise((resolve) => {
    socket.write(`${HEAD}Content-Length: ${bytes}\r\n\r\n${'a'.repeat(bytes - 1)}`, resolve);
  });
  return socket;
}

for (const isMounted of [false, true]) {
  const where = isMounted ? 'a server of somebody else' : 'our server';
  test(
    `in ${where} stalled bodies hold no more than the budget, and give it back`,
    PATIENCE,
    async () => {
      const limitBytes = 100_000;
      const bounded = await startTestWebhook({
        trust,
        isMounted,
        bodyLimitBytes: limitBytes,
        bodyBudgetBytes: 2 * limitBytes,
      });
      try {
        const stalled = await Promise.all([1, 2].map(() => stall(bounded, limitBytes)));
        const refused = await untilStatus(bounded, 503);
        assert.equal(refused.json['error'], 'busy');
        assert.match(String(refused.headers['retry-after']), /^[1-9]\d*$/);
        for (const socket of stalled) socket.destroy();
        assert.equal((await untilStatus(bounded, 200)).status, 200);
        // All of it: a body of the whole limit is read to its end, and so are two at once.
        const full = formRequest(Buffer.alloc(limitBytes, 'a'), `${CALLBACKS}/${TOKEN}`);
        const answers = await Promise.all([bounded.send(full), bounded.send(full)]);
        assert.deepEqual(
          answers.map(({ status }) => status),
          [400, 400],
        );
      } finally {
        await bounded.close();
      }
    },
  );
}

/** Asks until what other connections sent, or that they are gone, has arrived. */
async function untilStatus(of: TestWebhook, status: number): Promise<Answer> {
  for (;;) {
    const answer = await of.send(hintRequest(randomUUID(), TOKEN));
    if (answer.status === status) return answer;
  }
}

test('the time of a callback is measured from the end of its body', async () => {
  const socket = await stall(webhook, 10);
  await metricsOf(webhook);
  const count = async (): Promise<number> =>
    Number(/callback_seconds_count (\d+)/.exec((await metricsOf(webhook)).text)?.[1]);
  const before = await count();
  socket.destroy();
  await once(socket, 'close');
  await webhook.send(hintRequest(randomUUID(), TOKEN));
  assert.equal(await count(), before + 1);
});
