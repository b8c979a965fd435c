import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TEMPORAL_BINARY, TEMPORAL_CLI_VERSION } from './temporal-release.js';

const STAGING_PREFIX = 'fetching-temporal-';

/** Longer than any fetch takes: what is older was left by a process that was killed. */
const STALE_AFTER_MS = 60 * 60_000;

/** Where the fetched Temporal CLI of our version stays. */
export function cachedBinary(cacheDirectory: string): string {
  return join(cacheDirectory, `temporal-cli-${TEMPORAL_CLI_VERSION}`, TEMPORAL_BINARY);
}

/**
 * Fetches a binary into a folder of its own and, once it is proved, moves it to its place in one
 * step: processes that fetch at once, or are killed, never leave half a binary there.
 * @param fetchInto puts it anywhere into the folder given and returns its path
 * @param prove throws when it does not work
 * @returns its path in the cache
 */
export async function fetchIntoCache(
  cacheDirectory: string,
  fetchInto: (directory: string) => Promise<string>,
  prove: (path: string) => Promise<unknown>,
): Promise<string> {
  const home = cachedBinary(cacheDirectory);
  await mkdir(dirname(home), { recursive: true });
  await removeStale(cacheDirectory);
  const staging = await mkdtemp(join(cacheDirectory, STAGING_PREFIX));
  try {
    const fetched = await fetchInto(staging);
    await chmod(fetched, 0o755);
    await prove(fetched);
    await rename(fetched, home);
    return home;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function removeStale(cacheDirectory: string): Promise<void> {
  for (const name of await readdir(cacheDirectory)) {
    if (!name.startsWith(STAGING_PREFIX)) continue;
    const path = join(cacheDirectory, name);
    const age = Date.now() - ((await modifiedMs(path)) ?? Date.now());
    if (age > STALE_AFTER_MS) await rm(path, { recursive: true, force: true });
  }
}

/** Undefined when another process has just removed it. */
async function modifiedMs(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
