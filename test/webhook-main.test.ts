import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { Client, Connection } from '@temporalio/client';
import { pino } from 'pino';
import { readConfiguration, type WebhookConfiguration } from '../webhook/configuration.js';
import type { CallbackInbox, StoreResult } from '../webhook/callback-inbox.js';
import { startWebhook, type RunningWebhook } from '../webhook/main.js';
import { callbackWorkflowId } from '../workflows/contract.js';
import { program } from './support/build.js';
import { startTestServer } from './support/temporal.js';
import { sendTo } from './support/webhook-harness.js';
import { batchRequest, createTestSigner, entry, hintRequest } from './support/webhook-signing.js';
import { makeFolder, openSpool } from './support/webhook-spool.js';

const TOKEN = 'a-token-of-the-url';
const logger = pino({ level: 'silent' });

function configurationWith(more: Partial<WebhookConfiguration> = {}): WebhookConfiguration {
  const environment = { WEBHOOK_TOKENS: TOKEN, WEBHOOK_PORT: '0', WEBHOOK_SPOOL: 'off' };
  return { ...readConfiguration(environment), ...more };
}

function portOf({ url }: { readonly url: string }): number {
  return Number(new URL(url).port);
}

function get(port: number, path: string): ReturnType<typeof sendTo> {
  return sendTo(port, { method: 'GET', path, headers: {}, body: Buffer.alloc(0) });
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

/** A client of a Temporal that is not there. */
async function absentTemporal(): Promise<Client> {
  return new Client({ connection: Connection.lazy({ address: `127.0.0.1:${await freePort()}` }) });
}

test('a webhook without a spool tells of callbacks that wait in one', async (context) => {
  const folder = await makeFolder();
  const { spool } = await openSpool(context, folder);
  await spool.append(Buffer.from('waits'));
  await spool.close();
  for (const [data, told] of [
    [folder, 1],
    [await makeFolder(), 0],
  ] as const) {
    const lines: string[] = [];
    const write = (line: string): void => void lines.push(line);
    const environment = { WEBHOOK_TOKENS: TOKEN, WEBHOOK_PORT: '0', WEBHOOK_SPOOL: 'off' };
    const webhook = await startWebhook(
      readConfiguration({ ...environment, COUNTERSIGN_DATA: data }),
      { client: await absentTemporal(), logger: pino({ level: 'warn' }, { write }) },
    );
    await webhook.close();
    assert.equal(lines.filter((line) => line.includes('callbacks wait here')).length, told);
  }
});

test('a callback sent to the webhook is a workflow in Temporal', async () => {
  const server = await startTestServer();
  const connection = await Connection.connect({ address: server.address });
  const client = new Client({ connection });
  const signer = createTestSigner();
  const trust = { publicKeys: [signer.publicKey], hmacSecrets: [], tokens: [] };
  const webhook = await startWebhook(configurationWith({ trust }), { client, logger });
  try {
    assert.equal((await get(portOf(webhook), '/health/ready')).status, 200);
    const data = JSON.stringify([entry('document', randomUUID(), '30')]);
    const answer = await sendTo(portOf(webhook), batchRequest(signer, data));
    assert.deepEqual([answer.status, answer.json], [200, { result: 'stored' }]);
    const digest = await crypto.subtle.digest('SHA-256', Buffer.from(data));
    const workflowId = callbackWorkflowId(Buffer.from(digest).toString('hex'));
    const described = await client.workflow.getHandle(workflowId).describe();
    assert.equal(described.type, 'callbackDelivery');
    assert.match((await get(portOf(webhook), '/metrics')).text, /process_cpu_seconds_total/);
  } finally {
    await webhook.close();
    await connection.close();
    await server.stop();
  }
});

test('a namespace that Temporal does not have makes the webhook not ready', async () => {
  const server = await startTestServer();
  const connection = await Connection.connect({ address: server.address });
  const client = new Client({ connection, namespace: 'absent' });
  const webhook = await startWebhook(configurationWith(), { client, logger });
  try {
    const answer = await get(portOf(webhook), '/health/ready');
    assert.equal(answer.status, 503);
    const reason = 'Temporal does not answer for namespace absent';
    assert.equal(answer.json['reason'], reason);
  } finally {
    await webhook.close();
    await connection.close();
    await server.stop();
  }
});

test('without Temporal and without a spool the webhook is live, not ready, and answers 503', async () => {
  const client = await absentTemporal();
  const webhook = await startWebhook(configurationWith(), { client, logger });
  try {
    assert.equal((await get(portOf(webhook), '/health/live')).status, 200);
    const ready = await get(portOf(webhook), '/health/ready');
    const reason = 'Temporal does not answer for namespace default';
    assert.deepEqual([ready.status, ready.json], [503, { status: 'notReady', reason }]);
    const answer = await sendTo(portOf(webhook), hintRequest(randomUUID(), TOKEN));
    assert.deepEqual([answer.status, answer.json['error']], [503, 'unavailable']);
    assert.ok(answer.headers['retry-after']);
  } finally {
    await webhook.close();
    await client.connection.close();
  }
});

test('a connection waits for its next request as long as is set, and longer than balancers do', async () => {
  const client = await absentTemporal();
  for (const [set, told] of [
    [{}, 'timeout=75'],
    [{ keepAliveMs: 620_000 }, 'timeout=620'],
  ] as const) {
    const webhook = await startWebhook({ ...configurationWith(), ...set }, { client, logger });
    try {
      const { headers } = await fetch(`${webhook.url}/health/live`);
      assert.equal(headers.get('keep-alive'), told);
    } finally {
      await webhook.close();
    }
  }
  await client.connection.close();
});

interface HeldWebhook {
  readonly webhook: RunningWebhook;
  readonly client: Client;
  /** Resolves when a callback waits for its write. */
  readonly arrived: Promise<void>;
  readonly release: () => void;
}

async function startHeldWebhook(): Promise<HeldWebhook> {
  const client = await absentTemporal();
  let release = (): void => undefined;
  let arrive = (): void => undefined;
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const written = new Promise<StoreResult>((resolve) => {
    release = () => {
      resolve('stored');
    };
  });
  const inbox: CallbackInbox = {
    store() {
      arrive();
      return written;
    },
  };
  const webhook = await startWebhook(configurationWith(), { client, inbox, logger });
  return { webhook, client, arrived, release };
}

test('a webhook that closes answers what is under way and takes nothing new', async () => {
  const { webhook, client, arrived, release } = await startHeldWebhook();
  const port = portOf(webhook);
  const answer = sendTo(port, hintRequest(randomUUID(), TOKEN));
  await arrived;
  const closed = webhook.close();
  await assert.rejects(sendTo(port, hintRequest(randomUUID(), TOKEN)), /ECONNREFUSED/);
  release();
  assert.equal((await answer).status, 200);
  await closed;
  await client.connection.close();
});

test('a connection that would be kept alive does not keep the webhook from closing', async () => {
  const { webhook, client, arrived, release } = await startHeldWebhook();
  const { path, headers, body } = hintRequest(randomUUID(), TOKEN);
  const agent = new Agent({ keepAlive: true });
  const options = {
    host: '127.0.0.1',
    port: portOf(webhook),
    method: 'POST',
    path,
    headers,
    agent,
  };
  const request = httpRequest(options).end(body);
  await arrived;
  const closed = webhook.close();
  const began = performance.now();
  release();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  await closed;
  // Node would keep the connection for five seconds more.
  assert.ok(performance.now() - began < 3000);
  agent.destroy();
  await client.connection.close();
});

test('a port in use rejects with the system’s error', async () => {
  const client = await absentTemporal();
  const first = await startWebhook(configurationWith(), { client, logger });
  const second = startWebhook(configurationWith({ port: portOf(first) }), { client, logger });
  await assert.rejects(second, { code: 'EADDRINUSE' });
  await first.close();
  await client.connection.close();
});

const hasIpv6 = Object.values(networkInterfaces())
  .flat()
  .some((address) => address?.address === '::1');
test('an IPv6 address is written in brackets', { skip: !hasIpv6 }, async () => {
  const client = await absentTemporal();
  const webhook = await startWebhook(configurationWith({ host: '::1' }), { client, logger });
  assert.match(webhook.url, /^http:\/\/\[::1\]:\d+$/);
  await webhook.close();
  await client.connection.close();
});

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly errors: string;
}

function startProcess(env: Record<string, string>): {
  readonly ended: Promise<Ended>;
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly lines: AsyncIterable<string>;
} {
  const child = spawn(process.execPath, program('webhook/main'), {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], WEBHOOK_SPOOL: 'off', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => {
      resolve({ code, signal, errors });
    });
  });
  const lines = createInterface({ input: child.stdout });
  return { ended, kill: (signal) => child.kill(signal), lines };
}

test('the process prints every problem of its settings on a line and exits 1', async () => {
  const { ended } = startProcess({ WEBHOOK_PORT: 'x', WEBHOOK_MAX_AGE: 'y' });
  const { code, errors } = await ended;
  assert.equal(code, 1);
  const lines = errors.trim().split('\n');
  assert.equal(lines.length, 3);
  assert.match(lines[0] ?? '', /^WEBHOOK_PORT/);
});

test('the process says in one line that its port is in use and exits 1', async () => {
  const occupied = createServer().listen(0, '127.0.0.1');
  await once(occupied, 'listening');
  const { port } = occupied.address() as AddressInfo;
  const { ended } = startProcess({ WEBHOOK_TOKENS: TOKEN, WEBHOOK_PORT: String(port) });
  const { code, errors } = await ended;
  occupied.close();
  assert.equal(code, 1);
  assert.match(errors, /^[^\n]*EADDRINUSE[^\n]*WEBHOOK_PORT\n$/);
});

test('the process says that its address is none of this machine, and which setting says it', async () => {
  // For documentation alone: nobody has it.
  const { ended } = startProcess({ WEBHOOK_TOKENS: TOKEN, WEBHOOK_HOST: '203.0.113.1' });
  const { code, errors } = await ended;
  assert.equal(code, 1);
  assert.match(errors, /^[^\n]*EADDRNOTAVAIL[^\n]*WEBHOOK_HOST\n$/);
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`the process listens although Temporal is away, and ends by itself on ${signal}`, async () => {
    const child = startProcess({
      WEBHOOK_TOKENS: TOKEN,
      WEBHOOK_PORT: '0',
      TEMPORAL_ADDRESS: `127.0.0.1:${await freePort()}`,
    });
    for await (const line of child.lines) {
      const { url } = JSON.parse(line) as { url: string };
      assert.equal((await get(portOf({ url }), '/health/live')).status, 200);
      child.kill(signal);
    }
    const { code, signal: killedBy, errors } = await child.ended;
    assert.deepEqual([code, killedBy, errors], [0, null, '']);
  });
}
