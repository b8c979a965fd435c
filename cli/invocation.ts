/** From the words of a call to the command that is meant, and what it is told. Pure. */
import { parseArgs } from 'node:util';
import type { Action, Command, CommandGroup, OptionSpec } from './command.js';
import { UsageError } from './failures.js';
import { OptionValues } from './option-values.js';
import type { ParsedValues } from './option-values.js';
import { suggestion } from './suggestion.js';

/** Options that every command takes. */
export const COMMON_OPTIONS = {
  help: { type: 'boolean', short: 'h', help: 'shows this' },
  'no-color': { type: 'boolean', help: 'no colours; so does the variable NO_COLOR' },
} as const satisfies Record<string, OptionSpec>;

const JSON_OPTION = { type: 'boolean', help: 'prints JSON on stdout and nothing else' } as const;

/** What a call asks for. */
export type Invocation =
  | { readonly kind: 'version' }
  | { readonly kind: 'help'; readonly path: readonly string[]; readonly command?: Command }
  | {
      readonly kind: 'run';
      readonly path: readonly string[];
      readonly action: Action;
      readonly values: OptionValues;
      readonly positionals: readonly string[];
    };

/** All options of a command, the common ones too. */
export function optionsOf(action: Action): Readonly<Record<string, OptionSpec>> {
  const json = action.json === undefined ? {} : { json: JSON_OPTION };
  return { ...action.options, ...json, ...COMMON_OPTIONS };
}

/** Whether it is a group of commands. */
export function isGroup(command: Command): command is CommandGroup {
  return 'subcommands' in command;
}

/**
 * Options may stand before the command's name, as long as they take no value.
 * @throws UsageError says what is wrong, and what was probably meant
 */
export function readInvocation(words: readonly string[], commands: readonly Command[]): Invocation {
  const rest = [...words];
  const path: string[] = [];
  let offered = commands;
  let command: Command | undefined;
  while (offered.length > 0) {
    const name = takeWord(rest);
    if (name === undefined) break;
    if (name === 'help' && command === undefined) {
      rest.push('--help');
      continue;
    }
    command = commandNamed(name, offered, path);
    path.push(name);
    offered = isGroup(command) ? command.subcommands : [];
  }
  if (command !== undefined && !isGroup(command)) return readAction(command, path, rest);
  return withoutAction(command, path, rest);
}

function takeWord(words: string[]): string | undefined {
  const end = words.indexOf('--');
  const index = words.findIndex((word) => !word.startsWith('-'));
  if (index < 0 || (end >= 0 && end < index)) return undefined;
  return words.splice(index, 1)[0];
}

function commandNamed(name: string, offered: readonly Command[], path: readonly string[]): Command {
  const command = offered.find((each) => each.name === name);
  if (command) return command;
  const names = offered.map((each) => each.name);
  const group = ['countersign', ...path].join(' ');
  const meant = suggestion(name, names);
  throw new UsageError(
    meant === undefined
      ? `${group} has no command ${name}; it has ${names.join(', ')}`
      : `${group} has no command ${name}; did you mean ${meant}?`,
  );
}

function withoutAction(
  command: Command | undefined,
  path: readonly string[],
  words: readonly string[],
): Invocation {
  const { version, help } = parsed(words, {
    ...COMMON_OPTIONS,
    json: JSON_OPTION,
    ...(command ? {} : { version: { type: 'boolean', short: 'V', help: '' } as const }),
  }).values;
  if (version === true) return { kind: 'version' };
  if (help !== true && words.length > 0) throw new UsageError('which command? See --help');
  return { kind: 'help', path, ...(command && { command }) };
}

function readAction(action: Action, path: readonly string[], words: readonly string[]): Invocation {
  const options = optionsOf(action);
  const { values, positionals } = parsed(words, options);
  if (values['help'] === true) return { kind: 'help', path, command: action };
  checkValues(values, options);
  checkPositionals(positionals, action.usage, path);
  return { kind: 'run', path, action, values: new OptionValues(values), positionals };
}

function parsed(
  words: readonly string[],
  options: Readonly<Record<string, OptionSpec>>,
): { values: ParsedValues; positionals: readonly string[] } {
  const config = Object.entries(options).map(([name, { type, short, multiple = false }]) => [
    name,
    { type, multiple, ...(short === undefined ? {} : { short }) },
  ]);
  try {
    return parseArgs({
      args: [...words],
      options: Object.fromEntries(config) as Record<string, { type: 'string' | 'boolean' }>,
      allowPositionals: true,
    });
  } catch (error) {
    throw new UsageError(parseProblem(error, Object.keys(options)), { cause: error });
  }
}

function parseProblem(error: unknown, names: readonly string[]): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const option = /'(-[^' ]+)/.exec(message)?.[1] ?? '';
  if (code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION') return message.replace(/\. .*$/s, '');
  const meant = suggestion(option.replace(/^-+/, ''), names);
  return `unknown option ${option}${meant === undefined ? '; see --help' : `; did you mean --${meant}?`}`;
}

function checkValues(values: ParsedValues, options: Readonly<Record<string, OptionSpec>>): void {
  for (const [name, { values: known }] of Object.entries(options)) {
    const given = values[name];
    if (!known || given === undefined) continue;
    for (const each of [given].flat()) checkWord(`--${name}`, String(each), known);
  }
}

function checkWord(what: string, word: string, known: readonly string[]): void {
  if (known.includes(word)) return;
  const meant = suggestion(word, known);
  const advice = meant === undefined ? '' : `; did you mean ${meant}?`;
  throw new UsageError(`${what} takes ${known.join(', ')}, not ${word}${advice}`);
}

/** What a usage says of one argument. */
export interface ArgumentSpec {
  readonly text: string;
  readonly isOptional: boolean;
  readonly isRepeated: boolean;
  /** The words it takes; empty: any. */
  readonly words: readonly string[];
}

/** The arguments that a usage such as `<document> [reason]` names. */
export function argumentsOf(usage: string): readonly ArgumentSpec[] {
  return usage
    .split(' ')
    .filter((text) => text !== '')
    .map((text) => ({
      text,
      isOptional: text.startsWith('['),
      isRepeated: text.endsWith('...'),
      words: text.includes('|') ? text.replace(/[^\w|-]/g, '').split('|') : [],
    }));
}

function checkPositionals(
  positionals: readonly string[],
  usage: string,
  path: readonly string[],
): void {
  const specs = argumentsOf(usage);
  const command = ['countersign', ...path].join(' ');
  const missing = specs.find(
    ({ isOptional }, index) => !isOptional && positionals[index] === undefined,
  );
  if (missing) throw new UsageError(`${command} needs ${missing.text}; see ${command} --help`);
  const isOpen = specs.at(-1)?.isRepeated ?? false;
  const tooMany = isOpen ? undefined : positionals[specs.length];
  if (tooMany !== undefined) {
    throw new UsageError(`${command} takes no further argument: ${tooMany}`);
  }
  for (const [index, { text, words }] of specs.entries()) {
    const given = positionals[index];
    if (given !== undefined && words.length > 0) checkWord(text, given, words);
  }
}
