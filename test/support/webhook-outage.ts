/** A webhook process, and a Temporal server that dies and comes back where it was. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { Client, Connection } from '@temporalio/client';
import { pickFreePort } from '../../cli/ports.js';
import { startTemporalServer, type TemporalServer } from '../../cli/temporal-server.js';
import { callbackWorkflowId, SEARCH_ATTRIBUTES } from '../../workflows/contract.js';
import { program } from './build.js';
import { findTestBinary } from './temporal.js';
import { until } from './until.js';
import { sendTo, type Answer } from './webhook-harness.js';
import { batchRequest, createTestSigner, entry, type TestRequest } from './webhook-signing.js';

const LOOPBACK = '127.0.0.1';

/** Lets unsigned callbacks in, as hints. */
export const OUTAGE_TOKEN = 'a-token-of-the-url';

export interface TestTemporal {
  readonly address: string;
  /** As the kernel would when memory runs out. */
  kill(): Promise<void>;
  /** Again, on the same port and with the same file. */
  start(): Promise<void>;
  /** Takes connections, and answers nothing. */
  freeze(isFrozen: boolean): void;
  /** Calls with a client of its own. */
  ask<Result>(question: (client: Client) => Promise<Result>): Promise<Result>;
}

export async function openTemporal(context: TestContext): Promise<TestTemporal> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-outage-'));
  const port = await pickFreePort(LOOPBACK);
  const address = `${LOOPBACK}:${port}`;
  const binary = await findTestBinary();
  const searchAttributes = Object.fromEntries(
    Object.values(SEARCH_ATTRIBUTES).map(({ name, type }) => [name, WORDS[type] ?? '']),
  );
  let server: TemporalServer | undefined;
  const temporal: TestTemporal = {
    address,
    async start() {
      const databaseFile = join(folder, 'temporal.db');
      const onExit = (): void => undefined;
      server = await startTemporalServer({ binary, port, databaseFile, searchAttributes, onExit });
    },
    async kill() {
      const killed = server;
      server = undefined;
      if (killed !== undefined) process.kill(killed.pid, 'SIGKILL');
      await killed?.exited;
    },
    freeze(isFrozen) {
      if (server !== undefined) process.kill(server.pid, isFrozen ? 'SIGSTOP' : 'SIGCONT');
    },
    async ask(question) {
      const connection = await Connection.connect({ address });
      try {
        return await question(new Client({ connection }));
      } finally {
        await connection.close();
      }
    },
  };
  context.after(async () => {
    await temporal.kill();
    await rm(folder, { recursive: true });
  });
  await temporal.start();
  return temporal;
}

/** The server's words for the SDK's types. */
const WORDS: Readonly<Record<string, string>> = {
  KEYWORD: 'Keyword',
  KEYWORD_LIST: 'KeywordList',
  DATETIME: 'Datetime',
  INT: 'Int',
};

export interface WebhookProcess {
  send(request: TestRequest): Promise<Answer>;
  get(path: string): Promise<Answer>;
  /** The sum of a metric's values, by its name without `countersign_`. */
  metric(name: string): Promise<number>;
  /** What it has written, a line each. */
  readonly lines: readonly string[];
  /** Resolves with the exit code once it has ended. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

export interface WebhookPlace {
  readonly signer: ReturnType<typeof createTestSigner>;
  /** Starts one; it ends with the test at the latest. */
  start(more?: Readonly<Record<string, string>>): Promise<WebhookProcess>;
}

/** Where one webhook after the other keeps its data. */
export async function makeWebhookPlace(
  context: TestContext,
  { address }: TestTemporal,
  dataFolder?: string,
): Promise<WebhookPlace> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-outage-webhook-'));
  const signer = createTestSigner();
  const certificate = join(folder, 'key.pem');
  await writeFile(certificate, signer.publicKey.export({ type: 'spki', format: 'pem' }));
  const children: ChildProcess[] = [];
  context.after(async () => {
    for (const child of children) child.kill('SIGKILL');
    await until(() =>
      children.every(({ exitCode, signalCode }) => (exitCode ?? signalCode) !== null),
    );
    await rm(folder, { recursive: true });
  });
  const environment = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    TEMPORAL_ADDRESS: address,
    COUNTERSIGN_DATA: dataFolder ?? join(folder, 'data'),
    LEGALESIGN_CERTIFICATES: certificate,
    WEBHOOK_TOKENS: OUTAGE_TOKEN,
    WEBHOOK_PORT: '0',
  };
  return {
    signer,
    async start(more = {}) {
      const child = spawn(process.execPath, program('webhook/main'), {
        env: { ...environment, ...more },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.push(child);
      return webhookOf(child, await readLines(child));
    },
  };
}

async function readLines(child: ChildProcess): Promise<string[]> {
  const lines: string[] = [];
  if (child.stdout !== null) createInterface(child.stdout).on('line', (line) => lines.push(line));
  await until(() => lines.some((line) => line.includes('the webhook listens')));
  return lines;
}

function webhookOf(child: ChildProcess, lines: readonly string[]): WebhookProcess {
  const listening = lines.find((line) => line.includes('the webhook listens')) ?? '{}';
  const port = Number(new URL((JSON.parse(listening) as { url: string }).url).port);
  const get = (path: string): Promise<Answer> =>
    sendTo(port, { method: 'GET', path, headers: {}, body: Buffer.alloc(0) });
  return {
    lines,
    get,
    send: (request) => sendTo(port, request),
    async metric(name) {
      const { text } = await get('/metrics');
      const values = text.matchAll(new RegExp(`^countersign_${name}(?:{.*})? (.*)$`, 'gm'));
      return [...values].reduce((total, [, value]) => total + Number(value), 0);
    },
    async end(signal) {
      const exited = once(child, 'exit');
      child.kill(signal);
      const [code] = (await exited) as [number | null];
      return code;
    },
  };
}

/** A callback and what finds it in Temporal. */
export interface NumberedCallback {
  readonly request: TestRequest;
  readonly workflowId: string;
}

/** A genuine batch about a document of its own. */
export function newBatch({ signer }: WebhookPlace): NumberedCallback {
  const data = JSON.stringify([entry('document', randomUUID(), '30')]);
  const digest = createHash('sha256').update(data).digest('hex');
  return { request: batchRequest(signer, data), workflowId: callbackWorkflowId(digest) };
}

/** When Temporal started a workflow, in ns since 1970. Throws where there is none. */
export async function startedAt(client: Client, workflowId: string): Promise<bigint> {
  const { raw } = await client.workflow.getHandle(workflowId).describe();
  const { seconds, nanos } = raw.workflowExecutionInfo?.startTime ?? {};
  return BigInt(String(seconds ?? 0)) * 1_000_000_000n + BigInt(nanos ?? 0);
}

/** Until nothing waits any more and callbacks go to Temporal again. */
export async function caughtUp(webhook: WebhookProcess): Promise<void> {
  await until(async () => (await webhook.metric('spool_in_use')) === 0, 120_000);
}
