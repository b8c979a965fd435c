/**
 * Space put by in a queue's folder, for a disk that is full when the process has died: XFS makes no
 * file, and so no mark of the next process, where less than 176 KiB are free. ext4 needs nothing.
 */
import { statfs, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from './private-path.js';

const NAME = 'reserve';

const RESERVE_BYTES = 256 * 1024;

/** Where less is free, callbacks need it more. */
const PLENTY_BYTES = 16 * RESERVE_BYTES;

/** Puts space by where there is plenty. Never fails: it is missed on a full disk alone. */
export async function putReserveBy(folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder).catch(() => ({ bavail: 0, bsize: 0 }));
  if (bavail * bsize >= PLENTY_BYTES) await fill(folder);
}

/** Does something with the space that was put by in these folders; then it is put by again. */
export async function withReserves<Result>(
  folders: readonly string[],
  action: () => Promise<Result>,
): Promise<Result> {
  const spent: string[] = [];
  for (const folder of folders) if (await empty(folder)) spent.push(folder);
  try {
    return await action();
  } finally {
    for (const folder of spent) await fill(folder);
  }
}

/** All of it or nothing. */
async function fill(folder: string): Promise<void> {
  try {
    await writeFile(join(folder, NAME), Buffer.alloc(RESERVE_BYTES), { mode: 0o600 });
  } catch {
    await empty(folder).catch(() => undefined);
  }
}

/** Whether there was one. The file stays: to fill it again needs no other. */
async function empty(folder: string): Promise<boolean> {
  try {
    await truncate(join(folder, NAME));
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}
