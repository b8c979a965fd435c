import { setTimeout as delay } from 'node:timers/promises';
import type { Countersign, DocumentFilter, ListedDocument } from '../../client/index.js';
import { EXIT_CODES } from '../command.js';
import type { Action, CommandCall } from '../command.js';
import { withCountersign } from '../countersign-connection.js';
import { LIST_COLUMNS } from '../document-text.js';
import { FILTER_OPTIONS, filterOf } from '../document-filter.js';
import { UsageError } from '../failures.js';
import { tableLines } from '../table.js';

const DEFAULT_LIMIT = 50;

/** Visibility lags by a second or so: looking more often shows nothing more. */
const REFRESH_MS = 2000;

/** Clears the screen and goes to its top. */
const CLEAR = '\u001b[2J\u001b[H';

/** Documents by what visibility knows of them. */
export const list: Action = {
  name: 'list',
  summary: 'lists documents, newest first',
  usage: '',
  options: {
    ...FILTER_OPTIONS,
    open: { type: 'boolean', help: 'whose workflow is open' },
    closed: { type: 'boolean', help: 'whose workflow is closed' },
    since: { type: 'string', value: '<time>', help: 'tracked since then, or since e.g. 7d' },
    limit: { type: 'string', short: 'n', value: '<count>', help: `${DEFAULT_LIMIT} unless told` },
    watch: { type: 'boolean', short: 'w', help: 'refreshes the list until Ctrl-C' },
  },
  json: 'an array of {"documentId", "status", "outcome"?, "group"?, "tag"?, "deadline"?, "attention"?, "workflow", "trackedAt", "closedAt"?}',
  example: 'countersign list --open --group sales --since 7d',
  run: async (call) => {
    const filter = listFilter(call);
    if (call.values.flag('watch') && (call.json || !call.terminal.isInteractive)) {
      throw new UsageError('--watch wants a terminal to draw on; for a stream: countersign watch');
    }
    return withCountersign(call, async (countersign) => {
      await (call.values.flag('watch') ? refresh : show)(call, countersign, filter);
      return EXIT_CODES.ok;
    });
  },
};

function listFilter({ values }: CommandCall): DocumentFilter & { readonly limit: number } {
  const [open, closed] = [values.flag('open'), values.flag('closed')];
  if (open && closed) throw new UsageError('--open and --closed exclude each other');
  const since = values.time('since');
  return {
    ...filterOf(values),
    ...(open || closed ? { isOpen: open } : {}),
    ...(since === undefined ? {} : { since }),
    limit: values.count('limit') ?? DEFAULT_LIMIT,
  };
}

type Filter = ReturnType<typeof listFilter>;

/** @returns one more than asked for where there are more */
async function documentsOf(countersign: Countersign, filter: Filter): Promise<ListedDocument[]> {
  const documents: ListedDocument[] = [];
  const more = { ...filter, limit: filter.limit + 1 };
  for await (const document of countersign.listDocuments(more)) documents.push(document);
  return documents;
}

async function show(call: CommandCall, countersign: Countersign, filter: Filter): Promise<void> {
  const { terminal, json } = call;
  const found = await documentsOf(countersign, filter);
  const shown = found.slice(0, filter.limit);
  if (json) terminal.print(JSON.stringify(shown, null, 2));
  else for (const line of listLines(shown, call)) terminal.print(line);
  if (found.length > shown.length) {
    terminal.note(`there are more than ${filter.limit}: narrow it down, or raise --limit`);
  }
}

function listLines(documents: readonly ListedDocument[], { terminal }: CommandCall): string[] {
  if (documents.length === 0) return ['no document matches'];
  return [...tableLines(LIST_COLUMNS, documents, terminal)];
}

async function refresh(call: CommandCall, countersign: Countersign, filter: Filter): Promise<void> {
  const { terminal, signal } = call;
  for (;;) {
    const documents = await documentsOf(countersign, filter);
    const lines = listLines(documents.slice(0, filter.limit), call);
    terminal.write(`${CLEAR}${lines.join('\n')}\n`);
    await delay(REFRESH_MS, undefined, { signal });
  }
}
