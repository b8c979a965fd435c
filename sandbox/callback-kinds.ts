/** Which callbacks a change gives rise to. */
import { randomUUID } from 'node:crypto';
import { DOCUMENT_STATUSES, SIGNER_STATUSES } from '../workflows/statuses.js';
import type { RealtimeEvent } from './callback-signing.js';
import type { Change, DocumentRecord } from './records.js';

const DOCUMENT_EVENTS: Readonly<Record<number, string>> = {
  [DOCUMENT_STATUSES.created]: 'document.created',
  [DOCUMENT_STATUSES.rejected]: 'document.rejected',
  [DOCUMENT_STATUSES.finalised]: 'document.finalPdfCreated',
};

const RECIPIENT_EVENTS: Readonly<Record<number, string>> = {
  [SIGNER_STATUSES.emailOpened]: 'recipient.emailOpened',
  [SIGNER_STATUSES.visited]: 'recipient.visiting',
  [SIGNER_STATUSES.signed]: 'recipient.completed',
  [SIGNER_STATUSES.rejected]: 'recipient.rejected',
};

/** The realtime event that a change gives rise to; undefined where there is none. */
export function eventName({ subject, status }: Change): string | undefined {
  return subject === 'document' ? DOCUMENT_EVENTS[status] : RECIPIENT_EVENTS[status];
}

/** `recipient.*` covers `recipient.completed`; no filter covers everything. */
export function passes(filter: string, event: string): boolean {
  if (filter === '' || filter === event) return true;
  return filter.endsWith('.*') && event.startsWith(filter.slice(0, -1));
}

/**
 * A new realtime event.
 * @param atMs when it happened, milliseconds since 1970
 */
export function realtimeEvent(
  event: string,
  atMs: number,
  data: RealtimeEvent['data'],
): RealtimeEvent {
  const object = event.startsWith('document.') ? 'document' : 'recipient';
  const created = Math.floor(atMs / 1000);
  return { version: 1, object, event, id: randomUUID(), created, data };
}

/** The kind of notice that a change gives rise to; the history is what was before it. */
export function noticeKind(
  document: DocumentRecord,
  change: Change,
): 'signed' | 'sent' | 'rejected' | null {
  const { status, subject } = change;
  if (subject === 'document' && status === DOCUMENT_STATUSES.finalised) return 'signed';
  if (subject === 'document' && status === DOCUMENT_STATUSES.rejected) return 'rejected';
  const isSending = ({ subject: whose, status: what }: Change): boolean =>
    whose === 'signer' && what === SIGNER_STATUSES.sent;
  return isSending(change) && !document.history.some(isSending) ? 'sent' : null;
}
