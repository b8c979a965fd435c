/** Which documents a command is about, as its options say it. Pure. */
import type { DocumentFilter } from '../client/index.js';
import { OUTCOME_KINDS } from '../workflows/contract.js';
import type { OptionSpec } from './command.js';
import type { OptionValues } from './option-values.js';

/** By the provider's documentation; statuses outside of it are filtered by in the Temporal UI. */
const STATUSES = ['created', 'fieldsCompleted', 'signed', 'removed', 'rejected', 'finalised'];

/** Options that narrow documents down. */
export const FILTER_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  status: {
    type: 'string',
    multiple: true,
    value: '<status>',
    values: STATUSES,
    help: 'in this status',
  },
  outcome: {
    type: 'string',
    multiple: true,
    value: '<outcome>',
    values: OUTCOME_KINDS,
    help: 'that ended so',
  },
  group: { type: 'string', value: '<slug>', help: 'of this group' },
  tag: { type: 'string', value: '<tag>', help: 'with this tag' },
  attention: { type: 'boolean', help: 'that wait for someone to mend something and retry' },
};

/** The filter that the options name. */
export function filterOf(values: OptionValues): DocumentFilter {
  const [group, tag] = [values.text('group'), values.text('tag')];
  return {
    statuses: values.texts('status'),
    outcomes: values.texts('outcome'),
    ...(group === undefined ? {} : { group }),
    ...(tag === undefined ? {} : { tag }),
    ...(values.flag('attention') ? { needsAttention: true } : {}),
  };
}
