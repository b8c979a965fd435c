/** The process around the command line: its streams, its signals, its end. */
import { text } from 'node:stream/consumers';
import { EXIT_CODES } from './command.js';
import { main } from './main.js';
import type { Terminal } from './terminal.js';

/** Of a stdout that is none, or does not say. */
const DEFAULT_WIDTH = 80;

function processTerminal(): Terminal {
  const { stdout, stderr, env } = process;
  const wantsNone = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
  return {
    print: (line) => void stdout.write(`${line}\n`),
    note: (line) => void stderr.write(`${line}\n`),
    write: (piece) => void stdout.write(piece),
    isInteractive: stdout.isTTY,
    hasColour: stdout.isTTY && !wantsNone,
    get width() {
      return stdout.isTTY ? stdout.columns : DEFAULT_WIDTH;
    },
  };
}

/** `npm` hands on the Ctrl-C that a terminal sends to both: what comes this soon is the same. */
const SAME_SIGNAL_MS = 1000;

/** The first signal ends everything in order; a later one at once. */
function abortedBySignals(): AbortSignal {
  const stopping = new AbortController();
  let firstMs: number | undefined;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      firstMs ??= Date.now();
      if (Date.now() - firstMs > SAME_SIGNAL_MS) process.exit(EXIT_CODES.interrupted);
      stopping.abort(new Error(`ended by ${name}`));
    });
  }
  return stopping.signal;
}

/** Resolves once all that was written is on its way: of a pipe, `process.exit` drops the rest. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => {
      resolve();
    });
  });
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // Whoever read us, such as `head`, has enough.
  if (error.code === 'EPIPE') process.exit(EXIT_CODES.ok);
  throw error;
});
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  // Nobody hears what goes beside the answer; what was asked for goes on.
  if (error.code !== 'EPIPE') throw error;
});
const signal = abortedBySignals();
const exitCode = await main(process.argv.slice(2), {
  terminal: processTerminal(),
  environment: process.env,
  signal,
  readInput: () => text(process.stdin),
});
// A reader that takes its time is waited for, unless somebody ends that too.
signal.addEventListener('abort', () => process.exit(EXIT_CODES.interrupted));
await Promise.all([written(process.stdout), written(process.stderr)]);
// Signal handlers and idle timers of libraries must not keep an ended process alive.
process.exit(exitCode);
