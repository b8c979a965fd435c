/** Folders and files that nobody but this process's user can enter, read or replace. */
import { constants } from 'node:fs';
import { lstat, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';

/** What lies there is somebody else's, or open to others: nothing in it can be believed. */
export class NotPrivateError extends Error {
  override readonly name = 'NotPrivateError';
}

/**
 * A folder of mode 0700, durable once this resolves.
 * @throws NotPrivateError, or the system's error
 */
export async function makePrivateFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
    await syncFolder(dirname(path));
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
    await checkPrivate(path);
  }
}

/** @throws NotPrivateError; the system's error where there is nothing */
export async function checkPrivate(path: string): Promise<void> {
  const stats = await lstat(path);
  const owner = process.getuid?.();
  if (stats.isSymbolicLink() || (owner !== undefined && stats.uid !== owner)) {
    throw new NotPrivateError(`${path} does not belong to the user of this process`);
  }
  if ((stats.mode & 0o077) !== 0) throw new NotPrivateError(`${path} is open to other users`);
}

/** Makes the names in a folder durable: the sync of a file says nothing of its name. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Whether it is an error of the system with one of these codes. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && codes.includes(String((error as NodeJS.ErrnoException).code));
}
