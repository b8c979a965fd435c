/** A disk for the archive that can be filled to its last byte: a tmpfs of its own. */
import { execFile } from 'node:child_process';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Mounted; or a plain folder where mounting is not allowed, with the reason. */
export interface SmallDisk {
  readonly folder: string;
  /** Why it cannot be filled. */
  readonly problem?: string;
  fill(): Promise<void>;
  free(): Promise<void>;
  close(): Promise<void>;
}

/** @param megabytes far more than what is archived */
export async function openSmallDisk(folder: string, megabytes: number): Promise<SmallDisk> {
  await mkdir(folder, { recursive: true });
  const ballast = join(folder, '.ballast');
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]);
  } catch (error) {
    const problem = `no file system of its own for the archive: ${String(error)}`;
    const nothing = (): Promise<void> => Promise.resolve();
    return { folder, problem, fill: nothing, free: nothing, close: nothing };
  }
  return {
    folder,
    fill: () => fill(ballast),
    free: () => rm(ballast, { force: true }),
    close: async () => {
      await run('umount', ['-l', folder]);
    },
  };
}

async function fill(path: string): Promise<void> {
  const chunk = Buffer.alloc(1024 * 1024);
  const handle = await open(path, 'w');
  try {
    for (let size = chunk.length; size >= 1;) {
      try {
        await handle.write(chunk.subarray(0, size));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        // The last page, too.
        size = Math.floor(size / 2);
      }
    }
  } finally {
    await handle.close();
  }
}
