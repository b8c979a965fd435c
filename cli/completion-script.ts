/**
 * Completion scripts. Pure. All three shells get the same table, path → words that may follow; one
 * small function per shell walks along it.
 */
import type { Action, Command } from './command.js';
import { argumentsOf, isGroup, optionsOf } from './invocation.js';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** Whether there is a script for it. */
export function isShell(text: string): text is Shell {
  return SHELLS.some((shell) => shell === text);
}

/** The script of one shell. */
export function completionScript(shell: Shell, commands: readonly Command[]): string {
  const table = completionTable(commands);
  switch (shell) {
    case 'bash':
      return `${bashFunction(table)}\ncomplete -o default -F _countersign countersign`;
    case 'zsh':
      return `#compdef countersign\n${zshFunction(table)}\ncompdef _countersign countersign`;
    case 'fish':
      return fishScript(commands);
  }
}

/** What may follow. */
interface CompletionRow {
  /** `sandbox advance`; empty for the program itself. */
  readonly path: string;
  readonly words: readonly string[];
  /** Values by option, `--notify` → `all`, `signed` … Undefined: a value of the caller's own. */
  readonly values: readonly (readonly [option: string, words: readonly string[]])[];
}

/** All rows, the program's own first. */
export function completionTable(commands: readonly Command[]): readonly CompletionRow[] {
  return [
    {
      path: '',
      words: [...commands.map(({ name }) => name), '--help', '--version', '--no-color'],
      values: [],
    },
    ...commands.flatMap((command) =>
      isGroup(command)
        ? [
            {
              path: command.name,
              words: [...command.subcommands.map(({ name }) => name), '--help'],
              values: [],
            },
            ...command.subcommands.map((each) => actionRow(each, `${command.name} ${each.name}`)),
          ]
        : [actionRow(command, command.name)],
    ),
  ];
}

function actionRow(action: Action, path: string): CompletionRow {
  const options = Object.entries(optionsOf(action));
  return {
    path,
    words: [
      ...argumentsOf(action.usage).flatMap(({ words }) => words),
      ...options.map(([name]) => `--${name}`),
    ],
    values: options
      .filter(([, { type }]) => type === 'string')
      .map(([name, { values }]) => [`--${name}`, values ?? []] as const),
  };
}

function bashFunction(table: readonly CompletionRow[]): string {
  return [
    '_countersign() {',
    '  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" at="" each',
    ...walkLines('"${COMP_WORDS[@]:1:COMP_CWORD-1}"', table),
    '  COMPREPLY=()',
    ...caseLines(table, (words) => `COMPREPLY=($(compgen -W "${words.join(' ')}" -- "$word"))`),
    '}',
  ].join('\n');
}

function zshFunction(table: readonly CompletionRow[]): string {
  return [
    '_countersign() {',
    '  local before="${words[CURRENT-1]}" at="" each',
    ...walkLines('"${words[@]:1:$((CURRENT-2))}"', table),
    ...caseLines(table, (words) =>
      words.length === 0 ? '_files' : `compadd -- ${words.join(' ')}`,
    ),
    '  _files',
    '}',
  ].join('\n');
}

/** Puts into `at` which command the words mean that stand before the one being typed. */
function walkLines(wordsBefore: string, table: readonly CompletionRow[]): string[] {
  const groups = table.filter(({ path }) => path.includes(' ')).map(({ path }) => path);
  const groupNames = [...new Set(groups.map((path) => path.split(' ')[0] ?? ''))];
  return [
    `  for each in ${wordsBefore}; do`,
    '    case "$each" in -*) continue ;; esac',
    '    case "$at" in',
    '      "") at="$each" ;;',
    ...groupNames.map((name) => `      ${name}) at="$at $each" ;;`),
    '      *) break ;;',
    '    esac',
    '  done',
  ];
}

function caseLines(
  table: readonly CompletionRow[],
  offer: (words: readonly string[]) => string,
): string[] {
  return [
    '  case "$at $before" in',
    ...table.flatMap(({ path, values }) =>
      values.map(([option, words]) => `    "${path} ${option}") ${offer(words)}; return ;;`),
    ),
    '  esac',
    '  case "$at" in',
    ...table.map(({ path, words }) => `    "${path}") ${offer(words)} ;;`),
    '  esac',
  ];
}

function fishScript(commands: readonly Command[]): string {
  return [
    'complete -c countersign -e',
    ...commands.flatMap((command) => [
      fishLine('__fish_use_subcommand', `-f -a ${command.name} -d ${quoted(command.summary)}`),
      ...(isGroup(command) ? fishGroup(command) : fishAction(command, fishSeen(command.name))),
    ]),
  ].join('\n');
}

function fishGroup(group: Exclude<Command, Action>): string[] {
  const names = group.subcommands.map(({ name }) => name).join(' ');
  const seen = fishSeen(group.name);
  return group.subcommands.flatMap((each) => [
    fishLine(
      `${seen}; and not __fish_seen_subcommand_from ${names}`,
      `-f -a ${each.name} -d ${quoted(each.summary)}`,
    ),
    ...fishAction(each, `${seen}; and ${fishSeen(each.name)}`),
  ]);
}

function fishSeen(name: string): string {
  return `__fish_seen_subcommand_from ${name}`;
}

function fishAction(action: Action, condition: string): string[] {
  const words = argumentsOf(action.usage).flatMap((each) => each.words);
  return [
    ...(words.length === 0 ? [] : [fishLine(condition, `-f -a ${quoted(words.join(' '))}`)]),
    ...Object.entries(optionsOf(action)).map(([name, { type, short, help, values }]) =>
      fishLine(
        condition,
        [
          `-l ${name}`,
          ...(short === undefined ? [] : [`-s ${short}`]),
          ...(type === 'boolean' ? ['-f'] : ['-x']),
          ...(values === undefined ? [] : [`-a ${quoted(values.join(' '))}`]),
          `-d ${quoted(help)}`,
        ].join(' '),
      ),
    ),
  ];
}

function fishLine(condition: string, rest: string): string {
  return `complete -c countersign -n ${quoted(condition)} ${rest}`;
}

function quoted(text: string): string {
  return `'${text.replace(/\\/g, '\\\\').replace(/'/g, "\\'")}'`;
}
