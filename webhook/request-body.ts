import type { IncomingMessage } from 'node:http';
import type { BodyShare } from './body-budget.js';
import { BusyError, MalformedError, Refusal, TooLargeError } from './errors.js';

/**
 * The exact bytes of a request, counted in its share as they arrive.
 * @throws TooLargeError, BusyError, or MalformedError where it broke off
 */
export async function readBody(
  request: IncomingMessage,
  limitBytes: number,
  share: BodyShare,
): Promise<Buffer> {
  // Said before a byte is read, where the length is.
  checkLength(Number(request.headers['content-length'] ?? 0), limitBytes);
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    // Kept open where it is refused in the middle: the connection has still to carry the answer.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      const part = chunk as Buffer;
      bytes += part.length;
      checkLength(bytes, limitBytes);
      if (!share.take(part.length)) throw new BusyError();
      chunks.push(part);
    }
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new MalformedError('truncated', 'the body broke off before its end');
  }
  return Buffer.concat(chunks, bytes);
}

function checkLength(bytes: number, limitBytes: number): void {
  if (bytes <= limitBytes) return;
  throw new TooLargeError(
    'tooLarge',
    `the body is longer than ${limitBytes} bytes: see WEBHOOK_BODY_LIMIT`,
  );
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
