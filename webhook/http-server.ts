/** The HTTP server around the app: what it puts up with, how it begins and how it ends. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
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
  /** Without a byte in either direction: whoever does not read the answers is closed after it. */
  readonly idleTimeoutMs: number;
  /** Requests on one connection that wait for their answers; with more of them it is closed. */
  readonly maxUnanswered: number;
}

/** A callback is at most some megabytes: what takes longer to arrive will not arrive. */
const LIMITS: HttpLimits = {
  maxConnections: 1000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  checkIntervalMs: 5000,
  idleTimeoutMs: 60_000,
  // Hardly anybody sends a second one before the first is answered.
  maxUnanswered: 20,
};

/** What a server counts and logs with. */
interface HttpServerSurroundings {
  readonly logger: Logger;
  readonly metrics: WebhookMetrics;
  readonly limits?: Partial<HttpLimits>;
  /** From an answer to the next request on the same connection; 5 s, Node's own, unless told. */
  readonly keepAliveMs?: number;
}

/** A server that does not listen yet. */
export function createHttpServer(
  handle: RequestListener,
  { logger, metrics, limits: changed, keepAliveMs }: HttpServerSurroundings,
): Server {
  const limits = { ...LIMITS, ...changed };
  const options = {
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    ...(keepAliveMs !== undefined && { keepAliveTimeout: keepAliveMs }),
    connectionsCheckingInterval: limits.checkIntervalMs,
  };
  const refuse = (socket: Socket): void => {
    metrics.refused('badHttp');
    logger.warn({ reason: 'badHttp' }, 'more unanswered requests on a connection than it may have');
    socket.destroy();
  };
  const server = createServer(options, boundUnanswered(handle, limits.maxUnanswered, refuse));
  server.maxConnections = limits.maxConnections;
  server.setTimeout(limits.idleTimeoutMs);
  // Node itself would answer 417, uncounted and without a reason; a server may ignore it as well.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  answerBadHttp(server, logger, metrics);
  return server;
}

/**
 * Requests that come in one piece are all read before any is answered, and each of those that wait
 * takes memory, whether or not the sender ever reads an answer.
 */
function boundUnanswered(
  handle: RequestListener,
  max: number,
  refuse: (socket: Socket) => void,
): RequestListener {
  const unanswered = new WeakMap<Socket, number>();
  const add = (socket: Socket, more: number): number => {
    const count = (unanswered.get(socket) ?? 0) + more;
    unanswered.set(socket, count);
    return count;
  };
  return (request, response) => {
    const { socket } = request;
    // Node goes on reading what came with the request for which it was closed.
    if (socket.destroyed) return;
    response.once('close', () => add(socket, -1));
    if (add(socket, 1) > max) refuse(socket);
    else handle(request, response);
  };
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
