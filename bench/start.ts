/** How long `npm start` takes, from the command to "ready": from sources and from the build. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { pickFreePort } from '../cli/ports.js';
import { findTemporalServer } from '../cli/temporal-binary.js';
import type { Benchmark, BenchmarkReport, Surroundings } from './benchmark.js';
import { buildCountersign } from './countersign-build.js';
import { readConfiguration } from './configuration.js';
import { describeMachine } from './machine.js';
import { spread } from './statistics.js';
import type { Spread } from './statistics.js';
import { table } from './text-table.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** What is hoped for: from sources, with no state, the Temporal CLI fetched before. */
const TARGET_MS = 6_000;

/** The ways to start: with a new folder for the state, or with that of the way before. */
const WAYS = {
  'sources, no state': { command: ['--import', 'tsx', 'cli/run-process.ts', 'up'], isNew: true },
  'sources, again': { command: ['--import', 'tsx', 'cli/run-process.ts', 'up'], isNew: false },
  'build, no state': { command: ['build/cli/run-process.js', 'up'], isNew: true },
  'build, again': { command: ['build/cli/run-process.js', 'up'], isNew: false },
} as const;
type Way = keyof typeof WAYS;

interface StartSettings {
  readonly rounds: number;
}

interface StartResult {
  readonly benchmark: 'start';
  readonly settings: StartSettings;
  readonly machine: ReturnType<typeof describeMachine>;
  readonly definition: string;
  readonly targetMs: number;
  /** In ms. */
  readonly ways: Readonly<Record<Way, Spread>>;
}

const DEFINITION =
  'from spawning node until the line "ready in", in ms; npm itself and the one-time fetch of the ' +
  'Temporal CLI left out. From sources the workflow bundle is made at every start, in the build ' +
  'it is there; npm start takes the build where it is newer than the sources.';

/** `npm run bench -- start`. */
export const start: Benchmark<keyof StartSettings> = {
  summary: 'How long npm start takes until it is ready, from sources and from the build.',
  flags: { rounds: { default: 5, min: 1, max: 1_000, help: 'starts of each kind, in turn' } },
  async run(settings, around): Promise<BenchmarkReport> {
    const result = await runStarts(settings, around);
    const medians = Object.entries(result.ways).map(([way, { median }]) => {
      return [`${way}, ms`, median] as const;
    });
    return {
      json: result,
      text: startText(result),
      failures: 0,
      figures: Object.fromEntries(medians),
    };
  },
};

/** @throws when a start fails, with what it said */
async function runStarts(settings: StartSettings, around: Surroundings): Promise<StartResult> {
  const { temporalCli: configuredPath, cacheDirectory } = readConfiguration();
  const cli = await findTemporalServer({ configuredPath, cacheDirectory, ...around });
  await buildCountersign(around);
  const ways = Object.keys(WAYS) as Way[];
  const times = new Map<Way, number[]>(ways.map((way) => [way, []]));
  for (let round = 1; round <= settings.rounds; round += 1) {
    await timeRound(cli, around.signal, (way, ms) => times.get(way)?.push(ms));
    const last = ways.map((way) => `${way} ${Math.round(times.get(way)?.at(-1) ?? NaN)} ms`);
    around.onProgress(`${round} of ${settings.rounds}: ${last.join('; ')}`);
  }
  const spreads = ways.map((way) => [way, spread(times.get(way) ?? [])] as const);
  return {
    ...{ benchmark: 'start', settings, machine: describeMachine(), definition: DEFINITION },
    ...{ targetMs: TARGET_MS, ways: Object.fromEntries(spreads) as Record<Way, Spread> },
  };
}

async function timeRound(
  cli: string,
  signal: AbortSignal,
  onStart: (way: Way, ms: number) => void,
): Promise<void> {
  const folders: string[] = [];
  try {
    for (const [way, { command, isNew }] of Object.entries(WAYS)) {
      if (isNew) folders.push(await mkdtemp(join(tmpdir(), 'countersign-start-')));
      const environment = await environmentFor(folders.at(-1) ?? '', cli);
      onStart(way as Way, await timeStart(command, environment, signal));
    }
  } finally {
    for (const folder of folders) await rm(folder, { recursive: true });
  }
}

async function environmentFor(folder: string, cli: string): Promise<NodeJS.ProcessEnv> {
  const names = ['COUNTERSIGN_TEMPORAL_PORT', 'COUNTERSIGN_TEMPORAL_UI_PORT', 'SANDBOX_PORT'];
  const ports = await Promise.all(
    [...names, 'WEBHOOK_PORT'].map(async (name) => {
      return [name, String(await pickFreePort('127.0.0.1'))] as const;
    }),
  );
  return {
    ...process.env,
    ...Object.fromEntries(ports),
    ...{ COUNTERSIGN_DATA: folder, COUNTERSIGN_TEMPORAL_CLI: cli, COUNTERSIGN_DEMO: 'off' },
  };
}

async function timeStart(
  command: readonly string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<number> {
  signal.throwIfAborted();
  const beganMs = performance.now();
  const child = spawn(process.execPath, command, {
    ...{ cwd: ROOT, env, stdio: ['ignore', 'pipe', 'inherit'] },
  });
  const exited = once(child, 'exit');
  const lines: string[] = [];
  let readyMs: number | undefined;
  for await (const line of createInterface(child.stdout)) {
    lines.push(line);
    if (readyMs !== undefined || !line.startsWith('ready in ')) continue;
    readyMs = performance.now() - beganMs;
    child.kill('SIGINT');
  }
  await exited;
  if (readyMs === undefined) throw new Error(['a start failed:', ...lines].join('\n  '));
  return readyMs;
}

function startText({ ways, machine, definition, targetMs }: StartResult): string {
  return [
    `start: Node ${machine.node}, ${machine.cores} cores; target ≤ ${targetMs} ms`,
    ...table([
      ['ms', 'median', 'min', 'max'],
      ...Object.entries(ways).map(([way, { median, min, max }]) => {
        return [way, Math.round(median), Math.round(min), Math.round(max)] as const;
      }),
    ]),
    definition,
  ].join('\n');
}
