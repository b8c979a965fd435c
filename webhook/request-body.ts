import type { IncomingMessage } from 'node:http';
import rawBody from 'raw-body';
import { MalformedError, TooLargeError } from './errors.js';

/** The exact bytes of a request. Throws TooLargeError, or MalformedError where it broke off. */
export async function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  try {
    const length = request.headers['content-length'] ?? null;
    return await rawBody(request, { limit: limitBytes, length });
  } catch (error) {
    if (isTooLarge(error)) throw new TooLargeError(limitBytes);
    throw new MalformedError('truncated', 'the body broke off before its end');
  }
}

function isTooLarge(error: unknown): boolean {
  return error instanceof Error && 'type' in error && error.type === 'entity.too.large';
}

/** Enough for a client that sends several times the limit to read its answer, and no more. */
const DRAIN_MAX_BYTES = 64 * 1024 * 1024;
const DRAIN_MAX_MS = 10_000;

/**
 * Reads and drops what is left of a refused request, bounded in bytes and time. A connection closed
 * while its client still sends is reset, and the client never sees why it was refused.
 */
export async function drain(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, DRAIN_MAX_MS);
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > DRAIN_MAX_BYTES) resolve();
    });
    for (const event of ['end', 'close', 'error'])
      request.once(event, () => {
        resolve();
      });
    request.once('close', () => {
      clearTimeout(timer);
    });
    request.resume();
  });
  request.pause();
}
