/** A PostgreSQL of our own, in a folder, that nobody else reaches. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, mkdir, readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { pickFreePort } from '../../cli/ports.js';
import { startProcess } from '../ready-process.js';
import type { MeasuredProcess } from '../ready-process.js';

const run = promisify(execFile);

const HOST = '127.0.0.1';

/** Its only user, who may do everything. */
export const POSTGRES_USER = 'temporal';

/** Debian keeps the server's programs out of the path. */
const DEBIAN_HOME = '/usr/lib/postgresql';

/** A server that answers. */
export interface Postgres extends MeasuredProcess {
  readonly port: number;
  /** `PostgreSQL 15.8`, as it calls itself. */
  readonly version: string;
  /** Runs one statement; resolves with its rows as lines, columns divided by `|`. */
  query(database: string, sql: string): Promise<string>;
}

/** The default limits are for a hundred connections; Temporal's four services open more. */
const SETTINGS = ['max_connections=200', 'shared_buffers=256MB', 'max_wal_size=4GB'];

/**
 * Makes a database in `folder` and starts it: every commit on the disk, as by default.
 * @throws where PostgreSQL is not installed, or root has no user `postgres` to run it as
 */
export async function startPostgres(folder: string, signal: AbortSignal): Promise<Postgres> {
  const [initdb, postgres, psql] = await Promise.all(['initdb', 'postgres', 'psql'].map(find));
  const port = await pickFreePort(HOST);
  const { prefix, owner } = await runnerFor(folder);
  const data = join(folder, 'data');
  await mkdir(folder, { recursive: true });
  if (owner) await chown(folder, owner.uid, owner.gid);
  const init = [...prefix, initdb ?? '', '-D', data, '-U', POSTGRES_USER];
  await run(init[0] ?? '', [...init.slice(1), '-A', 'trust', '-E', 'UTF8', '--locale=C', '-N']);
  const server = [
    ...[...prefix, postgres ?? '', '-D', data, '-h', HOST, '-p', String(port)],
    ...['-k', folder, ...SETTINGS.flatMap((setting) => ['-c', setting])],
  ];
  const query = async (database: string, sql: string): Promise<string> => {
    const connection = ['-h', HOST, '-p', String(port), '-U', POSTGRES_USER, '-d', database];
    const { stdout } = await run(psql ?? '', [...connection, '-XAtqc', sql]);
    return stdout.trim();
  };
  const postmaster = await startProcess({
    name: 'PostgreSQL',
    command: server[0] ?? '',
    args: server.slice(1),
    logFile: join(folder, '..', 'postgres.log'),
    isReady: async () => (await query('postgres', 'SELECT 1')) === '1',
    // Fast shutdown: whoever is still connected is cut off.
    endSignal: 'SIGINT',
    signal,
  });
  const version = `PostgreSQL ${await query('postgres', 'SHOW server_version')}`;
  return { ...postmaster, port, version, query };
}

async function find(program: string): Promise<string> {
  const path = (process.env['PATH'] ?? '').split(delimiter);
  const versions = existsSync(DEBIAN_HOME) ? await readdir(DEBIAN_HOME) : [];
  const debian = versions
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => join(DEBIAN_HOME, version, 'bin'));
  const found = [...path, ...debian].find((folder) => existsSync(join(folder, program)));
  if (found === undefined) throw new Error(`no ${program}: install PostgreSQL`);
  return join(found, program);
}

interface Runner {
  /** What a command line begins with, so that it does not run as root. */
  readonly prefix: readonly string[];
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/** PostgreSQL refuses to run as root. */
async function runnerFor(folder: string): Promise<Runner> {
  if (process.getuid?.() !== 0) return { prefix: [] };
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, 'postgres'])).stdout)),
  );
  if (uid === undefined || gid === undefined) throw new Error(`nobody to own ${folder}`);
  const prefix = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
  return { prefix, owner: { uid, gid } };
}
