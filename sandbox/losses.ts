/**
 * What nobody was told, by a callback or by asking for the document: the sandbox's own record, to
 * measure a reconciliation by. Pure.
 */
import { currentStatus } from './callback-telling.js';
import type { Change, DocumentRecord, Told } from './records.js';

/** A document or signer whose status is another one than the last told. */
export interface MissedChange {
  readonly subject: Change['subject'];
  /** The document's or the signer's ID. */
  readonly id: string;
  /** The provider's number; 100 for a document whose final PDF exists. */
  readonly status: number;
  /** The status last told; null where none ever was. */
  readonly toldStatus: number | null;
}

/** What was missed of one document. */
export interface DocumentLosses {
  readonly documentId: string;
  /** `nothing`: no callback of it was ever answered 2xx, and nobody asked for it. */
  readonly told: 'nothing' | 'some';
  readonly missed: readonly MissedChange[];
}

/** What was missed in all. What still waits for the next batch is missed so far. */
export interface Losses {
  /** Documents of which something was missed. */
  readonly documents: number;
  /** Subjects that stand elsewhere than last told: each counts once, whatever lies between. */
  readonly changes: number;
  /** The first few. */
  readonly examples: readonly (MissedChange & { readonly documentId: string })[];
  /** In the order in which the documents were created, as many as were asked for. */
  readonly byDocument: readonly DocumentLosses[];
}

const EXAMPLES_MAX = 10;

/** Who was never told of counts once there is something to tell: an uninvited signer does not. */
function isMissed(history: readonly Change[], id: string, status: number, told: Told | null) {
  return told === null ? history.some((change) => change.id === id) : told.status !== status;
}

function missedOf(document: DocumentRecord): MissedChange[] {
  const { history } = document;
  const own = { subject: 'document' as const, ...document, status: currentStatus(document) };
  const signers = document.signers.map((signer) => ({ subject: 'signer' as const, ...signer }));
  return [own, ...signers]
    .filter(({ id, status, told }) => isMissed(history, id, status, told))
    .map(({ subject, id, status, told }) => ({
      ...{ subject, id, status, toldStatus: told?.status ?? null },
    }));
}

function documentLosses(document: DocumentRecord): DocumentLosses {
  const someTold = [document, ...document.signers].some(({ told }) => told !== null);
  const missed = missedOf(document);
  return { documentId: document.id, told: someTold ? 'some' : 'nothing', missed };
}

/**
 * Compares what stands with what was told.
 * @param limit how many documents are listed; the totals count all
 */
export function lossesOf(documents: Iterable<DocumentRecord>, limit: number): Losses {
  const lost: DocumentLosses[] = [];
  for (const document of documents) {
    const losses = documentLosses(document);
    if (losses.missed.length > 0) lost.push(losses);
  }
  const examples = lost
    .slice(0, EXAMPLES_MAX)
    .flatMap(({ documentId, missed }) => missed.map((each) => ({ documentId, ...each })));
  return {
    documents: lost.length,
    changes: lost.reduce((sum, { missed }) => sum + missed.length, 0),
    examples: examples.slice(0, EXAMPLES_MAX),
    byDocument: lost.slice(0, limit),
  };
}
