import type { IncomingMessage } from 'node:http';
import { finished } from 'node:stream';

const DRAIN_MAX_MS = 10_000;

/**
 * Reads and drops what is left of a refused request, bounded in bytes and time. A connection closed
 * while its client still sends is reset, and the client never sees why it was refused.
 */
export async function drain(request: IncomingMessage, maxBytes: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, DRAIN_MAX_MS);
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) resolve();
    });
    finished(request, { writable: false }, () => {
      clearTimeout(timer);
      resolve();
    });
    request.resume();
  });
  request.pause();
}
