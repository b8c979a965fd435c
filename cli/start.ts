/** `npm start`. */
import { pino } from 'pino';
import pretty from 'pino-pretty';
import type { SigningOutcome } from '../client/index.js';
import { startAllInOne } from './all-in-one.js';
import type { AllInOne } from './all-in-one.js';
import { ConfigurationError, readConfiguration } from './configuration.js';
import type { AllInOneConfiguration } from './configuration.js';
import { runDemo } from './demo.js';
import { portProblem } from './port-problem.js';

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

async function main(stopping: AbortController): Promise<void> {
  const startedMs = Date.now();
  const configuration = readConfiguration();
  const logger = pino({ level: process.env['LOG_LEVEL'] ?? 'info' }, logStream());
  const { signal } = stopping;
  const onProgress = (line: string): void => {
    print(`       ${line}`);
  };
  print('Countersign is starting …');
  const allInOne = await startAllInOne(configuration, { logger, onProgress, signal });
  try {
    printParts(allInOne, Date.now() - startedMs);
    void allInOne.broken.then((reason) => {
      fail(new Error(reason));
      stopping.abort();
    });
    await demonstrate(configuration, allInOne, signal);
    await untilAborted(signal);
  } finally {
    print('\nstopping: callbacks, worker, connections, server …');
    await allInOne.close();
    print('stopped; a next start goes on from here');
  }
}

function logStream(): pretty.PrettyStream {
  return pretty({
    ignore: 'pid,hostname',
    translateTime: 'HH:MM:ss',
    singleLine: true,
    sync: true,
  });
}

function printParts(allInOne: AllInOne, elapsedMs: number): void {
  const { sandbox, parts, temporalAddress, temporalUiUrl } = allInOne;
  const callbacks = `${allInOne.webhookUrl}/callbacks/legalesign`;
  const rows: [string, string][] = [
    ['Temporal', temporalAddress],
    ...(temporalUiUrl === undefined ? [] : [['Temporal UI', temporalUiUrl] as [string, string]]),
    ['worker', `task queue ${parts.worker.taskQueue}, archive ${parts.worker.archiveUrl}`],
    [
      'webhook',
      `${callbacks}   (metrics and health: ${allInOne.webhookUrl}/metrics, /health/ready)`,
    ],
    sandbox
      ? ['sandbox', `${sandbox.url}   create a document there and sign it`]
      : ['provider', parts.worker.provider.apiUrl ?? ''],
  ];
  print(`ready in ${(elapsedMs / 1000).toFixed(1)} s`);
  for (const [name, where] of rows) print(`  ${name.padEnd(12)} ${where}`);
  print(
    sandbox
      ? '  next         open the sandbox; set LEGALESIGN_API_KEY to use the real provider; Ctrl-C ends'
      : `  next         register ${callbacks} (as the provider reaches it) for callbacks; Ctrl-C ends`,
  );
}

async function demonstrate(
  { showsDemo }: AllInOneConfiguration,
  allInOne: AllInOne,
  signal: AbortSignal,
): Promise<void> {
  if (!showsDemo || !allInOne.sandbox) return;
  print('');
  try {
    const { taskQueue } = allInOne.parts.worker;
    printOutcome(await runDemo(allInOne, taskQueue, { print, signal }));
  } catch (error) {
    if (signal.aborted) return;
    print(`demo   failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function printOutcome({ documentId, kind, archive }: SigningOutcome): void {
  print(`demo   ${kind}`);
  for (const { name, bytes, sha256 } of archive?.files ?? []) {
    print(`       archived ${documentId}/${name} (${bytes} bytes, SHA-256 ${sha256})`);
  }
  if (archive)
    print(`       the hash that the provider names is the same: ${archive.providerHash}`);
  print('       announced; see the log line above. The workflow lingers for what trails.');
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
}

function fail(error: unknown): void {
  const problem = portProblem(error) ?? (error instanceof Error ? error.message : String(error));
  const lines = error instanceof ConfigurationError ? error.problems : [problem];
  for (const line of lines) process.stderr.write(`${line}\n`);
  process.exitCode = 1;
}

/** The first signal ends everything in order; a second one at once. */
function stopOnSignals(stopping: AbortController): void {
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (stopping.signal.aborted) process.exit(1);
      stopping.abort();
    });
  }
}

const stopping = new AbortController();
stopOnSignals(stopping);
await main(stopping).catch((error: unknown) => {
  if (!stopping.signal.aborted) fail(error);
});
// Signal handlers and idle timers of libraries must not keep an ended process alive.
process.exit();
