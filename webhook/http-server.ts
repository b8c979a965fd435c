/** The HTTP server around the app: what it puts up with, how it begins and how it ends. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { answerBadHttp } from './bad-http.js';
import type { WebhookMetrics } from './metrics.js';

/** What a connection may take up. */
export interface HttpLimits {
  /** More at once are closed unread. */
  readonly maxConnections: number;
  readonly headersTimeoutMs: number;
  /** For a whole request. */
  readonly requestTimeoutMs: number;
  /** How often both are looked at: they may be exceeded by as much. */
  readonly checkIntervalMs: number;
}

/** A callback is at most some megabytes: what takes longer to arrive will not arrive. */
const LIMITS: HttpLimits = {
  maxConnections: 1000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  checkIntervalMs: 5000,
};

/** What a server counts and logs with. */
interface HttpServerSurroundings {
  readonly logger: Logger;
  readonly metrics: WebhookMetrics;
  readonly limits?: HttpLimits;
}

/** A server that does not listen yet. */
export function createHttpServer(
  handle: RequestListener,
  { logger, metrics, limits = LIMITS }: HttpServerSurroundings,
): Server {
  const options = {
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: limits.checkIntervalMs,
  };
  const server = createServer(options, handle);
  server.maxConnections = limits.maxConnections;
  // Node itself would answer 417, uncounted and without a reason; a server may ignore it as well.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  answerBadHttp(server, logger, metrics);
  return server;
}

/** Resolves with the URL, without a slash at the end; rejects with the system's error. */
export function listen(server: Server, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve(urlOf(server.address() as AddressInfo));
    });
  });
}

function urlOf({ address, family, port }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

/** How long answers that are under way may take when the server is closed. */
const CLOSE_LIMIT_MS = 10_000;

/** Takes no new connections, and resolves once what is under way is answered. */
export async function closeServer(server: Server): Promise<void> {
  const limit = setTimeout(() => {
    server.closeAllConnections();
  }, CLOSE_LIMIT_MS);
  // A connection that is kept alive becomes idle only once its last answer is sent.
  server.on('request', (_request, response) => response.setHeader('Connection', 'close'));
  const sweep = setInterval(() => {
    server.closeIdleConnections();
  }, 50);
  await new Promise((resolve) => server.close(resolve));
  clearTimeout(limit);
  clearInterval(sweep);
}
