/** What of a delivery goes to which document. Pure. */
import type {
  ChangeSource,
  DeliverChangesInput,
  DocumentSigningInput,
  DocumentSnapshot,
  NamedNews,
  StatusChange,
  StatusReport,
} from '../workflows/contract.js';
import type { Routing } from './signer-routes.js';

/** All that one document is told. */
export interface Parcel {
  /** With what its workflow is started, where there is none. */
  readonly document: DocumentSigningInput;
  /** A signal each. One, unless there are two pictures: a report has room for one. */
  readonly reports: readonly StatusReport[];
  /** It is told to ask the provider, too. */
  readonly isNoticed: boolean;
  /** Positions in the input that this parcel carries. */
  readonly changes: readonly number[];
  readonly hints: readonly number[];
}

/** An entry that was not delivered, by its position in the input. */
export interface Undelivered {
  readonly index: number;
  readonly reason: string;
  readonly isFinal?: boolean;
}

/** Whose document nobody named: their signers have to be routed. By position. */
export function unnamedChanges({
  changes,
  named = [],
}: Pick<DeliverChangesInput, 'changes' | 'named'>): readonly number[] {
  const claimed = new Set(named.flatMap((news) => news.changes));
  return [...changes.keys()].filter((index) => !claimed.has(index));
}

/** Hints of which it is not verified that their document exists. By position. */
export function unverifiedHints({ hints, named = [] }: DeliverChangesInput): readonly number[] {
  const claimed = new Set(named.flatMap((news) => news.hints));
  return [...hints.keys()].filter((index) => !claimed.has(index));
}

/** One parcel per document, with its news in order; and the changes that have none. */
export function parcelsOf(
  input: DeliverChangesInput,
  { documents, unrouted }: Routing,
): { parcels: Parcel[]; unroutedChanges: Undelivered[] } {
  const unroutedChanges: Undelivered[] = [];
  const news: NamedNews[] = [...(input.named ?? [])];
  for (const index of unnamedChanges(input)) {
    const change = input.changes[index];
    if (!change) continue;
    const { subject, id } = change;
    const documentId = subject === 'document' ? id : documents.get(id);
    if (documentId !== undefined) news.push({ documentId, changes: [index], hints: [] });
    else unroutedChanges.push({ index, reason: unrouted.get(id) ?? 'no document is known' });
  }
  const byDocument = new Map<string, NamedNews[]>();
  for (const each of news) {
    const known = byDocument.get(each.documentId);
    if (known) known.push(each);
    else byDocument.set(each.documentId, [each]);
  }
  return { parcels: [...byDocument.values()].map((all) => parcelOf(input, all)), unroutedChanges };
}

/** A later callback's labels win: the document has been moved since. */
function parcelOf(input: DeliverChangesInput, news: readonly NamedNews[]): Parcel {
  const { documentId = '' } = news[0] ?? {};
  const group = news.findLast((each) => each.group !== undefined)?.group;
  const tag = news.findLast((each) => each.tag !== undefined)?.tag;
  const hints = news.flatMap((each) => each.hints);
  return {
    document: { documentId, ...(group ? { group } : {}), ...(tag ? { tag } : {}) },
    reports: reportsOf(input, news),
    isNoticed: hints.length > 0,
    changes: news.flatMap((each) => each.changes),
    hints,
  };
}

function reportsOf(
  { source, changes }: DeliverChangesInput,
  news: readonly NamedNews[],
): StatusReport[] {
  const reports: { source: ChangeSource; changes: StatusChange[]; snapshot?: DocumentSnapshot }[] =
    [];
  for (const { changes: positions, snapshot } of news) {
    const told = positions.flatMap((index) => changes[index] ?? []);
    if (told.length === 0) continue;
    const latest = reports.at(-1);
    if (!latest || (latest.snapshot && snapshot)) {
      reports.push({ source, changes: told, ...(snapshot ? { snapshot } : {}) });
    } else {
      latest.changes.push(...told);
      if (snapshot) latest.snapshot = snapshot;
    }
  }
  return reports;
}
