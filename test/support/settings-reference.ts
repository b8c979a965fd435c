/** Who reads which variable, seen by watching them read: `npm run settings-reference`. */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { readConfiguration as readBench } from '../../bench/configuration.js';
import { readConfiguration as readUp } from '../../cli/configuration.js';
import { readConfiguration as readClient } from '../../client/configuration.js';
import { readConfiguration as readCodecServer } from '../../codec/server/configuration.js';
import { ConfigurationError, Settings, type Environment } from '../../configuration/settings.js';
import { readSandboxSettings } from '../../sandbox/configuration.js';
import { readConfiguration as readWebhook } from '../../webhook/configuration.js';
import { readConfiguration as readWorker } from '../../worker/configuration.js';

export const SETTINGS_PAGE = fileURLToPath(new URL('../../docs/configuration.md', import.meta.url));

/** The processes by the names under which the page has them; in this order. */
const READERS: Readonly<Record<string, (environment: Environment) => unknown>> = {
  worker: readWorker,
  webhook: readWebhook,
  client: readClient,
  'npm start': readUp,
  sandbox: (environment) => readSandboxSettings(new Settings(environment)),
  'codec server': readCodecServer,
  benchmarks: readBench,
};

/** Some are read only where others are set. */
const SITUATIONS: readonly Environment[] = [
  {},
  {
    ARCHIVE_URL: 's3://bucket/prefix',
    LEGALESIGN_API_KEY: 'user:key',
    NOTIFY_SMTP_URL: 'smtp://localhost',
    NOTIFY_WEBHOOK_URL: 'http://localhost',
    WEBHOOK_PUBLIC_URL: 'https://example.com',
  },
];

/** Temporal's own variables are read by its library; a process's folder says nothing of them. */
const TEMPORALS_OWN = /^TEMPORAL_(?!UI_URL)/;

/** Readers by variable. */
export function readersOfSettings(): ReadonlyMap<string, readonly string[]> {
  const readers = new Map<string, string[]>();
  for (const [process, read] of Object.entries(READERS)) {
    for (const name of namesReadBy(read)) {
      if (!TEMPORALS_OWN.test(name)) readers.set(name, [...(readers.get(name) ?? []), process]);
    }
  }
  return readers;
}

function namesReadBy(read: (environment: Environment) => unknown): ReadonlySet<string> {
  const names = new Set<string>();
  for (const situation of SITUATIONS) {
    const watched = new Proxy(situation, {
      get(target, name) {
        if (typeof name === 'string' && /^[A-Z][A-Z0-9_]+$/.test(name)) names.add(name);
        return Reflect.get(target, name) as unknown;
      },
    });
    try {
      read(watched);
    } catch (error) {
      // What is missing was read all the same.
      if (!(error instanceof ConfigurationError)) throw error;
    }
  }
  return names;
}

/** Variables in the first cell of a row of the page's table. */
export function variablesOf(row: string): string[] {
  const [, first = ''] = row.split('|');
  return [...first.matchAll(/`([A-Z][A-Z0-9_]+)`/g)].map(([, name = '']) => name);
}

/** The page with its column of readers as they are. Pure. */
export function withReaders(page: string, readers: ReadonlyMap<string, readonly string[]>): string {
  return page
    .split('\n')
    .map((line) => {
      if (!line.startsWith('| `')) return line;
      const cells = line.split(/(?<!\\)\|/);
      const by = new Set(variablesOf(line).flatMap((name) => readers.get(name) ?? []));
      const temporal = variablesOf(line).some((name) => TEMPORALS_OWN.test(name));
      cells[3] = temporal ? ' all ' : ` ${[...by].join(', ')} `;
      return cells.join('|');
    })
    .join('\n');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const page = await readFile(SETTINGS_PAGE, 'utf8');
  await writeFile(SETTINGS_PAGE, withReaders(page, readersOfSettings()));
}
