/** The command line in this process: what it prints, and with what it ends. */
import type { Environment } from '../../configuration/settings.js';
import { main } from '../../cli/main.js';

/** How a call ended. */
export interface CliEnding {
  readonly code: number;
  readonly out: readonly string[];
  readonly notes: readonly string[];
}

/** What is around a call beside its words. */
export interface CliOptions {
  readonly environment?: Environment;
  readonly input?: string;
  readonly signal?: AbortSignal;
  readonly terminal?: Partial<{ isInteractive: boolean; hasColour: boolean; width: number }>;
  /** Hears every line of stdout as it comes. */
  readonly onLine?: (line: string) => void;
  /** Hears every line of stderr. */
  readonly onNote?: (line: string) => void;
}

/** Runs one call to its end. */
export async function runCli(
  words: readonly string[],
  { environment = {}, input = '', signal, terminal = {}, onLine, onNote }: CliOptions = {},
): Promise<CliEnding> {
  const out: string[] = [];
  const notes: string[] = [];
  const code = await main(words, {
    environment,
    signal: signal ?? new AbortController().signal,
    readInput: () => Promise.resolve(input),
    terminal: {
      print: (line) => {
        out.push(line);
        onLine?.(line);
      },
      note: (line) => {
        notes.push(line);
        onNote?.(line);
      },
      write: (text) => void out.push(text),
      isInteractive: false,
      hasColour: false,
      width: 80,
      ...terminal,
    },
  });
  return { code, out, notes };
}
