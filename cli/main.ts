/** The command line without a process around it: finds the command, runs it, tells how it went. */
import { readFile } from 'node:fs/promises';
import type { Environment } from '../configuration/settings.js';
import { EXIT_CODES } from './command.js';
import { COMMANDS } from './commands/all-commands.js';
import { shownFailure } from './failures.js';
import { commandHelp, overview } from './help.js';
import { readInvocation } from './invocation.js';
import type { Invocation } from './invocation.js';
import type { Terminal } from './terminal.js';

/** What a call has around it. */
export interface Surroundings {
  readonly terminal: Terminal;
  readonly environment: Environment;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  readonly readInput: () => Promise<string>;
}

/**
 * Carries out one call.
 * @param words without the program's own name
 * @returns one of EXIT_CODES; never throws
 */
export async function main(words: readonly string[], around: Surroundings): Promise<number> {
  const told = withoutColour(words, around);
  try {
    return await carryOut(readInvocation(words, COMMANDS), told);
  } catch (error) {
    const { terminal, signal } = told;
    if (isInterruption(error, signal)) return EXIT_CODES.interrupted;
    const failure = shownFailure(error);
    for (const line of failure.lines) terminal.note(line);
    return failure.exitCode;
  }
}

function isInterruption(error: unknown, signal: AbortSignal): boolean {
  if (!signal.aborted) return false;
  return error === signal.reason || (error instanceof Error && error.name === 'AbortError');
}

/** So long a command may take to close what it opened. */
const GRACE_MS = 1000;

/** What does not listen to the signal is left behind, and ends with the process. */
function orInterrupted(running: Promise<number>, signal: AbortSignal): Promise<number> {
  const interrupted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => setTimeout(reject, GRACE_MS, signal.reason), {
      once: true,
    });
  });
  return Promise.race([running, interrupted]);
}

/** Also for what is said of a call that cannot be understood. */
function withoutColour(words: readonly string[], around: Surroundings): Surroundings {
  if (!words.includes('--no-color')) return around;
  return { ...around, terminal: { ...around.terminal, hasColour: false } };
}

async function carryOut(invocation: Invocation, around: Surroundings): Promise<number> {
  switch (invocation.kind) {
    case 'version':
      around.terminal.print(await version());
      return EXIT_CODES.ok;
    case 'help': {
      const { command, path } = invocation;
      around.terminal.print(command ? commandHelp(command, path) : overview(COMMANDS));
      return EXIT_CODES.ok;
    }
    case 'run': {
      const { action, values, positionals } = invocation;
      const call = { ...around, values, positionals, json: values.flag('json') };
      return action.endsInOrder === true
        ? action.run(call)
        : orInterrupted(action.run(call), around.signal);
    }
  }
}

/** Two folders up in the compiled build. */
async function version(): Promise<string> {
  for (const path of ['../package.json', '../../package.json']) {
    const text = await readFile(new URL(path, import.meta.url), 'utf8').catch(() => undefined);
    if (text !== undefined) return (JSON.parse(text) as { version: string }).version;
  }
  throw new Error('package.json, which names the version, is not there');
}
