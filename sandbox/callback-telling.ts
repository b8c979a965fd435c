/** What a callback tells whoever takes it, and how the sandbox remembers that. */
import { DOCUMENT_STATUSES } from '../workflows/statuses.js';
import type { Change, DocumentRecord, SignerRecord } from './records.js';
import type { Register } from './register.js';

/** A status that a document or a signer had. */
export type Standing = Pick<Change, 'id' | 'at' | 'status'>;

/** The statuses that a callback says, or the document that it makes its receiver ask for. */
export type Telling = { readonly said: readonly Standing[] } | { readonly askedFor: string };

/** A document's status as callbacks count: 100 once the final PDF exists, which REST never says. */
export function currentStatus({ status, hash }: DocumentRecord): number {
  const isFinal = status === DOCUMENT_STATUSES.signed && hash !== null;
  return isFinal ? DOCUMENT_STATUSES.finalised : status;
}

/** How a signer stands now. */
export function signerStanding({ id, statusAt, status }: SignerRecord): Standing {
  return { id, at: statusAt, status };
}

/**
 * How a document and all its signers stand now.
 * @param at when the document took on its status, where the history does not say so yet
 */
export function wholeStanding(document: DocumentRecord, at?: number): Standing[] {
  const last = document.history.findLast(({ subject }) => subject === 'document');
  const since = at ?? last?.at ?? document.created;
  const own = { id: document.id, at: since, status: currentStatus(document) };
  return [own, ...document.signers.map(signerStanding)];
}

function standingsOf(register: Register, telling: Telling): readonly Standing[] {
  if ('said' in telling) return telling.said;
  const document = register.documents.get(telling.askedFor);
  return document ? wholeStanding(document) : [];
}

/**
 * Notes what a callback told when it was taken. What is told late takes nothing back, and what is
 * deleted by now is passed over.
 */
export function rememberTold(register: Register, telling: Telling): void {
  for (const { id, at, status } of standingsOf(register, telling)) {
    const subject = register.documents.get(id) ?? register.signers.get(id);
    if (subject && (subject.told === null || subject.told.at <= at)) subject.told = { at, status };
  }
}
