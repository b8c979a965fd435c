/** What a command of the command line is: a definition that is cheap to load, and what it runs. */
import type { Environment } from '../configuration/settings.js';
import type { OptionValues } from './option-values.js';
import type { Terminal } from './terminal.js';

/** How every command ends. */
export const EXIT_CODES = {
  ok: 0,
  /** It failed, or the answer is no. */
  failed: 1,
  /** The call itself is wrong: an unknown command or option, an argument that is none. */
  wrongCall: 2,
  /** Temporal, the provider or the sandbox cannot be reached. */
  unreachable: 3,
  /** Ctrl-C, or a signal to end. */
  interrupted: 130,
} as const;

/** An option; every one has a long name, the key under which it stands. */
export interface OptionSpec {
  readonly type: 'boolean' | 'string';
  readonly short?: string;
  /** What stands for its value in the help, such as `<slug>`; only of strings. */
  readonly value?: string;
  /** May be given several times. */
  readonly multiple?: boolean;
  /** In a few words, without a full stop. */
  readonly help: string;
  /** All that it takes: checked, and completed by the shell. */
  readonly values?: readonly string[];
}

/** One call of a command. */
export interface CommandCall {
  readonly values: OptionValues;
  /** As many as the command's usage allows. */
  readonly positionals: readonly string[];
  /** `--json` was given: stdout holds JSON and nothing else. */
  readonly json: boolean;
  readonly terminal: Terminal;
  readonly environment: Environment;
  /** Aborted by Ctrl-C: what waits rejects with its reason. */
  readonly signal: AbortSignal;
  /** Everything on stdin. */
  readonly readInput: () => Promise<string>;
}

interface Named {
  readonly name: string;
  /** One line without a full stop. */
  readonly summary: string;
  /** One line of a shell, with `countersign` in front; it is parsed in a test. */
  readonly example: string;
}

/** A command that does something. `--help`, `--json` and `--no-color` are added by the frame. */
export interface Action extends Named {
  /**
   * Its arguments: `<document>`, `[document]`, `<document>...`, `<bash|zsh>`. How many there may be
   * and, with `|`, which words is read from here.
   */
  readonly usage: string;
  /** More than the summary, for the help. */
  readonly description?: string;
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** What `--json` prints, in a line; without it the command has no `--json`. */
  readonly json?: string;
  /** It takes what is open apart when it is aborted, however long that lasts. */
  readonly endsInOrder?: true;
  /**
   * Heavy modules are imported in here, not at the top of the file: the help has to be quick.
   * @returns one of EXIT_CODES
   * @throws UsageError, UnreachableError, or any error: its message is shown
   */
  run(call: CommandCall): Promise<number>;
}

/** Commands that belong together, such as `sandbox advance`. */
export interface CommandGroup extends Named {
  readonly subcommands: readonly Action[];
}

export type Command = Action | CommandGroup;
