/**
 * Says of a folder that the process it belongs to lives: a socket in it, on which that process
 * listens. The kernel closes it however the process ends; so no process number is compared that
 * another process may have by now, and those of two containers do not take each other for dead.
 */
import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { hasCode } from './private-path.js';

const SOCKET = 'alive';

/** A socket that is bound does not listen yet: it gets its name when it does. */
const SOCKET_TO_BE = 'alive-soon';

/** The kernel's limit is 107 bytes on Linux and 103 on macOS. */
const SOCKET_PATH_MAX_BYTES = 100;

/** What a folder says of its process. */
type FoundMark = 'alive' | 'dead' | 'none';

/** A mark that is set. It goes where its folder goes, whatever that is called. */
export class AliveMark {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /**
   * Marks a folder as this process's, and keeps the process from ending in no way. A dead mark is
   * removed first: where there is no inode for another file, there is the one that it had.
   */
  static async set(folder: string): Promise<AliveMark> {
    await AliveMark.remove(folder);
    const server = createServer((socket) => socket.destroy());
    server.unref();
    const mark = new AliveMark(server);
    await withSocketPath(folder, SOCKET_TO_BE, (path) => listen(server, path));
    try {
      await rename(join(folder, SOCKET_TO_BE), join(folder, SOCKET));
      return mark;
    } catch (error) {
      await mark.release();
      throw error;
    }
  }

  /**
   * `none`: there is no mark, not yet or no longer. `dead`: there is one that nobody answers, and
   * nobody will again. `alive` in every case of doubt.
   */
  static async find(folder: string): Promise<FoundMark> {
    try {
      return await withSocketPath(folder, SOCKET, call);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return 'none';
      throw error;
    }
  }

  /** From now on it is dead. */
  async release(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Takes away a mark that is dead, or was never finished. */
  static async remove(folder: string): Promise<void> {
    for (const name of [SOCKET, SOCKET_TO_BE]) await rm(join(folder, name), { force: true });
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function call(path: string): Promise<FoundMark> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve('alive');
    });
    socket.once('error', (error) => {
      if (hasCode(error, 'ECONNREFUSED')) resolve('dead');
      else resolve(hasCode(error, 'ENOENT') ? 'none' : 'alive');
    });
  });
}

/** Calls with a path of the socket that is short enough for the kernel. */
async function withSocketPath<Result>(
  folder: string,
  name: string,
  use: (path: string) => Promise<Result>,
): Promise<Result> {
  const path = join(folder, name);
  if (Buffer.byteLength(path) <= SOCKET_PATH_MAX_BYTES) return use(path);
  if (process.platform !== 'linux') {
    throw new Error(`${path} is too long for a socket: COUNTERSIGN_DATA needs a shorter path`);
  }
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return await use(`/proc/self/fd/${handle.fd}/${name}`);
  } finally {
    await handle.close();
  }
}
