import { execFile } from 'node:child_process';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

/** Limits of a program that runs to its end, and who hears what it says. */
export interface RunOptions {
  /** It is killed after this time, milliseconds. */
  readonly limitMs: number;
  /** Kills it, too. */
  readonly signal?: AbortSignal | undefined;
  /** Every line of its stdout, as it comes. */
  readonly onLine?: (line: string) => void;
}

/**
 * Runs a program to its end.
 * @returns its stdout
 * @throws an error of one line when it cannot be run, fails or takes too long
 */
export async function runProgram(
  command: string,
  args: readonly string[],
  { limitMs, signal, onLine }: RunOptions,
): Promise<string> {
  const running = promisify(execFile)(command, args, {
    timeout: limitMs,
    killSignal: 'SIGKILL',
    windowsHide: true,
    ...(signal !== undefined && { signal }),
  });
  const { stdout } = running.child;
  if (onLine !== undefined && stdout !== null) createInterface(stdout).on('line', onLine);
  try {
    return (await running).stdout;
  } catch (error) {
    throw new Error(`${command} ${reasonOf(error, limitMs)}`, { cause: error });
  }
}

function reasonOf(error: unknown, limitMs: number): string {
  const { code, killed, stderr, message } = error as Partial<NodeJS.ErrnoException> & {
    killed?: boolean;
    stderr?: string;
  };
  if (killed === true) return `did not end within ${limitMs / 1000} s`;
  if (code === 'ENOENT') return 'was not found';
  if (typeof code === 'string') return `cannot be run (${code})`;
  const lastLine = (stderr ?? '').trim().split('\n').at(-1) ?? '';
  return `failed: ${lastLine || (message ?? 'for no stated reason')}`;
}
