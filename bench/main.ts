/** `npm run bench -- <benchmark>`: exit 0 without failures, 1 with some, 2 for a wrong call. */
import { setMaxListeners } from 'node:events';
import { readFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { readArguments, UsageError } from './arguments.js';
import type { Invocation } from './arguments.js';
import type { Benchmark } from './benchmark.js';
import { ack } from './ack.js';
import { batch } from './batch.js';
import { chaos } from './chaos/chaos.js';
import { cluster } from './cluster/cluster.js';
import { keepRun } from './kept-runs.js';
import { lifecycle } from './lifecycle.js';
import { describeRun } from './machine.js';
import { outage } from './outage.js';
import { reconcileLosses } from './reconcile-losses.js';
import { reconcile } from './reconcile.js';
import { start } from './start.js';
import { worker } from './worker.js';

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  ...{ ack, batch, chaos, cluster, lifecycle, outage, reconcile },
  'reconcile-losses': reconcileLosses,
  start,
  worker,
};

async function main(words: readonly string[]): Promise<number> {
  const invocation = readArguments(words, BENCHMARKS);
  if (invocation.kind === 'help') {
    process.stdout.write(`${invocation.text}\n`);
    return 0;
  }
  return run(invocation);
}

async function run(invocation: Invocation & { kind: 'run' }): Promise<number> {
  const { name, benchmark, settings, json, keep } = invocation;
  const [loadBefore = NaN] = loadavg();
  // Before the run: what is committed meanwhile is not what ran.
  const description = await describeRun(await ownVersion(), loadBefore);
  const stop = new AbortController();
  // Whatever is under way listens to it: thousands of calls, of some benchmarks.
  setMaxListeners(0, stop.signal);
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      stop.abort(new StoppedError(`stopped by ${name}`));
    });
  }
  process.on('uncaughtException', (error) => {
    // The SDK's retry of a call whose client was closed meanwhile throws where nobody can catch it,
    // and would keep what was started from being taken down.
    if (stop.signal.aborted && error.message === 'Channel has been shut down') return;
    process.stderr.write(`bench: ${error.stack ?? error.message}\n`);
    process.exit(1);
  });
  const onProgress = (line: string): void => void process.stderr.write(`${line}\n`);
  const report = await benchmark
    .run(settings, { onProgress, signal: stop.signal })
    .catch((error: unknown) => {
      // What was under way fails in many ways; that it was stopped is what happened.
      throw stop.signal.aborted ? stop.signal.reason : error;
    });
  if (keep) onProgress(`kept as ${await keepRun(name, settings, report, description)}`);
  process.stdout.write(`${json ? JSON.stringify(report.json, null, 2) : report.text}\n`);
  return report.failures > 0 ? 1 : 0;
}

class StoppedError extends Error {}

async function ownVersion(): Promise<string> {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const isUsage = error instanceof UsageError;
  const isExpected = isUsage || error instanceof StoppedError;
  const text = error instanceof Error ? (isExpected ? error.message : error.stack) : String(error);
  process.stderr.write(`bench: ${text ?? ''}\n`);
  process.exitCode = isUsage ? 2 : 1;
}
