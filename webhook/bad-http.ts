import { STATUS_CODES, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { Refusal } from './errors.js';
import type { WebhookMetrics } from './metrics.js';
import { methodNotAllowed } from './refusals.js';

/** By the codes of Node's HTTP server; every other code of its parser is a 400. */
const STATUSES: ReadonlyMap<string, number> = new Map([
  ['ERR_HTTP_REQUEST_TIMEOUT', 408],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', 413],
  ['HPE_HEADER_OVERFLOW', 431],
  ['HPE_INVALID_METHOD', 501],
]);

/**
 * Answers, counts and logs what Node refuses before, or while, the app sees it. A request that is
 * refused in the middle of its body counts as broken off too, because the app has it already.
 */
export function answerBadHttp(server: Server, logger: Logger, metrics: WebhookMetrics): void {
  const latest = new WeakMap<Duplex, ServerResponse>();
  const end = (socket: Duplex, refusal: Refusal): void => {
    const response = latest.get(socket);
    const isHalfSent = response?.headersSent === true && !response.writableFinished;
    if (!socket.writable || isHalfSent) socket.destroy();
    else socket.end(answerText(refusal), () => socket.destroy());
  };
  server.on('request', ({ socket }, response) => latest.set(socket, response));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const code = error.code ?? '';
    const status = statusOf(code);
    if (status === undefined) {
      logger.debug({ code }, 'a connection broke');
      socket.destroy();
      return;
    }
    metrics.refused('badHttp');
    logger.warn({ reason: 'badHttp', code, status }, 'not a request that can be read');
    end(socket, new Refusal(status, 'badHttp', `not a request that can be read: ${code}`));
  });
  server.on('connect', ({ socket }) => {
    const refusal = methodNotAllowed();
    metrics.refused(refusal.reason);
    // Node has let the connection go: what becomes of it is nobody else's concern any more.
    socket.on('error', () => socket.destroy()).on('timeout', () => socket.destroy());
    socket.resume();
    end(socket, refusal);
  });
}

/** Undefined: nobody is to blame, the connection is gone. */
function statusOf(code: string): number | undefined {
  return STATUSES.get(code) ?? (code.startsWith('HPE_') ? 400 : undefined);
}

function answerText({ status, reason, message }: Refusal): string {
  const body = JSON.stringify({ error: reason, message });
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(status === 405 ? ['Allow: POST'] : []),
    '',
    body,
  ].join('\r\n');
}
