import { setTimeout as delay } from 'node:timers/promises';
import type {
  Countersign,
  DocumentFilter,
  ListedDocument,
  ProgressView,
} from '../../client/index.js';
import { EXIT_CODES } from '../command.js';
import type { Action, CommandCall } from '../command.js';
import { ANSWER_LIMIT, withCountersign } from '../countersign-connection.js';
import { FILTER_OPTIONS, filterOf } from '../document-filter.js';
import { documentIdOf } from '../document-id.js';
import { changeLine, statusColour } from '../document-text.js';
import { UsageError } from '../failures.js';
import { painted, plainLine } from '../terminal.js';

/** Visibility lags by a second or so: looking more often shows nothing more. */
const POLL_MS = 1000;

/** A document that closed while visibility lagged is still seen with the next poll. */
const OVERLAP_MS = 60_000;

/** Progress as it happens. */
export const watch: Action = {
  name: 'watch',
  summary: 'follows one document to its outcome, or all that change, until Ctrl-C',
  description:
    'Of one document every change of every signer, as it happens. Of all documents the changes of\n' +
    'status, outcome and attention, a second or two behind.',
  usage: '[document]',
  options: FILTER_OPTIONS,
  json: 'JSON lines, one per change: of one document as `show`, of all as the entries of `list`',
  example: 'countersign watch --group sales',
  run: async (call) => {
    const [given] = call.positionals;
    const documentId = given === undefined ? undefined : documentIdOf(given);
    const filter = filterOf(call.values);
    if (documentId !== undefined && Object.values(filter).some((each) => isGiven(each))) {
      throw new UsageError('of one document everything is shown: leave the filters out');
    }
    return withCountersign(call, async (countersign) => {
      if (documentId === undefined) await watchAll(call, countersign, filter);
      else await watchOne(call, countersign, documentId);
      return EXIT_CODES.ok;
    });
  },
};

function isGiven(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined;
}

async function watchOne(
  { terminal, json, signal }: CommandCall,
  countersign: Countersign,
  documentId: string,
): Promise<void> {
  let view = await countersign.progress(documentId, ANSWER_LIMIT);
  const told = new Set<string>();
  for (;;) {
    if (json) terminal.print(JSON.stringify(view));
    else for (const line of newLines(view, told, terminal)) terminal.print(line);
    if (view.outcome) return;
    view = await countersign.waitForChange(documentId, view.revision, { signal });
  }
}

/** What the view says that was not told yet; that is told from now on. */
function newLines(
  { timeline, outcome, attention }: ProgressView,
  told: Set<string>,
  terminal: CommandCall['terminal'],
): string[] {
  const lines = [
    ...timeline.map((change) => changeLine(change, terminal)),
    ...(attention === undefined
      ? []
      : [painted(terminal, 'yellow', plainLine(`waits: ${attention}`))]),
    ...(outcome ? [`outcome: ${painted(terminal, statusColour(outcome.kind), outcome.kind)}`] : []),
  ];
  const fresh = lines.filter((line) => !told.has(line));
  for (const line of fresh) told.add(line);
  return fresh;
}

/** Where a document stands, as far as a list shows it. */
function standing({ status, outcome, attention, workflow }: ListedDocument): string {
  const closed = workflow === 'running' || workflow === 'completed' ? [] : [workflow];
  const waits = attention === undefined ? [] : [`waits: ${attention}`];
  return [status, ...(outcome === undefined ? [] : [outcome]), ...closed, ...waits].join(' ');
}

async function watchAll(
  { terminal, json, signal }: CommandCall,
  countersign: Countersign,
  filter: DocumentFilter,
): Promise<void> {
  const known = new Map<string, string>();
  let sinceMs = Date.now();
  let isFirst = true;
  for (;;) {
    const activeSince = new Date(sinceMs - OVERLAP_MS).toISOString();
    sinceMs = Date.now();
    for await (const document of countersign.listDocuments({ ...filter, activeSince })) {
      const now = standing(document);
      const before = known.get(document.documentId);
      known.set(document.documentId, now);
      if (isFirst || before === now) continue;
      if (json) terminal.print(JSON.stringify(document));
      else terminal.print(documentLine(document, before, now, terminal));
    }
    if (isFirst) terminal.note('watching; Ctrl-C ends it');
    isFirst = false;
    // With very many documents a listing takes long: it must not be all that Temporal does.
    const pauseMs = Math.max(POLL_MS, (Date.now() - sinceMs) * 4);
    await delay(pauseMs, undefined, { signal });
  }
}

function documentLine(
  { documentId, outcome, status, tag }: ListedDocument,
  before: string | undefined,
  now: string,
  terminal: CommandCall['terminal'],
): string {
  const time = new Date().toISOString().slice(11, 19);
  const step = before === undefined ? now : `${before} → ${now}`;
  const what = painted(terminal, statusColour(outcome ?? status), plainLine(step));
  return `${time}  ${plainLine(documentId)}  ${what}${tag === undefined ? '' : `  ${plainLine(tag)}`}`;
}
