/** The help of the command line, of its groups and of its commands. Pure. */
import type { Action, Command, OptionSpec } from './command.js';
import { isGroup, optionsOf } from './invocation.js';

const EXIT_CODE_LINE =
  'Exit codes: 0 ok, 1 failed or no, 2 wrong call, 3 not reachable, 130 interrupted';

/** What `countersign --help` prints. */
export function overview(commands: readonly Command[]): string {
  return [
    'countersign: durable e-signature workflows on Temporal',
    '',
    'Usage: countersign <command> [arguments] [options]',
    '',
    ...aligned(commands.map(({ name, summary }) => [name, summary])),
    '',
    'Every command has --help, with an example; most have --json. --version tells the version.',
    EXIT_CODE_LINE,
  ].join('\n');
}

/** What `countersign <command> --help` prints. */
export function commandHelp(command: Command, path: readonly string[]): string {
  const called = ['countersign', ...path].join(' ');
  if (isGroup(command)) {
    return [
      `${called}: ${command.summary}`,
      '',
      `Usage: ${called} <command> [arguments] [options]`,
      '',
      ...aligned(
        command.subcommands.map(({ name, usage, summary }) => [`${name} ${usage}`, summary]),
      ),
      '',
      `Example: ${command.example}`,
    ].join('\n');
  }
  return actionHelp(command, called);
}

function actionHelp(action: Action, called: string): string {
  const { usage, summary, description, example, json } = action;
  return [
    `${called}: ${summary}`,
    ...(description === undefined ? [] : ['', description]),
    '',
    `Usage: ${called}${usage === '' ? '' : ` ${usage}`} [options]`,
    '',
    ...aligned(Object.entries(optionsOf(action)).map(([name, spec]) => optionRow(name, spec))),
    '',
    ...(json === undefined ? [] : [`With --json: ${json}`]),
    `Example: ${example}`,
    EXIT_CODE_LINE,
  ].join('\n');
}

/** An option as the help and the reference show it, and what it does. */
export function optionRow(name: string, spec: OptionSpec): readonly [string, string] {
  const { short, value, values, help, multiple } = spec;
  const placeholder = spec.type === 'boolean' ? '' : ` ${value ?? values?.join('|') ?? '<text>'}`;
  const letter = short === undefined ? '' : `-${short}, `;
  const words = values !== undefined && value !== undefined ? `: ${values.join(', ')}` : '';
  return [
    `${letter}--${name}${placeholder}`,
    `${help}${words}${multiple === true ? ' (may be repeated)' : ''}`,
  ];
}

function aligned(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
