/** `countersign up`, which is `npm start`. */
import { pino } from 'pino';
import pretty from 'pino-pretty';
import type { SigningOutcome } from '../client/index.js';
import { CALLBACK_PATH } from '../webhook/app.js';
import { EXIT_CODES } from './command.js';
import type { CommandCall } from './command.js';
import { startAllInOne } from './all-in-one.js';
import type { AllInOne } from './all-in-one.js';
import { readConfiguration } from './configuration.js';
import type { AllInOneConfiguration } from './configuration.js';
import { runDemo } from './demo.js';

/** Starts everything, and ends it when the call is aborted. @returns the exit code */
export async function startUp({ terminal, signal: ending }: CommandCall): Promise<number> {
  const stopping = new AbortController();
  const signal = AbortSignal.any([ending, stopping.signal]);
  let exitCode: number = EXIT_CODES.ok;
  try {
    await runUntilAborted({
      print: terminal.print,
      signal,
      onBroken: (reason) => {
        terminal.note(reason);
        exitCode = EXIT_CODES.failed;
        stopping.abort();
      },
    });
  } catch (error) {
    // A start that was given up on request is no failure; what goes wrong while stopping is.
    if (error !== signal.reason) throw error;
    terminal.print('stopped before everything had started');
  }
  return exitCode;
}

interface Stage {
  readonly print: Print;
  readonly signal: AbortSignal;
  readonly onBroken: (reason: string) => void;
}

type Print = (line: string) => void;

async function runUntilAborted({ print, signal, onBroken }: Stage): Promise<void> {
  const startedMs = Date.now();
  const configuration = readConfiguration();
  const logger = pino({ level: configuration.logLevel }, logStream());
  const onProgress = (line: string): void => {
    print(`       ${line}`);
  };
  print('Countersign is starting …');
  const allInOne = await startAllInOne(configuration, { logger, onProgress, signal });
  try {
    printParts(allInOne, Date.now() - startedMs, print);
    void allInOne.broken.then(onBroken);
    await demonstrate(configuration, allInOne, { print, signal });
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

function printParts(allInOne: AllInOne, elapsedMs: number, print: Print): void {
  const { sandbox, parts, temporal, temporalUiUrl, webhookUrl } = allInOne;
  const token = parts.webhook.trust.requiresToken === true ? '/<token of WEBHOOK_TOKENS>' : '';
  const callbacks = `${webhookUrl}${CALLBACK_PATH}${token}`;
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
  { print, signal }: Pick<Stage, 'print' | 'signal'>,
): Promise<void> {
  if (!showsDemo || !allInOne.sandbox) return;
  print('');
  try {
    printOutcome(await runDemo(allInOne, { print, signal }), print);
  } catch (error) {
    if (signal.aborted) return;
    print(`demo   failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function printOutcome({ documentId, kind, archive }: SigningOutcome, print: Print): void {
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
