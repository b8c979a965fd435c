import { EXIT_CODES } from '../command.js';
import type { Action, CommandCall } from '../command.js';
import type { Finding, FindingState } from '../doctor/check.js';
import { painted, plainLine, type Colour } from '../terminal.js';

/** Looks over a set-up. */
export const doctor: Action = {
  name: 'doctor',
  summary: 'looks over the set-up and names what is wrong and what to do',
  description:
    'Asks Temporal, the provider, the webhook, the archive and the channels, and changes nothing.\n' +
    'Run it with the settings of the process that you want to look over. Exits with 1 where it\n' +
    'finds a problem; a warning keeps nothing from working.',
  usage: '',
  options: {
    'send-test': { type: 'boolean', help: 'tells every channel a test message for real' },
    timeout: {
      type: 'string',
      value: '<duration>',
      help: 'how long each check may take, e.g. 10s',
    },
  },
  json: 'one object: isHealthy, and findings with name, state, found and todo',
  example: 'countersign doctor',
  run: async (call) => {
    const { examine } = await import('../doctor/doctor.js');
    const findings = await examine(call.environment, {
      limitMs: call.values.durationMs('timeout'),
      sendsTest: call.values.flag('send-test'),
    });
    const isHealthy = findings.every(({ state }) => state !== 'problem');
    if (call.json) call.terminal.print(JSON.stringify({ isHealthy, findings }, null, 2));
    else
      for (const line of findings.flatMap((each) => linesOf(each, call))) call.terminal.print(line);
    return isHealthy ? EXIT_CODES.ok : EXIT_CODES.failed;
  },
};

const COLOURS: Readonly<Record<FindingState, Colour>> = {
  ok: 'green',
  warning: 'yellow',
  problem: 'red',
  skipped: 'grey',
};

const NAME_WIDTH = 19;
const STATE_WIDTH = 7;

/** The finding, and what to do on a line of its own. */
function linesOf({ name, state, found, todo }: Finding, { terminal }: CommandCall): string[] {
  const shown = painted(terminal, COLOURS[state], state.padEnd(STATE_WIDTH));
  const indent = ' '.repeat(NAME_WIDTH + STATE_WIDTH + 4);
  return [
    `${name.padEnd(NAME_WIDTH)}  ${shown}  ${plainLine(found)}`,
    ...(todo === '' ? [] : [`${indent}→ ${plainLine(todo)}`]),
  ];
}
