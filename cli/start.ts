/** `npm start`. */
import { pino } from 'pino';
import pretty from 'pino-pretty';
import type { SigningOutcome } from '../client/index.js';
import { CALLBACK_PATH } from '../webhook/app.js';
import { startAllInOne } from './all-in-one.js';
import type { AllInOne } from './all-in-one.js';
import { ConfigurationError, readConfiguration } from './configuration.js';
import type { AllInOneConfiguration } from './configuration.js';
import { runDemo } from './demo.js';

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

async function main(stopping: AbortController): Promise<void> {
  const startedMs = Date.now();
  const configuration = readConfiguration();
  const logger = pino({ level: configuration.logLevel }, logStream());
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
    // The rest of an announcement stands in the receipt, and below; here it would fill the screen.
    ignore: 'pid,hostname,event,signers,archive',
    translateTime: 'HH:MM:ss',
    singleLine: true,
    sync: true,
  });
}

function printParts(allInOne: AllInOne, elapsedMs: number): void {
  const { sandbox, parts, temporal, temporalUiUrl, webhookUrl } = allInOne;
  const callbacks = `${webhookUrl}${CALLBACK_PATH}`;
  const { taskQueue, archiveUrl, provider } = parts.worker;
  const { address } = temporal.connectionOptions;
  const rows: (readonly [string, string | undefined, string])[] = [
    ['Sandbox', sandbox?.url, 'create a document and sign it'],
    ['Provider', sandbox ? undefined : provider.apiUrl, ''],
    ['Temporal UI', temporalUiUrl, 'every document and every callback'],
    ['Callbacks', callbacks, sandbox ? '' : 'register it with the provider'],
    ['Health', `${webhookUrl}/health/ready`, 'and /metrics'],
    ['Archive', archiveUrl, ''],
    ['Temporal', address, `namespace ${temporal.namespace}, task queue ${taskQueue}`],
  ];
  print(`\nready in ${(elapsedMs / 1000).toFixed(1)} s\n`);
  for (const [name, where, note] of rows) {
    if (where !== undefined) print(`  ${name.padEnd(13)}${where.padEnd(24)}  ${note}`.trimEnd());
  }
  print(
    sandbox
      ? '\n  Ctrl-C ends everything. LEGALESIGN_API_KEY takes the real provider for the sandbox.'
      : '\n  Ctrl-C ends everything.',
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
    printOutcome(await runDemo(allInOne, { print, signal }));
  } catch (error) {
    if (signal.aborted) return;
    print(`demo   failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function printOutcome({ documentId, kind, archive }: SigningOutcome): void {
  print(`\ndemo   ${kind}, archived and announced:`);
  for (const { name, bytes, sha256 } of archive?.files ?? []) {
    print(`       ${documentId}/${name}`);
    print(`         ${bytes} bytes, SHA-256 ${sha256}`);
  }
  if (archive)
    print(`       the provider names for the document ${archive.providerHash}: the same`);
  print('       Its workflow stays open a while for callbacks that trail.');
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
  const message = error instanceof Error ? error.message : String(error);
  const lines = error instanceof ConfigurationError ? error.problems : [message];
  for (const line of lines) process.stderr.write(`${line}\n`);
  process.exitCode = 1;
}

/** `npm` hands on the Ctrl-C that a terminal sends to both: what comes this soon is the same. */
const SAME_SIGNAL_MS = 1000;

/** The first signal ends everything in order; a later one at once. */
function stopOnSignals(stopping: AbortController): void {
  let firstMs: number | undefined;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      firstMs ??= Date.now();
      if (Date.now() - firstMs > SAME_SIGNAL_MS) process.exit(1);
      stopping.abort();
    });
  }
}

const stopping = new AbortController();
stopOnSignals(stopping);
await main(stopping).catch((error: unknown) => {
  // A start that was given up on request is no failure; what goes wrong while stopping is.
  if (error === stopping.signal.reason) print('stopped before everything had started');
  else fail(error);
});
// Signal handlers and idle timers of libraries must not keep an ended process alive.
process.exit();
