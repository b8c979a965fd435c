/** Senders that mean ill with connections rather than with content; what they cost is measured. */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { startTestWebhook, type TestWebhook } from './support/webhook-harness.js';
import { CALLBACKS, FORM, formRequest, hintRequest } from './support/webhook-signing.js';

const TOKEN = 'a-token-that-must-stay-secret';
const trust = { publicKeys: [], hmacSecrets: [], tokens: [TOKEN] };
const HEAD = `POST ${CALLBACKS}/${TOKEN} HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM}\r\n`;
const HINT = 'resource_uri=/api/v1/document/one/';
const PATIENCE = { timeout: 30_000 };

const limits = {
  maxConnections: 300,
  headersTimeoutMs: 300,
  requestTimeoutMs: 600,
  checkIntervalMs: 50,
};

/** All attacks of one kind may cost as much memory, in bytes: far less than what is sent. */
const MEMORY_MAX_BYTES = 64 * 1024 * 1024;

let webhook: TestWebhook;
before(async () => {
  webhook = await startTestWebhook({ trust, limits });
});
after(() => webhook.close());

interface Exchange {
  readonly socket: Socket;
  /** All that came until the connection ended, by either side. */
  readonly ended: Promise<string>;
}

function open(to = webhook): Exchange {
  const socket = connect(to.port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  // Reset while it still sends: part of being refused.
  socket.on('error', () => undefined);
  const ended = new Promise<string>((resolve) => {
    socket.on('close', () => {
      resolve(Buffer.concat(chunks).toString());
    });
  });
  return { socket, ended };
}

function exchange(bytes: string | Buffer): Promise<string> {
  const { socket, ended } = open();
  socket.write(bytes);
  return ended;
}

/** It is well: a callback is taken as ever. */
async function takesCallbacks(): Promise<void> {
  const { status } = await webhook.send(hintRequest('one', TOKEN));
  assert.equal(status, 200);
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** In bytes, without what only waits to be thrown away. */
function memoryHeld(): number {
  // Buffers are counted off at the next collection after the one that found them.
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Runs an attack, after which the webhook works and has kept next to nothing. */
async function withstands(attack: () => Promise<void>): Promise<void> {
  const before = memoryHeld();
  await attack();
  await takesCallbacks();
  const grown = memoryHeld() - before;
  assert.ok(grown < MEMORY_MAX_BYTES, `${Math.round(grown / 1024 / 1024)} MB more are held`);
}

for (const [what, beginning] of [
  ['headers', `POST ${CALLBACKS} HTTP/1.1\r\nHost: x\r\n`],
  ['bodies', `${HEAD}Content-Length: 1000000\r\n\r\n`],
] as const) {
  test(`200 senders of one byte at a time in ${what} are ended after their time`, PATIENCE, () =>
    withstands(async () => {
      const slow = Array.from({ length: 200 }, () => open());
      const drips = slow.map(({ socket }) => {
        socket.write(beginning);
        return setInterval(() => socket.write('a'), 20);
      });
      const answers = await Promise.all(slow.map(({ ended }) => ended));
      drips.forEach(clearInterval);
      for (const answer of answers) assert.match(answer, /^(HTTP\/1\.1 408 |$)/);
      assert.ok(answers.some((answer) => answer.includes('408')));
    }),
  );
}

test('connections that say nothing are ended after their time', PATIENCE, () =>
  withstands(async () => {
    const silent = Array.from({ length: 100 }, () => open());
    await Promise.all(silent.map(({ ended }) => ended));
  }),
);

test('a sender that closes its half in the middle is forgotten', PATIENCE, () =>
  withstands(async () => {
    const before = webhook.stored.length;
    for (const bytes of [HEAD, `${HEAD}Content-Length: 100\r\n\r\nresource`]) {
      const { socket, ended } = open();
      socket.end(bytes);
      assert.doesNotMatch(await ended, /^HTTP\/1\.1 [25]/);
    }
    assert.equal(webhook.stored.length, before);
  }),
);

test('floods of headers are answered 431, or cut, however many', PATIENCE, () =>
  withstands(async () => {
    const lines = Array.from({ length: 5000 }, (_, index) => `X-${index}: ${index}`).join('\r\n');
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => exchange(`${HEAD}${lines}\r\n\r\n`)),
    );
    for (const answer of answers) assert.match(answer, /^(HTTP\/1\.1 431 |$)/);
    assert.ok(answers.some((answer) => answer.includes('431')));
  }),
);

/** A second request within the first, which a proxy in front may have taken for a body. */
const SMUGGLED = `${HEAD}Content-Length: ${HINT.length}\r\n\r\n${HINT}`;
const smuggling: [name: string, bytes: string][] = [
  ['two lengths', `${HEAD}Content-Length: 0\r\nContent-Length: 5\r\n\r\n${SMUGGLED}`],
  ['two lengths in one', `${HEAD}Content-Length: 0, 5\r\n\r\n${SMUGGLED}`],
  [
    'a length and chunks',
    `${HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  ],
  [
    'chunks and a length',
    `${HEAD}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  ],
  ['chunks that are none', `${HEAD}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${SMUGGLED}`],
  ['chunks named twice', `${HEAD}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${SMUGGLED}`],
  ['a space before the colon', `${HEAD}Content-Length : 0\r\n\r\n${SMUGGLED}`],
  ['a folded length', `${HEAD}Content-Length:\r\n 0\r\n\r\n${SMUGGLED}`],
  ['a signed length', `${HEAD}Content-Length: +0\r\n\r\n${SMUGGLED}`],
  ['a bare line feed', `${HEAD.replaceAll('\r\n', '\n')}Content-Length: 0\n\n${SMUGGLED}`],
];
for (const [name, bytes] of smuggling) {
  test(`a request with ${name} smuggles none in after it`, PATIENCE, async () => {
    const before = webhook.stored.length;
    const answer = await exchange(bytes);
    assert.match(answer, /^HTTP\/1\.1 4\d\d /);
    assert.equal(webhook.stored.length, before);
    await takesCallbacks();
  });
}

test('garbage behind a genuine callback in its pipeline is refused, and the callback is kept', async () => {
  const before = webhook.stored.length;
  const answer = await exchange(`${SMUGGLED}\x00\x01 nonsense\r\n\r\n`);
  assert.equal(webhook.stored.length, before + 1);
  assert.match(answer, /HTTP\/1\.1 501 [^]*"badHttp"/);
  await takesCallbacks();
});

test('a compressed bomb is answered 415 without being unpacked', PATIENCE, async () => {
  const bytes = gzipSync(Buffer.alloc(100 * 1024 * 1024));
  const bomb = formRequest(bytes, `${CALLBACKS}/${TOKEN}`);
  const headers = { ...bomb.headers, 'content-encoding': 'gzip' };
  await withstands(async () => {
    for (let sent = 0; sent < 10; sent += 1) {
      assert.equal((await webhook.send({ ...bomb, headers })).status, 415);
    }
  });
});

test('a body in chunks of one byte takes no more memory than another', PATIENCE, async () => {
  const bytes = 800_000;
  const narrow = await startTestWebhook({ trust, bodyBudgetBytes: bytes });
  const { socket } = open(narrow);
  try {
    await withstands(async () => {
      const chunks = '1\r\na\r\n'.repeat(bytes);
      socket.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n${chunks}`);
      // Refused as soon as all of them are held.
      while ((await narrow.send(hintRequest('one', TOKEN))).status !== 503);
    });
  } finally {
    socket.destroy();
    await narrow.close();
  }
});

test('a body of 50 MB without its length is answered 413 and not kept', PATIENCE, () =>
  withstands(async () => {
    // With the limits of production: on a busy machine so much takes longer than those above.
    const patient = await startTestWebhook({ trust });
    const { socket, ended } = open(patient);
    socket.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`);
    const chunk = Buffer.from(`100000\r\n${'a'.repeat(2 ** 20)}\r\n`);
    for (let sent = 0; sent < 50; sent += 1) socket.write(chunk);
    socket.write('0\r\n\r\n');
    assert.match(await ended, /^HTTP\/1\.1 413 /);
    await patient.close();
  }),
);
