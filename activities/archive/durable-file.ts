import { createHash } from 'node:crypto';
import { constants, mkdir, open, rename, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ApplicationFailure } from '@temporalio/common';
import { FAILURE_TYPES } from '../../workflows/contract.js';
import type { WriteOptions } from './archive.js';

/** Signed documents are personal data: for the worker's own user alone. */
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

// Exclusive: never through a link that somebody laid there, never into another attempt's file.
const NEW_FILE = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY;

/** Makes a folder's entries (creations, renames, removals) survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Creates a folder and those above it, durably. */
export async function makeFolder(folder: string): Promise<void> {
  const firstMade = await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  if (firstMade === undefined) return;
  for (let made = folder; made.length >= firstMade.length; made = dirname(made)) {
    await syncFolder(dirname(made));
  }
}

/** Moves a file or folder, durably, within one file system. */
export async function moveDurably(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncFolder(dirname(to));
  if (dirname(from) !== dirname(to)) await syncFolder(dirname(from));
}

/** What was written, computed on the way. */
export interface WrittenFile {
  readonly bytes: number;
  /** SHA-256, lower-case hex. */
  readonly sha256: string;
}

function requireRoom(bytes: number, maxBytes: number): void {
  if (bytes <= maxBytes) return;
  throw ApplicationFailure.create({
    type: FAILURE_TYPES.requestRefused,
    message: `The file is larger than the ${maxBytes} bytes that this worker archives.`,
    nonRetryable: true,
  });
}

async function writeAll(
  handle: FileHandle,
  content: AsyncIterable<Uint8Array>,
  { onBytes, maxBytes = Number.MAX_SAFE_INTEGER }: WriteOptions,
): Promise<WrittenFile> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.length;
    requireRoom(bytes, maxBytes);
    hash.update(chunk);
    await handle.writeFile(chunk);
    onBytes?.(bytes);
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** Writes a stream into an open file, hashed on the way: never whole in memory, and not synced. */
export async function writeHashed(
  handle: FileHandle,
  content: AsyncIterable<Uint8Array>,
  options: WriteOptions = {},
): Promise<WrittenFile> {
  const { signal } = options;
  let written: WrittenFile = { bytes: 0, sha256: '' };
  await pipeline(
    content,
    async (chunks: AsyncIterable<Uint8Array>) => {
      written = await writeAll(handle, chunks, options);
    },
    signal === undefined ? {} : { signal },
  );
  return written;
}

/** Writes a new file from a stream, hashed on the way and synced. */
export async function writeDurably(
  path: string,
  content: AsyncIterable<Uint8Array>,
  options: WriteOptions = {},
): Promise<WrittenFile> {
  const handle = await open(path, NEW_FILE, FILE_MODE);
  try {
    const written = await writeHashed(handle, content, options);
    await handle.sync();
    return written;
  } finally {
    await handle.close();
  }
}
