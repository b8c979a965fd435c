import { fileURLToPath } from 'node:url';
import { findTemporalServer } from '../../cli/temporal-binary.js';
import { startTemporalServer, type TemporalServerOptions } from '../../cli/temporal-server.js';

const CACHE = fileURLToPath(new URL('../../.countersign/cache', import.meta.url));

/** A Temporal server of a test's own. */
export interface TestServer {
  /** `host:port` for clients. */
  readonly address: string;
  /** Ends it; everything in it is gone. */
  readonly stop: () => Promise<void>;
}

/**
 * The `temporal` binary for tests: the one that COUNTERSIGN_TEMPORAL_CLI names, an installed one,
 * or one fetched into the repository's cache. Several processes may ask at once.
 */
export function findTestBinary(): Promise<string> {
  return findTemporalServer({
    configuredPath: process.env['COUNTERSIGN_TEMPORAL_CLI'],
    cacheDirectory: CACHE,
    onProgress: (line) => process.stderr.write(`# ${line}\n`),
  });
}

/**
 * Starts a development server in memory, on free ports, without a UI: 0.3 s when the binary is
 * there. It ends with the test's process at the latest; stop it, or that process waits for it.
 */
export async function startTestServer(
  options: Pick<TemporalServerOptions, 'dynamicConfig'> = {},
): Promise<TestServer> {
  const { address, stop } = await startTemporalServer({
    ...options,
    binary: await findTestBinary(),
    port: 0,
    onExit: (reason) => {
      throw new Error(reason);
    },
  });
  return { address, stop };
}
