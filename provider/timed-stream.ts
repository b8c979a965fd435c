import { Readable } from 'node:stream';

/** Code of the error that ends a stream which is longer than it may. */
export const TOO_LARGE_CODE = 'ETOOLARGE';

/** Code of the error of a stream that ends without its last word. */
const CUT_OFF_CODE = 'ECUTOFF';

/** The last word may be followed by so much. */
const END_BYTES = 1024;

/** What a stream is held to. */
interface StreamLimits {
  readonly idleMs: number;
  readonly maxBytes: number;
  /** Must stand near its end, where nothing else tells a whole one from half of one. */
  readonly lastWord?: string | undefined;
}

/**
 * Passes a stream on and ends it with an error when the source is silent for too long, longer than
 * it may be, or cut off. Only the time in which bytes are awaited counts: a slow reader does not
 * make the source late.
 * @param failure makes the error of the source's own; silence has the code `ETIMEDOUT`
 */
export function timedStream(
  source: Readable,
  limits: StreamLimits,
  failure: (cause: unknown) => unknown,
): Readable {
  const passed = Readable.from(passOn(source, limits, failure), { objectMode: false });
  // Destroying a stream that nobody has read yet does not reach the generator's end.
  passed.once('close', () => source.destroy());
  return passed;
}

async function* passOn(
  source: Readable,
  { idleMs, maxBytes, lastWord = '' }: StreamLimits,
  failure: (cause: unknown) => unknown,
): AsyncGenerator<Buffer> {
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let bytes = 0;
  let end = Buffer.alloc(0);
  for (;;) {
    const next = await nextInTime(source, chunks, idleMs, failure);
    if (next.done === true) {
      if (end.includes(lastWord)) return;
      throw failure(Object.assign(new Error('cut off'), { code: CUT_OFF_CODE }));
    }
    end = Buffer.concat([end, next.value.subarray(-END_BYTES)]).subarray(-END_BYTES);
    bytes += next.value.length;
    if (bytes > maxBytes) {
      source.destroy();
      throw failure(Object.assign(new Error('too large'), { code: TOO_LARGE_CODE }));
    }
    yield next.value;
  }
}

async function nextInTime(
  source: Readable,
  chunks: AsyncIterator<Buffer>,
  idleMs: number,
  failure: (cause: unknown) => unknown,
): Promise<IteratorResult<Buffer, unknown>> {
  const timer = setTimeout(() => {
    source.destroy(Object.assign(new Error('silent for too long'), { code: 'ETIMEDOUT' }));
  }, idleMs);
  try {
    return await chunks.next();
  } catch (error) {
    throw failure(error);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * A stream's first bytes as text; the rest is dropped, and so is an error while reading.
 * @param dueMs until what is there by then must do; without it the stream itself must end in time
 */
export async function textOf(stream: Readable, maxBytes: number, dueMs?: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const timer = dueMs === undefined ? undefined : setTimeout(() => stream.destroy(), dueMs);
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= maxBytes) break;
    }
  } catch (error) {
    // Half an error's body is still the better reason; the status has been understood already.
    if (!(error instanceof Error)) throw error;
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks).subarray(0, maxBytes).toString('utf8');
}
