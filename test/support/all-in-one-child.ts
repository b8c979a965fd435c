/** `npm start` as a child process, in a folder and on ports of the test's own. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { pickFreePort } from '../../cli/ports.js';
import { findTestBinary } from './temporal.js';
import { until } from './until.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LOOPBACK = '127.0.0.1';

/** A test, or whatever else has an end. */
export interface WithEnd {
  after(close: () => Promise<void>): void;
}

/** Where one or several starts, one after the other, keep what they keep. */
export interface Place {
  readonly folder: string;
  readonly archiveFolder: string;
  readonly environment: Readonly<Record<string, string>>;
  /** How to end what was started there. */
  readonly enders: (() => Promise<unknown>)[];
}

/** The same for all that is started here, so that a second start meets what the first one left. */
export async function makePlace(context: WithEnd): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-all-in-one-'));
  const enders: Place['enders'] = [];
  context.after(async () => {
    await Promise.all(enders.map((end) => end()));
    await until(async () => (await processesOf({ folder })).length === 0);
    await rm(folder, { recursive: true, force: true });
  });
  const archiveFolder = join(folder, 'archive');
  return {
    folder,
    archiveFolder,
    enders,
    environment: {
      COUNTERSIGN_DATA: join(folder, 'data'),
      ARCHIVE_URL: pathToFileURL(archiveFolder).href,
      COUNTERSIGN_TEMPORAL_CLI: await findTestBinary(),
      COUNTERSIGN_TEMPORAL_PORT: String(await pickFreePort(LOOPBACK)),
      COUNTERSIGN_TEMPORAL_UI_PORT: String(await pickFreePort(LOOPBACK)),
      WEBHOOK_PORT: String(await pickFreePort(LOOPBACK)),
      SANDBOX_PORT: String(await pickFreePort(LOOPBACK)),
    },
  };
}

/** How a process ended, and what it had said. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: readonly string[];
  readonly complaints: readonly string[];
}

/** A process of `npm start`. */
export interface AllInOneChild {
  /** Everything that it has said so far. */
  readonly output: readonly string[];
  readonly ended: Promise<Ending>;
  /** Resolves with the first match, also of a line that is there already. */
  line(pattern: RegExp): Promise<RegExpExecArray>;
  kill(signal: NodeJS.Signals): void;
}

/** Starts it; it ends with the test at the latest. */
export function startChild(
  place: Place,
  environment: Readonly<Record<string, string>> = {},
): AllInOneChild {
  const child = spawn(process.execPath, ['cli/countersign.js', 'up'], {
    cwd: ROOT,
    env: { ...ownEnvironment(), ...place.environment, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: string[] = [];
  const complaints: string[] = [];
  const told = Promise.all([gather(child.stdout, output), gather(child.stderr, complaints)]);
  const ended = once(child, 'exit').then(async ([code, signal]) => {
    await told;
    return { code: code as number | null, signal: signal as NodeJS.Signals, output, complaints };
  });
  place.enders.push(() => {
    child.kill('SIGKILL');
    return ended;
  });
  return {
    output,
    ended,
    line: (pattern) => lineOf(pattern, output, () => child.exitCode !== null, complaints),
    kill: (signal) => void child.kill(signal),
  };
}

/** What would lead a child to the tester's own Temporal or provider stays behind. */
function ownEnvironment(): Record<string, string | undefined> {
  const foreign = /^(TEMPORAL|LEGALESIGN|WEBHOOK|NOTIFY|COUNTERSIGN|SANDBOX|DOCUMENT|LOG)_/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)));
}

async function gather(stream: Readable, lines: string[]): Promise<void> {
  for await (const line of createInterface(stream)) if (line !== '') lines.push(line);
}

async function lineOf(
  pattern: RegExp,
  output: readonly string[],
  hasEnded: () => boolean,
  complaints: readonly string[],
): Promise<RegExpExecArray> {
  const matchOf = (): RegExpExecArray | undefined =>
    output.map((line) => pattern.exec(line)).find((match) => match !== null);
  return until(() => {
    const match = matchOf();
    if (match === undefined && hasEnded()) {
      throw new Error(`ended without ${String(pattern)}: ${complaints.join(' | ')}`);
    }
    return match;
  });
}

/** Command lines of the Temporal servers, and whatever else, that a place has still running. */
export async function processesOf({ folder }: Pick<Place, 'folder'>): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,args=']);
  return stdout.split('\n').filter((line) => line.includes(folder));
}

/** The document's ID, once the demo has made one. */
export async function demoDocument(child: AllInOneChild): Promise<string> {
  return (await child.line(/^demo +document ([0-9a-f-]{36}) /))[1] ?? '';
}

/** The addresses that a start has printed. */
export async function addressesOf(
  child: AllInOneChild,
): Promise<Record<'sandbox' | 'temporalUi' | 'callbacks' | 'temporal', string>> {
  const address = async (name: string): Promise<string> =>
    (await child.line(new RegExp(`^  ${name} +(\\S+)`)))[1] ?? '';
  return {
    temporal: await address('Temporal(?! UI)'),
    sandbox: await address('Sandbox'),
    temporalUi: await address('Temporal UI'),
    callbacks: await address('Callbacks'),
  };
}
