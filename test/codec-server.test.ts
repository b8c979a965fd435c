import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { after, before, beforeEach, test } from 'node:test';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { pino } from 'pino';
import { startTemporalServer, type TemporalServer } from '../cli/temporal-server.js';
import { createDataConverter } from '../codec/data-converter.js';
import { createCodecApp } from '../codec/server/app.js';
import { readConfiguration, type CodecServerConfiguration } from '../codec/server/configuration.js';
import { startCodecServer, type RunningCodecServer } from '../codec/server/main.js';
import type { ConfigurationError } from '../configuration/settings.js';
import { noBrowser, openPage } from './support/browser.js';
import { findTestBinary } from './support/temporal.js';

const TOKEN = 'a-token-for-operations';
const KEYS = `k1:${randomBytes(32).toString('base64')}`;
const SECRET = 'a reason that nobody else may read';

let temporal: TemporalServer;
let uiUrl: string;
let configuration: CodecServerConfiguration;
let codec: RunningCodecServer;
let client: Client;
const workflowId = `document:${randomUUID()}`;
/** What the server logged as failures of its own. */
const failures: string[] = [];
const failureLogger = pino({ level: 'error' }, { write: (line) => failures.push(line) });

before(async () => {
  temporal = await startTemporalServer({
    binary: await findTestBinary(),
    port: 0,
    uiPort: 0,
    onExit: (reason) => {
      throw new Error(reason);
    },
  });
  uiUrl = temporal.uiUrl ?? assert.fail('no UI');
  configuration = readConfiguration({
    COUNTERSIGN_ENCRYPTION_KEYS: KEYS,
    CODEC_TOKENS: `another-token-of-some-length,${TOKEN}`,
    CODEC_ORIGINS: uiUrl,
    CODEC_PORT: '0',
  });
  codec = await startCodecServer(configuration, failureLogger);
  const connection = await Connection.connect({ address: temporal.address });
  const dataConverter = createDataConverter(configuration.encryptionKeys);
  client = new Client({ connection, dataConverter });
  await client.workflow.start('nobodyRunsThis', {
    workflowId,
    taskQueue: 'none',
    args: [{ reason: SECRET }],
  });
});

beforeEach(() => {
  failures.length = 0;
});

after(async () => {
  await codec.close();
  await client.connection.close();
  await temporal.stop();
});

interface Asked {
  readonly authorization?: string;
  readonly namespace?: string;
  readonly origin?: string;
  readonly type?: string;
  readonly body?: string;
}

async function firstPayload(): Promise<Record<string, unknown>> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const payload = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0];
  const toBase64 = (bytes: unknown): string => Buffer.from(bytes as Uint8Array).toString('base64');
  const metadata = Object.entries(payload?.metadata ?? {});
  return {
    metadata: Object.fromEntries(metadata.map(([name, value]) => [name, toBase64(value)])),
    data: toBase64(payload?.data),
  };
}

async function decode(asked: Asked = {}): Promise<Response> {
  const { authorization = `Bearer ${TOKEN}`, namespace = 'default', origin, type } = asked;
  return fetch(`${codec.endpoint}/decode`, {
    method: 'POST',
    headers: {
      ...(authorization !== '' && { Authorization: authorization }),
      ...(origin !== undefined && { Origin: origin }),
      'X-Namespace': namespace,
      'Content-Type': type ?? 'application/json',
    },
    body: asked.body ?? JSON.stringify({ payloads: [await firstPayload()] }),
  });
}

test(
  'a history in the Temporal UI shows its payloads through the codec server',
  { skip: noBrowser },
  async (t) => {
    const { page, troubles } = await openPage(t, codec.endpoint.replace('//', `//ops:${TOKEN}@`));
    await page.getByText('Signed in').waitFor();
    // As the UI's dialogue "Codec Server" keeps it.
    const kept = {
      endpoint: codec.endpoint,
      includeCredentials: true,
      overrideRemoteCodecConfiguration: true,
    };
    await page.addInitScript(
      `for (const [key, value] of Object.entries(${JSON.stringify(kept)})) localStorage.setItem(key, JSON.stringify(value));`,
    );
    const runId = (await client.workflow.getHandle(workflowId).describe()).runId;
    await page.goto(
      `${uiUrl}/namespaces/default/workflows/${encodeURIComponent(workflowId)}/${runId}/history`,
      { waitUntil: 'domcontentloaded' },
    );
    await page.getByText(SECRET).first().waitFor();
    assert.deepEqual(
      troubles.filter((trouble) => trouble.includes('/codec/')),
      [],
    );
  },
);

test('the temporal command line shows a history through the codec server', async () => {
  const show = async (...more: string[]): Promise<string> => {
    const args = ['workflow', 'show', '-w', workflowId, '--address', temporal.address];
    const { stdout } = await promisify(execFile)(
      await findTestBinary(),
      [...args, '-o', 'json', ...more],
      { timeout: 30_000 },
    );
    return stdout;
  };
  assert.ok(!(await show()).includes(SECRET));
  const codecArgs = ['--codec-endpoint', codec.endpoint, '--codec-auth', `Bearer ${TOKEN}`];
  const shown = await show(...codecArgs);
  assert.ok(
    shown.includes(SECRET) ||
      shown.includes(Buffer.from(JSON.stringify({ reason: SECRET })).toString('base64')),
    shown,
  );
});

test('what is encoded comes back decoded', async () => {
  const payload = { metadata: { encoding: btoa('json/plain') }, data: btoa('{"a":1}') };
  const ask = async (path: string, payloads: unknown): Promise<{ payloads: unknown[] }> => {
    const response = await fetch(`${codec.endpoint}/${path}`, {
      method: 'POST',
      headers: {
        Authorization: `bearer ${TOKEN}`,
        'X-Namespace': 'default',
        'Content-Type': 'application/json',
      },
      body: JSON.stringify({ payloads }),
    });
    return (await response.json()) as { payloads: unknown[] };
  };
  const { payloads } = await ask('encode', [payload]);
  assert.notDeepEqual(payloads, [payload]);
  assert.deepEqual((await ask('decode', payloads)).payloads, [payload]);
});

const LONG_ORIGIN = `http://${'e'.repeat(5_000)}`;

const refused: [what: string, asked: Asked, status: number, why: RegExp][] = [
  ['no token', { authorization: '' }, 401, /token of CODEC_TOKENS/],
  ['a wrong token', { authorization: 'Bearer a-token-for-operationZ' }, 401, /token/],
  ['another scheme', { authorization: `Token ${TOKEN}` }, 401, /token/],
  ['another namespace', { namespace: 'elsewhere' }, 403, /decodes default only/],
  ['a foreign origin', { origin: 'http://evil.example' }, 403, /evil.example is not among/],
  ['a foreign origin of 5,000 characters', { origin: LONG_ORIGIN }, 403, /origin http:..e{57} is/],
  ['a form', { type: 'text/plain' }, 415, /must be application\/json/],
  ['a body cut short', { body: '{"payloads":[' }, 400, /not JSON/],
  ['payloads that are none', { body: '{"payloads":[{"data":7}]}' }, 400, /payloads.0.data/],
  // Told of one by one, their mistakes would take gigabytes.
  ['a million payloads', { body: `{"payloads":[0${',0'.repeat(999_999)}]}` }, 400, /too big/i],
  ['a payload with a million entries', { body: withEntries(1_000_000) }, 400, /more than 100/],
];

function withEntries(count: number): string {
  const metadata = Object.fromEntries(Array.from({ length: count }, (_, index) => [index, 0]));
  return JSON.stringify({ payloads: [{ metadata }] });
}

for (const [what, asked, status, why] of refused) {
  test(`${what} is refused with ${status}, and the reason`, async () => {
    const response = await decode(asked);
    assert.equal(response.status, status);
    const { message } = (await response.json()) as { message: string };
    assert.match(message, why);
    assert.equal(response.headers.get('Vary'), 'Origin');
    assert.deepEqual(failures, []);
  });
}

test('a foreign origin is told no more with a token than without, and allowed nothing', async () => {
  const answers = ['', `Bearer ${TOKEN}`].map(async (authorization) => {
    const response = await decode({ authorization, origin: 'http://evil.example' });
    assert.equal(response.headers.get('Access-Control-Allow-Origin'), null);
    return [response.status, await response.text()];
  });
  const [without, withToken] = await Promise.all(answers);
  assert.deepEqual(without, withToken);
  assert.deepEqual(failures, []);
});

const MIB = 1024 ** 2;

/** Posts a body of so many bytes of white space to a server that may refuse it on the way. */
async function postBytes(
  agent: Agent,
  bytes: number,
  headers: Readonly<Record<string, string>>,
): Promise<{ status: number | undefined; connection: string | undefined; message: string }> {
  const own = { 'X-Namespace': 'default', 'Content-Type': 'application/json' };
  const sent = request(`${codec.endpoint}/decode`, {
    ...{ agent, method: 'POST', headers: { ...own, ...headers } },
  });
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
  const pieces = Array.from({ length: Math.ceil(bytes / MIB) }, (_, index) =>
    Buffer.alloc(Math.min(MIB, bytes - index * MIB), ' '),
  );
  await pipeline(Readable.from(pieces), sent);
  const [answer] = await answered;
  const { message } = JSON.parse(await textOf(answer)) as { message: string };
  return { status: answer.statusCode, connection: answer.headers.connection, message };
}

const TOO_LARGE = 80 * MIB;
const bearer = { Authorization: `Bearer ${TOKEN}` };
const foreign = { ...bearer, Origin: 'http://evil.example' };
const ofLength = (bytes: number) => ({ 'Content-Length': String(bytes) });

const unread: [what: string, bytes: number, headers: Record<string, string>, status: number][] = [
  ['a body that says it is too large', TOO_LARGE, { ...bearer, ...ofLength(TOO_LARGE) }, 413],
  ['a body that turns out too large', TOO_LARGE, bearer, 413],
  ['a large body without a token', 16 * MIB, ofLength(16 * MIB), 401],
  ['a large body from a foreign origin', 16 * MIB, foreign, 403],
];
for (const [what, bytes, headers, expected] of unread) {
  test(`${what} is told ${expected}, and the next request of its client is answered`, async (t) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => {
      agent.destroy();
    });
    const { status, connection, message } = await postBytes(agent, bytes, headers);
    assert.deepEqual([status, connection], [expected, 'close']);
    assert.ok(message.length > 0);
    const next = await postBytes(agent, 10, bearer);
    assert.deepEqual([next.status, next.connection], [400, 'keep-alive']);
    assert.equal(next.message, 'the body is not JSON');
    assert.deepEqual(failures, []);
  });
}

for (const leave of ['destroy', 'resetAndDestroy'] as const) {
  test(`a caller that goes away in the middle is no failure of the server: ${leave}`, async (t) => {
    const handle = createCodecApp({ ...configuration, logger: failureLogger }).callback();
    const server = createServer((request, response) => void handle(request, response));
    t.after(() => server.close());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const head = `POST /codec/decode HTTP/1.1\r\nHost: codec\r\nContent-Length: 100\r\n\r\n`;
    socket.write(`${head}{"payloads":`);
    const [, response] = (await once(server, 'request')) as [IncomingMessage, ServerResponse];
    const closed = once(response, 'close');
    socket[leave]();
    await closed;
    assert.deepEqual(failures, []);
  });
}

test('the UI may ask from its own origin, with credentials, and is told why it is refused', async () => {
  const preflight = await fetch(`${codec.endpoint}/decode`, {
    method: 'OPTIONS',
    headers: { Origin: uiUrl, 'Access-Control-Request-Method': 'POST' },
  });
  assert.equal(preflight.status, 204);
  assert.match(preflight.headers.get('Access-Control-Allow-Headers') ?? '', /X-Namespace/);
  for (const asked of [{ origin: uiUrl }, { origin: uiUrl, authorization: '' }]) {
    const { headers } = await decode(asked);
    assert.equal(headers.get('Access-Control-Allow-Origin'), uiUrl);
    assert.equal(headers.get('Access-Control-Allow-Credentials'), 'true');
  }
});

test('a payload under an unknown key is answered with the key ID', async () => {
  const payload = await firstPayload();
  const metadata = { ...(payload['metadata'] as object), 'encryption-key-id': btoa('k9') };
  const response = await decode({ body: JSON.stringify({ payloads: [{ ...payload, metadata }] }) });
  assert.equal(response.status, 400);
  assert.match(await response.text(), /under the key k9, and this process has only k1/);
});

test('the server refuses to start without keys or tokens, with all problems at once', () => {
  assert.throws(
    () => readConfiguration({ CODEC_ORIGINS: 'temporal.example.com', CODEC_TOKENS: 'short' }),
    ({ problems }: ConfigurationError) => {
      assert.equal(problems.length, 3);
      assert.match(problems.join(), /at least 16 .*no origin such as .*no keys: set COUNTERSIGN/s);
      return true;
    },
  );
});
