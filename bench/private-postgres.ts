/** A PostgreSQL of this run's own: its folder, its socket, no port, and gone with the run. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';

const run = promisify(execFile);

/** One that serves. */
export interface PrivatePostgres {
  /** Folder of its socket; the user is `postgres`. */
  readonly socketFolder: string;
  close(): Promise<void>;
}

/** Where Debian keeps it, newest first. */
const DEBIAN = '/usr/lib/postgresql';

const START_LIMIT_MS = 20_000;

/** With its defaults: every commit is synced. @throws where there is none or it does not start */
export async function openPrivatePostgres(): Promise<PrivatePostgres> {
  const bin = await findBinaries();
  const owner = await ownerOf();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-postgres-'));
  try {
    if (owner.uid !== undefined) await chown(folder, owner.uid, owner.gid ?? owner.uid);
    const data = join(folder, 'data');
    await run(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust'], owner);
    const words = ['-D', data, '-k', folder, '-c', 'listen_addresses='];
    const server = spawn(join(bin, 'postgres'), words, { ...owner, stdio: 'ignore' });
    const exited = once(server, 'exit');
    const close = async (): Promise<void> => {
      server.kill('SIGINT');
      await exited;
      await rm(folder, { recursive: true });
    };
    await untilServing(folder, close);
    return { socketFolder: folder, close };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function findBinaries(): Promise<string> {
  const versions = await readdir(DEBIAN).catch(() => []);
  const [newest] = versions.sort((a, b) => Number(b) - Number(a));
  if (newest === undefined) throw new Error(`there is no PostgreSQL in ${DEBIAN}`);
  return join(DEBIAN, newest, 'bin');
}

/** It refuses to run as root: then as the user that Debian made for it. */
async function ownerOf(): Promise<{ uid?: number; gid?: number; cwd: string }> {
  if (process.getuid?.() !== 0) return { cwd: tmpdir() };
  const { stdout } = await run('id', ['-u', 'postgres']);
  const { stdout: group } = await run('id', ['-g', 'postgres']);
  return { uid: Number(stdout), gid: Number(group), cwd: tmpdir() };
}

async function untilServing(host: string, close: () => Promise<void>): Promise<void> {
  const deadlineMs = Date.now() + START_LIMIT_MS;
  for (;;) {
    const client = new pg.Client({ host, user: 'postgres', database: 'postgres' });
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      if (Date.now() > deadlineMs) {
        await close();
        throw error;
      }
      await delay(100);
    }
  }
}
