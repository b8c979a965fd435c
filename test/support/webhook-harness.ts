/** The webhook's app behind a real socket, with an inbox that remembers instead of storing. */
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type RequestListener,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { createApp, type WebhookDependencies } from '../../webhook/app.js';
import { createHttpServer, type HttpLimits } from '../../webhook/http-server.js';
import type { InboxMessage, StoreResult } from '../../webhook/callback-inbox.js';
import { createMetrics, type WebhookMetrics } from '../../webhook/metrics.js';
import type { TestRequest } from './webhook-signing.js';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON: `error` and `message`, or `result`. */
  readonly json: Readonly<Record<string, unknown>>;
}

export interface TestWebhook {
  readonly port: number;
  /** What the inbox was given. */
  readonly stored: InboxMessage[];
  /** What the log was given. */
  readonly log: string[];
  readonly metrics: WebhookMetrics;
  send(request: TestRequest): Promise<Answer>;
  close(): Promise<void>;
}

export type TestWebhookOptions = Partial<Omit<WebhookDependencies, 'inbox' | 'logger'>> & {
  readonly store?: (message: InboxMessage) => Promise<StoreResult>;
  readonly limits?: Partial<HttpLimits>;
  /** The app in a server that is not ours. */
  readonly isMounted?: boolean;
};

export async function startTestWebhook(options: TestWebhookOptions = {}): Promise<TestWebhook> {
  const stored: InboxMessage[] = [];
  const log: string[] = [];
  const metrics = createMetrics();
  const {
    store = () => Promise.resolve('stored' as const),
    isMounted = false,
    limits,
    ...dependencies
  } = options;
  const logger = pino({ level: 'trace' }, { write: (line: string) => void log.push(line) });
  const app = createApp({
    trust: { publicKeys: [], hmacSecrets: [], tokens: [] },
    maxAgeMs: 7 * 86_400_000,
    bodyLimitBytes: 16 * 1024 * 1024,
    bodyBudgetBytes: 256 * 1024 * 1024,
    logger,
    metrics,
    ready: () => Promise.resolve({ ok: true }),
    ...dependencies,
    inbox: {
      store(message) {
        stored.push(message);
        return store(message);
      },
    },
  });
  const handle = app.callback();
  const listener: RequestListener = (incoming, response) => void handle(incoming, response);
  const server = isMounted
    ? createServer(listener)
    : createHttpServer(listener, { logger, metrics, ...(limits && { limits }) });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    stored,
    log,
    metrics,
    send: (request) => sendTo(port, request),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** One request on a connection of its own. */
export function sendTo(port: number, request: TestRequest): Promise<Answer> {
  const { method = 'POST', path, headers, body } = request;
  return new Promise<Answer>((resolve, reject) => {
    const options = { host: '127.0.0.1', port, method, path, headers, agent: false };
    const outgoing = httpRequest(options, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const { statusCode: status = 0, headers: answered } = incoming;
        resolve({ status, headers: answered, text, json: jsonOf(text) });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function jsonOf(text: string): Readonly<Record<string, unknown>> {
  if (!text.startsWith('{')) return {};
  return JSON.parse(text) as Record<string, unknown>;
}
