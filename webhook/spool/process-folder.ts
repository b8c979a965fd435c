/**
 * Each process keeps its queues in a folder of its own, so that no two ever write to one file. What
 * a dead process left is taken over by renaming its folder, which only one of several can succeed
 * in, and which needs no space: the disk may be full.
 */
import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, rename, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AliveMark } from './alive-mark.js';
import { checkPrivate, hasCode, makePrivateFolder, syncFolder } from './private-path.js';
import { withReserves } from './reserve.js';

const PROCESS = /^p-[0-9a-f]{8}$/;
const QUEUE = /^q-[0-9a-f]{8}$/;

/** Names are random: 2^32 of them for the handful that are there at one time. */
function newName(kind: 'p' | 'q'): string {
  return `${kind}-${randomBytes(4).toString('hex')}`;
}

/** A folder of this process: made by it, or taken over. */
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
    const made = await ProcessFolder.claim(path);
    // Another process took it for one that a dead process left.
    if (made === undefined) return ProcessFolder.make(spoolFolder);
    await syncFolder(spoolFolder);
    return made;
  }

  /**
   * Makes a folder that is nobody's this process's. It is marked under a name in between, and owned
   * under another, under which nobody ever saw it without a living mark: whoever looked earlier and
   * acts late finds nothing there. Whenever this process dies, it is nobody's again.
   * Undefined: another process was faster.
   */
  static async claim(folder: string): Promise<ProcessFolder | undefined> {
    const between = await renameAnew(folder);
    if (between === undefined) return undefined;
    const mark = await setMark(between);
    if (mark === undefined) return undefined;
    try {
      const path = await renameAnew(between);
      if (path !== undefined) return new ProcessFolder(path, mark);
    } catch (error) {
      await mark.release();
      throw error;
    }
    await mark.release();
    return undefined;
  }

  /** A new, empty folder for a queue. */
  async makeQueueFolder(): Promise<string> {
    const path = join(this.path, newName('q'));
    await makePrivateFolder(path);
    return path;
  }

  /** The folders of its queues. */
  queueFolders(): Promise<readonly string[]> {
    return foldersIn(this.path, QUEUE);
  }

  /** Lets go of what is left here, for another process to take over. */
  async close(): Promise<void> {
    await this.#mark.release();
    await clearAway(this.path);
  }
}

/** Undefined: another process has taken the folder meanwhile. */
async function setMark(folder: string): Promise<AliveMark | undefined> {
  try {
    return await AliveMark.set(folder).catch(async (error: unknown) => {
      if (!hasCode(error, 'ENOSPC', 'EDQUOT')) throw error;
      return withReserves(await foldersIn(folder, QUEUE), () => AliveMark.set(folder));
    });
  } catch (error) {
    if (!(await exists(folder))) return undefined;
    await removeIfEmpty(folder);
    throw error;
  }
}

/** Gives a folder a name that it never had. Undefined: it is not there. */
async function renameAnew(folder: string): Promise<string | undefined> {
  const path = join(dirname(folder), newName('p'));
  try {
    await rename(folder, path);
    return path;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
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
  try {
    await checkPrivate(processFolder);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
  // Before the mark is looked for: a process that makes a queue has set it by then.
  const queues = await foldersIn(processFolder, QUEUE);
  return (await AliveMark.find(processFolder)) === 'alive' ? [] : queues;
}

/** Clears away a dead process's folder, if nothing is left in it. */
export async function clearAway(processFolder: string): Promise<void> {
  if ((await foldersIn(processFolder, QUEUE)).length > 0) return;
  if ((await AliveMark.find(processFolder)) === 'dead') await AliveMark.remove(processFolder);
  await removeIfEmpty(processFolder);
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
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
