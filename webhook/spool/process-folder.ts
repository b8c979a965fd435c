/**
 * Each process keeps its queues in a folder of its own, so that no two ever write to one file. What
 * a dead process left is taken over by renaming it, which only one of several can succeed in.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AliveMark } from './alive-mark.js';
import { checkPrivate, hasCode, makePrivateFolder } from './private-path.js';

const PROCESS = /^p-[0-9a-f]{8}$/;
const QUEUE = /^q-[0-9a-f]{8}$/;

/** Names are random: 2^32 of them for the handful that are there at one time. */
function newName(kind: 'p' | 'q'): string {
  return `${kind}-${randomBytes(4).toString('hex')}`;
}

/** The folder of this process. */
export class ProcessFolder {
  readonly path: string;
  readonly #mark: AliveMark;

  private constructor(path: string, mark: AliveMark) {
    this.path = path;
    this.#mark = mark;
  }

  /** Makes one in the spool's folder, which is made too where it is not there. */
  static async make(spoolFolder: string): Promise<ProcessFolder> {
    await mkdir(dirname(spoolFolder), { recursive: true });
    await makePrivateFolder(spoolFolder);
    const path = join(spoolFolder, newName('p'));
    await makePrivateFolder(path);
    try {
      return new ProcessFolder(path, await AliveMark.set(path));
    } catch (error) {
      await removeIfEmpty(path);
      throw error;
    }
  }

  /** A new, empty folder for a queue. */
  async makeQueueFolder(): Promise<string> {
    const path = join(this.path, newName('q'));
    await makePrivateFolder(path);
    return path;
  }

  /** Moves a dead process's queue here. Undefined: another process was faster. */
  async takeOver(queueFolder: string): Promise<string | undefined> {
    const path = join(this.path, basename(queueFolder));
    try {
      await rename(queueFolder, path);
      return path;
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** Lets go of what is left here, for another process to take over. */
  async close(): Promise<void> {
    await this.#mark.clear();
    await removeIfEmpty(this.path);
  }
}

/** @throws NotPrivateError where others could have put there what lies there */
export async function findProcessFolders(spoolFolder: string): Promise<readonly string[]> {
  const found = await foldersIn(spoolFolder, PROCESS);
  if (found.length > 0) await checkPrivate(spoolFolder);
  return found;
}

/** The queues in a process's folder; none while it lives. @throws NotPrivateError */
export async function findOrphans(processFolder: string): Promise<readonly string[]> {
  await checkPrivate(processFolder);
  if ((await AliveMark.find(processFolder)) === 'alive') return [];
  return foldersIn(processFolder, QUEUE);
}

/** Clears away a dead process's folder, if nothing is left in it. */
export async function clearAway(processFolder: string): Promise<void> {
  if ((await foldersIn(processFolder, QUEUE)).length > 0) return;
  if ((await AliveMark.find(processFolder)) === 'dead') await AliveMark.remove(processFolder);
  await removeIfEmpty(processFolder);
}

async function foldersIn(path: string, name: RegExp): Promise<readonly string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory() && name.test(entry.name));
    return folders.map((entry) => join(path, entry.name));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

async function removeIfEmpty(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (error) {
    if (!hasCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) throw error;
  }
}
