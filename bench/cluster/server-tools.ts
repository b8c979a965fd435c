/** The production server's programs, compiled from their module once and kept. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Surroundings } from '../benchmark.js';
import type { BenchConfiguration } from '../configuration.js';

const run = promisify(execFile);

/** The version that the development server of our Temporal CLI has inside. */
export const TEMPORAL_SERVER_VERSION = '1.32.0';

const MODULE = 'go.temporal.io/server/cmd';

/** Paths of executables. */
export interface ServerTools {
  /** The server. */
  readonly server: string;
  /** Makes and updates its databases. */
  readonly sql: string;
}

/**
 * Finds the programs where the settings say or in the cache, or has Go compile them, which takes
 * minutes.
 * @throws where there is no Go, or it fails
 */
export async function findServerTools(
  { serverTools, cacheDirectory }: BenchConfiguration,
  { onProgress, signal }: Surroundings,
): Promise<ServerTools> {
  const home = serverTools ?? join(cacheDirectory, `temporal-server-${TEMPORAL_SERVER_VERSION}`);
  const tools = { server: join(home, 'server'), sql: join(home, 'sql') };
  if (existsSync(tools.server) && existsSync(tools.sql)) return tools;
  if (serverTools !== undefined) throw new Error(`no programs server and sql in ${serverTools}`);
  await mkdir(cacheDirectory, { recursive: true });
  const staging = await mkdtemp(join(cacheDirectory, 'compiling-server-'));
  onProgress(`compiling Temporal's server ${TEMPORAL_SERVER_VERSION}: some minutes, once`);
  const programs = ['server', 'tools/sql'].map(
    (name) => `${MODULE}/${name}@v${TEMPORAL_SERVER_VERSION}`,
  );
  try {
    await run('go', ['install', ...programs], {
      env: { ...process.env, GOBIN: staging, GOFLAGS: '-mod=mod' },
      signal,
    });
    // In one step: a run that is given up leaves no half of it.
    await rename(staging, home);
  } catch (error) {
    signal.throwIfAborted();
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`Temporal's server could not be compiled with go install: ${why}`, {
      cause: error,
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return tools;
}
