/** Options that say how a document is chased, the same for all commands that take them. */
import type { ChasingTerms } from '../client/index.js';
import type { OptionSpec } from './command.js';
import type { OptionValues } from './option-values.js';

/** What is left out is as configured. */
export const CHASING_OPTIONS = {
  deadline: {
    type: 'string',
    value: '<time|none>',
    help: 'announced as expired when still open then, e.g. 2030-01-31T12:00:00Z',
  },
  reminders: {
    type: 'string',
    value: '<durations|none>',
    help: 'signers are reminded so long after their turn began, e.g. 3d,7d',
  },
  stalled: {
    type: 'string',
    value: '<duration|none>',
    help: 'so long without movement is announced, e.g. 14d',
  },
} as const satisfies Record<string, OptionSpec>;

/** `none` takes away what was set, also by configuration. */
export function chasingTermsOf(values: OptionValues): ChasingTerms {
  const deadline = values.text('deadline');
  const reminders = values.text('reminders');
  const stalled = values.text('stalled');
  return {
    ...(deadline === undefined ? {} : { deadline: orNone(deadline) }),
    ...(reminders === undefined
      ? {}
      : { reminders: reminders === 'none' ? [] : reminders.split(',') }),
    ...(stalled === undefined ? {} : { stalledAfter: orNone(stalled) }),
  };
}

function orNone(text: string): string | null {
  return text === 'none' ? null : text;
}
