/** The list of commands in docs/cli.md, out of their definitions: `npm run cli-reference`. */
import { readFile, writeFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import type { Action, Command } from './command.js';
import { COMMANDS } from './commands/all-commands.js';
import { optionRow } from './help.js';
import { isGroup } from './invocation.js';

const PAGE = new URL('../docs/cli.md', import.meta.url);

/** What comes after it on the page is written by this file. */
const BEGINNING = '<!-- From the definitions of the commands: npm run cli-reference -->';

/** The page with its list of commands brought up to date. Pure. */
export function withReference(page: string, commands: readonly Command[]): string {
  const [text = ''] = page.split(BEGINNING);
  return `${text}${BEGINNING}\n\n${commands.flatMap(sections).join('\n\n')}\n`;
}

function sections(command: Command): string[] {
  if (!isGroup(command)) return [section(command, command.name)];
  return [
    `## ${command.name}\n\n${sentence(command.summary)}`,
    ...command.subcommands.map((each) => section(each, `${command.name} ${each.name}`, '###')),
  ];
}

function section(action: Action, path: string, heading = '##'): string {
  const { usage, summary, description, options, json, example } = action;
  const rows = Object.entries(options)
    .map(([name, spec]) => optionRow(name, spec))
    .map(([option, help]) => `| \`${option.replaceAll('|', '\\|')}\` | ${cell(help)} |`);
  return [
    `${heading} ${path}${usage === '' ? '' : ` \`${usage}\``}`,
    sentence(summary),
    ...(description === undefined ? [] : [description.split('\n').map(cell).join('  \n')]),
    ...(rows.length === 0 ? [] : [['| option | |', '|---|---|', ...rows].join('\n')]),
    ...(json === undefined ? [] : [`\`--json\`: ${cell(json)}`]),
    `\`\`\`sh\n${example}\n\`\`\``,
  ].join('\n\n');
}

function sentence(summary: string): string {
  return cell(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`);
}

/** Placeholders are no HTML, and a bar would end a table's cell. */
function cell(text: string): string {
  return text.replaceAll('<', '&lt;').replaceAll('|', '\\|');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await writeFile(PAGE, withReference(await readFile(PAGE, 'utf8'), COMMANDS));
}
