/** The benchmarks' settings; the only file here that knows the environment. */
import { fileURLToPath } from 'node:url';
import { Settings } from '../configuration/settings.js';
import type { Environment } from '../configuration/settings.js';

/** Where a Temporal server's binary is, or is kept once fetched. */
export interface BenchConfiguration {
  readonly temporalCli: string | undefined;
  /** A folder with the production server's programs, `server` and `sql`. */
  readonly serverTools: string | undefined;
  readonly cacheDirectory: string;
}

/** Never fails: a path that does not work is told by whoever runs it. */
export function readConfiguration(environment: Environment = process.env): BenchConfiguration {
  const settings = new Settings(environment);
  return {
    temporalCli: settings.text('COUNTERSIGN_TEMPORAL_CLI'),
    serverTools: settings.text('COUNTERSIGN_TEMPORAL_SERVER_TOOLS'),
    cacheDirectory: fileURLToPath(new URL('../.countersign/cache', import.meta.url)),
  };
}
