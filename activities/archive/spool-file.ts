import { randomUUID } from 'node:crypto';
import { constants, open, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { WriteOptions } from './archive.js';
import { writeHashed, type WrittenFile } from './durable-file.js';

const NEW_FILE = constants.O_CREAT | constants.O_EXCL | constants.O_RDWR;
const FILE_MODE = 0o600;
const CHUNK_BYTES = 256 * 1024;

/** A stream's content on this machine's disk, with its hash, to be read as often as need be. */
export interface SpoolFile extends WrittenFile {
  /** A new stream of the whole content. */
  open(): Readable;
  /** Frees the disk. May be called repeatedly. */
  close(): Promise<void>;
}

/**
 * Writes a stream into a nameless file in the system's folder for temporary files (`TMPDIR`). The
 * name is gone before the first byte is there, so that nothing is left behind, whatever crashes.
 * @throws errors of the stream and of the disk; ApplicationFailure `RequestRefused` over `maxBytes`
 */
export async function spool(
  content: AsyncIterable<Uint8Array>,
  options: WriteOptions = {},
): Promise<SpoolFile> {
  const path = join(tmpdir(), `countersign-${randomUUID()}`);
  const handle = await open(path, NEW_FILE, FILE_MODE);
  try {
    await rm(path);
    const written = await writeHashed(handle, content, options);
    return {
      ...written,
      open: () => Readable.from(chunksOf(handle), { objectMode: false }),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

// No stream of the handle's own: closing would wait for one that nobody reads to its end.
async function* chunksOf(handle: FileHandle): AsyncGenerator<Buffer> {
  for (let position = 0; ;) {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    const { bytesRead } = await handle.read({ buffer, position });
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
