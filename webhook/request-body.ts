import type { IncomingMessage } from 'node:http';
import type { BodyShare } from './body-budget.js';
import { BusyError, MalformedError, TooLargeError, type Refusal } from './errors.js';

/**
 * The exact bytes of a request, counted in its share as they arrive. Where it is refused in the
 * middle the request stays open: its connection has still to carry the answer.
 * @throws TooLargeError, BusyError, or MalformedError where it broke off
 */
export function readBody(
  request: IncomingMessage,
  limitBytes: number,
  share: BodyShare,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const gathered = new Gathered(limitBytes);
    let bytes = 0;
    const stopListening = (): void => {
      request.off('data', take).off('end', finish).off('error', breakOff).off('close', breakOff);
    };
    const take = (chunk: Buffer): void => {
      bytes += chunk.length;
      const refusal = lengthRefusal(bytes, limitBytes) ?? roomRefusal(share, chunk.length);
      if (refusal === undefined) gathered.add(chunk);
      else refuse(refusal);
    };
    const refuse = (refusal: Refusal): void => {
      stopListening();
      request.pause();
      reject(refusal);
    };
    const finish = (): void => {
      stopListening();
      resolve(gathered.whole());
    };
    const breakOff = (): void => {
      refuse(new MalformedError('truncated', 'the body broke off before its end'));
    };
    // Said before a byte is read, where the length is.
    const refusal = lengthRefusal(Number(request.headers['content-length'] ?? 0), limitBytes);
    if (refusal !== undefined) reject(refusal);
    else if (request.destroyed) breakOff();
    else request.on('data', take).on('end', finish).on('error', breakOff).on('close', breakOff);
  });
}

/**
 * The bytes of a body so far, in one piece: kept one by one, chunks of a single byte would take
 * some hundred times the memory that the limits count.
 */
class Gathered {
  readonly #limitBytes: number;
  #bytes: Buffer = Buffer.alloc(0);
  #length = 0;

  /** Never more than the limit may be added. */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  add(chunk: Buffer): void {
    const length = this.#length + chunk.length;
    if (this.#length === 0) {
      // As a rule it is the whole body, which need not be copied.
      this.#bytes = chunk;
    } else {
      if (length > this.#bytes.length) this.#grow(Math.min(2 * length, this.#limitBytes));
      chunk.copy(this.#bytes, this.#length);
    }
    this.#length = length;
  }

  whole(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(capacity: number): void {
    const larger = Buffer.allocUnsafe(capacity);
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

function roomRefusal(share: BodyShare, bytes: number): Refusal | undefined {
  return share.take(bytes) ? undefined : new BusyError();
}

function lengthRefusal(bytes: number, limitBytes: number): Refusal | undefined {
  if (bytes <= limitBytes) return undefined;
  const message = `the body is longer than ${limitBytes} bytes: see WEBHOOK_BODY_LIMIT`;
  return new TooLargeError('tooLarge', message);
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
