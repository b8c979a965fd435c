/** A running sandbox and a receiver of its callbacks, for the tests of the sandbox. */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { createKeyPair, createSandbox } from '../../sandbox/index.js';
import type { KeyPair, Sandbox, SandboxOptions } from '../../sandbox/index.js';

/** A request as it came in. */
export interface Received {
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

export interface CallbackReceiver {
  readonly url: string;
  readonly received: readonly Received[];
  /** What is answered from now on. */
  answer: { status: number; body: string };
}

/** Receives callbacks on a free port until the test ends. */
export async function startCallbackReceiver(context: TestContext): Promise<CallbackReceiver> {
  const received: Received[] = [];
  const receiver = { url: '', received, answer: { status: 200, body: 'stored' } };
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      received.push({ headers: request.headers, body, text: body.toString() });
      response.statusCode = receiver.answer.status;
      response.end(receiver.answer.body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/callbacks`;
  return receiver;
}

let sharedKeyPair: Promise<KeyPair> | undefined;

/** One key pair for a test file: making one takes a while. */
export function testKeyPair(): Promise<KeyPair> {
  sharedKeyPair ??= createKeyPair();
  return sharedKeyPair;
}

/** A sandbox that ends with the test; batches go out on demand, final PDFs come at once. */
export async function startTestSandbox(
  context: TestContext,
  options: SandboxOptions = {},
): Promise<Sandbox> {
  const keyPair = await testKeyPair();
  const sandbox = await createSandbox({
    batchIntervalMs: 0,
    finalPdfDelayMs: 0,
    ...(options.dataDirectory === undefined && { keyPair }),
    ...options,
  });
  context.after(() => sandbox.close());
  return sandbox;
}

/** An answer of the REST or control interface. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  /** The body as JSON, if it is some. */
  readonly json: unknown;
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString()) as unknown;
  } catch {
    return undefined;
  }
}

/** Calls an interface; redirects are answers like any other. */
export async function call(
  url: string,
  {
    method = 'GET',
    body,
    headers = { Authorization: 'ApiKey tester:secret' },
  }: { method?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers,
    redirect: 'manual',
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  return { status: response.status, headers: response.headers, bytes, json: jsonOf(bytes) };
}

/** A body that the provider accepts for `POST /document/`. */
export function documentBody(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    group: '/api/v1/group/sales/',
    name: 'Service agreement',
    templatepdf: '/api/v1/templatepdf/t1/',
    signers: [
      { firstname: 'Ada', lastname: 'Lovelace', email: 'ada@example.com' },
      { firstname: 'Grace', lastname: 'Hopper', email: 'grace@example.com' },
    ],
    ...changes,
  };
}

/** What `numbers` of a document's signers are now. */
export function signerStatuses(sandbox: Sandbox, documentId: string): number[] {
  return sandbox.document(documentId).signers.map(({ status }) => status);
}
