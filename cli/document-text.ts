/** Documents and their progress as people read them. Pure. */
import type { ListedDocument, ProgressView } from '../client/index.js';
import { pairLines, tableLines } from './table.js';
import type { Column } from './table.js';
import { painted, plainLine } from './terminal.js';
import type { Colour, Terminal } from './terminal.js';

type Timeline = ProgressView['timeline'][number];

const COLOURS: Readonly<Record<string, Colour>> = {
  completed: 'green',
  finalised: 'green',
  signed: 'green',
  downloaded: 'green',
  rejected: 'red',
  removed: 'red',
  expired: 'yellow',
  terminated: 'red',
  failed: 'red',
};

/** Of a status or an outcome; undefined for all that are on their way. */
export function statusColour(word: string | undefined): Colour | undefined {
  return word === undefined ? undefined : COLOURS[word];
}

/** An ISO time to the second, as people read it. */
export function shownTime(iso: string | undefined): string {
  return iso === undefined ? '' : iso.replace(/^(.{10})T(.{8}).*$/, '$1 $2');
}

/** The columns of a list of documents. */
export const LIST_COLUMNS: readonly Column<ListedDocument>[] = [
  { title: 'document', text: ({ documentId }) => documentId },
  { title: 'status', text: ({ status }) => status, colour: ({ status }) => statusColour(status) },
  {
    title: 'outcome',
    text: ({ outcome, workflow }) => outcome ?? (workflow === 'running' ? '' : workflow),
    colour: ({ outcome, workflow }) => statusColour(outcome ?? workflow),
  },
  { title: 'group', text: ({ group }) => group },
  { title: 'tracked (UTC)', text: ({ trackedAt }) => shownTime(trackedAt) },
  { title: 'attention', text: ({ attention }) => attention, colour: () => 'yellow' },
  { title: 'tag', text: ({ tag }) => tag },
];

const SIGNER_COLUMNS: readonly Column<ProgressView['signers'][number]>[] = [
  { title: '#', text: ({ order }) => order },
  { title: 'signer', text: ({ id }) => id },
  { title: 'role', text: ({ role }) => role },
  {
    title: 'status',
    text: ({ status, number }) => `${status} (${number})`,
    colour: ({ status }) => statusColour(status),
  },
  { title: 'since (UTC)', text: ({ at }) => shownTime(at) },
  { title: 'known by', text: ({ sources }) => sources.join(', ') },
  { title: 'reason', text: ({ rejectionReason }) => rejectionReason },
];

const TIMELINE_COLUMNS: readonly Column<Timeline>[] = [
  { title: 'at (UTC)', text: ({ at }) => shownTime(at) },
  { title: 'who', text: ({ subject, id }) => (subject === 'document' ? subject : id) },
  {
    title: 'status',
    text: ({ status, number }) => `${status} (${number})`,
    colour: ({ status }) => statusColour(status),
  },
  { title: 'known by', text: ({ sources }) => sources.join(', ') },
];

/** Everything that is known of a document. */
export function documentLines(
  view: ProgressView,
  link: string | undefined,
  terminal: Pick<Terminal, 'hasColour' | 'isInteractive' | 'width'>,
): readonly string[] {
  const heading = (title: string): string => painted(terminal, 'bold', title);
  const archive = view.outcome?.archive;
  const announcements = view.announcements ?? [];
  return [
    ...summaryLines(view, link, terminal),
    '',
    heading('Signers'),
    ...(view.signers.length === 0
      ? ['none is known yet']
      : tableLines(SIGNER_COLUMNS, view.signers, terminal)),
    '',
    heading('Timeline'),
    ...(view.timeline.length === 0
      ? ['nothing has happened yet']
      : tableLines(TIMELINE_COLUMNS, view.timeline, terminal)),
    ...(archive === undefined ? [] : ['', heading('Archive')]),
    ...(archive?.files ?? []).map(
      ({ name, bytes, sha256 }) => `${name}  ${bytes} bytes  SHA-256 ${sha256}`,
    ),
    ...(archive === undefined ? [] : [`the provider's hash: ${archive.providerHash}`]),
    ...(announcements.length === 0 ? [] : ['', heading('Announcements')]),
    ...announcements.map(({ event, owedTo }) =>
      owedTo.length === 0 ? event : `${event}, owed to ${owedTo.join(', ')}`,
    ),
  ];
}

function summaryLines(
  view: ProgressView,
  link: string | undefined,
  terminal: Pick<Terminal, 'hasColour'>,
): readonly string[] {
  const { rejection } = view.outcome ?? {};
  return pairLines(
    [
      ['document', view.documentId],
      ['status', `${view.status} (${view.number})`],
      ['outcome', view.outcome?.kind],
      ['concluded', view.outcome && shownTime(view.outcome.concludedAt)],
      ['rejected by', rejection && `${rejection.signerId}: ${rejection.reason}`],
      ['group', view.group],
      ['tag', view.tag],
      ['deadline', view.deadline && shownTime(view.deadline)],
      ['ATTENTION', view.attention && `${view.attention} (once mended: countersign retry)`],
      ['workflow', link],
    ],
    terminal,
  );
}

/** A change of one document as a line of a log. */
export function changeLine(change: Timeline, terminal: Pick<Terminal, 'hasColour'>): string {
  const { at, subject, id, status, number, sources } = change;
  const who = subject === 'document' ? 'document' : plainLine(`signer ${id}`);
  const what = painted(terminal, statusColour(status), plainLine(`${status} (${number})`));
  return `${plainLine(shownTime(at))}  ${who}  ${what}  ${sources.join(', ')}`;
}
