/** Why a command did not do what it should, and with which exit code it ends. */
import { ConfigurationError } from '../configuration/settings.js';
import { ProviderError } from '../provider/provider-error.js';
import { EXIT_CODES } from './command.js';
import { plainText } from './terminal.js';

/** The call is wrong. Says what, and what would be right. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Something on the other end of a connection does not answer. Says what, where, what to do. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

/** A failure as it is shown. */
export interface ShownFailure {
  readonly exitCode: number;
  readonly lines: readonly string[];
}

/** What the person at the terminal is told; what came from outside may be in it. */
export function shownFailure(error: unknown): ShownFailure {
  const message = error instanceof Error ? inTermsOfCommands(error) : String(error);
  const lines = error instanceof ConfigurationError ? error.problems : message.split('\n');
  return { exitCode: exitCodeOf(error), lines: lines.map(plainText) };
}

/** What the SDK says of them is that they failed; why is their cause. By name: it loads slowly. */
const WRAPPERS = ['WorkflowFailedError', 'ActivityFailure', 'ChildWorkflowFailure'];

/** The client library advises what a program would call. */
function inTermsOfCommands(error: Error): string {
  if (WRAPPERS.includes(error.name) && error.cause instanceof Error) {
    return inTermsOfCommands(error.cause);
  }
  return error.message.replace(/call trackDocument\('([^']*)'\)/, 'countersign track $1');
}

function exitCodeOf(error: unknown): number {
  // What the client library throws for an argument that is none.
  if (error instanceof UsageError || error instanceof RangeError) return EXIT_CODES.wrongCall;
  if (error instanceof UnreachableError || isProviderAway(error)) return EXIT_CODES.unreachable;
  return EXIT_CODES.failed;
}

function isProviderAway(error: unknown): boolean {
  return error instanceof ProviderError && ['unavailable', 'throttled'].includes(error.kind);
}
