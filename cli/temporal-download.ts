import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import axios from 'axios';
import { runProgram } from './run-program.js';
import { TEMPORAL_BINARY } from './temporal-release.js';

/** Short: where the host is closed, the next source waits. */
const ANSWER_LIMIT_MS = 5_000;
const DOWNLOAD_LIMIT_MS = 5 * 60_000;
const UNPACK_LIMIT_MS = 60_000;

/** The archive of 1.9.1 has about 45 MB. */
const SIZE_LIMIT_BYTES = 200 * 1024 * 1024;

/** Enough progress to see that something happens, little enough for a log. */
const PROGRESS_STEP_BYTES = 5 * 1024 * 1024;

/** How a fetch tells what it is doing, and how it is given up. */
export interface FetchOptions {
  readonly onProgress: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Downloads an archive of the Temporal CLI and unpacks the program.
 * @param directory an empty one, for the archive and the program
 * @returns the program's path, not yet proved to work
 * @throws when nothing answers within 5 s, or the archive is not had within 5 minutes, is too large
 *   or does not hold the program
 */
export async function downloadArchive(
  url: string,
  directory: string,
  { onProgress, signal }: FetchOptions,
): Promise<string> {
  const archive = join(directory, 'archive');
  onProgress(`asking ${new URL(url).host} for the Temporal CLI`);
  await download(url, archive, { onProgress, signal });
  onProgress('unpacking the Temporal CLI');
  await runProgram('tar', ['-xf', archive, '-C', directory, TEMPORAL_BINARY], {
    limitMs: UNPACK_LIMIT_MS,
    signal,
  });
  return join(directory, TEMPORAL_BINARY);
}

async function download(
  url: string,
  file: string,
  { onProgress, signal }: FetchOptions,
): Promise<void> {
  const limits = new AbortController();
  const answer = limit(limits, ANSWER_LIMIT_MS, 'no answer');
  const whole = limit(limits, DOWNLOAD_LIMIT_MS, 'not downloaded');
  const giveUp = AbortSignal.any([limits.signal, ...(signal === undefined ? [] : [signal])]);
  try {
    const response = await axios.get<Readable>(url, { responseType: 'stream', signal: giveUp });
    clearTimeout(answer);
    const meter = progressMeter(Number(response.headers['content-length']), onProgress);
    await pipeline(response.data, meter, createWriteStream(file), { signal: giveUp });
  } catch (error) {
    giveUp.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(answer);
    clearTimeout(whole);
  }
}

function limit(controller: AbortController, limitMs: number, what: string): NodeJS.Timeout {
  return setTimeout(() => {
    controller.abort(new Error(`${what} within ${limitMs / 1000} s`));
  }, limitMs);
}

/** Passes bytes on, reports every step and fails beyond the size limit. */
function progressMeter(total: number, onProgress: (line: string) => void): Transform {
  let received = 0;
  let reported = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      received += chunk.length;
      if (received >= reported + PROGRESS_STEP_BYTES || received === total) {
        reported = received;
        onProgress(`downloaded ${progressText(received, total)}`);
      }
      const tooLarge = received > SIZE_LIMIT_BYTES;
      callback(tooLarge ? new Error(`more than ${megabytes(SIZE_LIMIT_BYTES)} MB`) : null, chunk);
    },
  });
}

/** @param total bytes; NaN where the server does not say */
function progressText(received: number, total: number): string {
  if (!(total > 0)) return `${megabytes(received)} MB`;
  const percent = Math.floor((received / total) * 100);
  return `${megabytes(received)} of ${megabytes(total)} MB (${percent} %)`;
}

function megabytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
