import type { FileHandle } from 'node:fs/promises';
import { lastLines } from './process-log.js';
import type { ProcessExit } from './tied-process.js';

/** What SQLite or the server says of a file that is broken, foreign, read-only or in use. */
const DATABASE_TROUBLE = /database|sqlite|no such table|SQL logic/i;

/** The server could not be started; the message is one line that says why. */
export class TemporalServerError extends Error {
  override readonly name = 'TemporalServerError';
}

/**
 * Why the server did not come to serve, in a line, with the end of its log.
 * @param databaseFile named when it seems to be the cause
 */
export async function startFailure(
  error: unknown,
  databaseFile: string | undefined,
  log: FileHandle,
): Promise<TemporalServerError> {
  const reason = await inOneLine(firstLine(error), log);
  if (databaseFile === undefined || !DATABASE_TROUBLE.test(reason)) {
    return new TemporalServerError(reason, { cause: error });
  }
  const advice = 'move it away to start anew, or stop the server that has it open';
  return new TemporalServerError(
    `Temporal cannot use the database file ${databaseFile}: ${advice}; ${reason}`,
    { cause: error },
  );
}

/** What happened to the server and the end of its log, in a line. */
export async function inOneLine(what: string, log: FileHandle): Promise<string> {
  const lines = await lastLines(log, 3);
  return [`the Temporal server ${what}`, ...lines].join(' | ');
}

/** Reads on after "the Temporal server". */
export function exitText({ code, signal }: ProcessExit): string {
  return signal === null ? `ended with exit code ${code ?? '?'}` : `was ended by ${signal}`;
}

/** The first line of an error's message. */
export function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n', 1)[0] ?? message;
}
