/** Runs as a process of its own, started by measured-process.ts: a worker, or a mere fetcher. */
import type { WorkerOptions } from '@temporalio/worker';
import PQueue from 'p-queue';
import { pino } from 'pino';
import { createProviderClient } from '../provider/provider-client.js';
import { readConfiguration } from '../worker/configuration.js';
import { installRuntime, startWorker } from '../worker/main.js';
import type { PageAsked, Question } from './measured-process.js';

/** Peaks between two looks are missed; this short, they are small. */
const LOOK_EVERY_MS = 20;

const [role = '', bundlePath = '', more = '{}'] = process.argv.slice(2);
const configuration = readConfiguration();

let peakBytes = 0;

function look(): number {
  const bytes = process.memoryUsage.rss();
  peakBytes = Math.max(peakBytes, bytes);
  return bytes;
}

async function answer(question: Question): Promise<number> {
  switch (question.kind) {
    case 'fetch':
      return fetchPages(question);
    case 'watchRss':
      peakBytes = 0;
      return look();
    case 'peakRss':
      look();
      return peakBytes;
  }
}

/** With the very client that a reconciliation reads pages by, parsing included. */
async function fetchPages({ pages, atOnce }: Question & { kind: 'fetch' }): Promise<number> {
  const provider = createProviderClient(configuration.provider);
  const queue = new PQueue({ concurrency: atOnce });
  const beganMs = performance.now();
  const fetchPage = async (page: PageAsked): Promise<void> => {
    // Nobody keeps what was read: neither does a run.
    await provider.listDocuments({ kind: 'cache', ...page });
  };
  await queue.addAll(pages.map((page) => () => fetchPage(page)));
  const durationMs = performance.now() - beganMs;
  provider.close();
  return durationMs;
}

async function startRole(): Promise<() => Promise<void>> {
  if (role !== 'worker') return () => Promise.resolve();
  const logger = pino({ level: configuration.logLevel }, pino.destination(2));
  installRuntime(logger);
  const given = JSON.parse(more) as Partial<WorkerOptions>;
  const options = { workflowBundle: { codePath: bundlePath }, ...given };
  const worker = await startWorker(configuration, { logger, options });
  setInterval(look, LOOK_EVERY_MS).unref();
  return () => worker.close();
}

const close = await startRole();
process.on('message', (question: Question) => {
  void answer(question).then((number) => process.send?.(number));
});
process.once('disconnect', () => {
  void close().finally(() => process.exit());
});
process.send?.(0);
