import { mkdir, mkdtemp, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** How far from its end a log is read: enough for a few lines, little enough for any log. */
const TAIL_BYTES = 8 * 1024;

/**
 * Opens a log that a child writes to and we read the end of. It is for its owner's eyes only: a
 * server's log may quote what it stores.
 * @param path where it stays, the former one as `<path>.previous`; without it, a file without a
 *   name that is gone when it is closed
 */
export async function openLog(path: string | undefined): Promise<FileHandle> {
  if (path === undefined) return openNameless();
  await mkdir(dirname(path), { recursive: true });
  try {
    await rename(path, `${path}.previous`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return open(path, 'a+', 0o600);
}

/** The last `count` lines of a log that are not empty, oldest first. */
export async function lastLines(log: FileHandle, count: number): Promise<string[]> {
  const { size } = await log.stat();
  const start = Math.max(0, size - TAIL_BYTES);
  const { buffer, bytesRead } = await log.read(Buffer.alloc(size - start), 0, size - start, start);
  const lines = buffer.toString('utf8', 0, bytesRead).split('\n');
  return lines
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .slice(-count);
}

async function openNameless(): Promise<FileHandle> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-'));
  try {
    return await open(join(directory, 'log'), 'a+', 0o600);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
