import { randomUUID, type KeyObject } from 'node:crypto';
import { DOCUMENT_STATUSES, SIGNER_STATUSES } from '../workflows/statuses.js';
import type { CallbackDispatcher } from './callback-dispatcher.js';
import type { CallbackRecord } from './callback-log.js';
import { signedBatch, signedNotice, signedRealtime, unsignedNotice } from './callback-signing.js';
import type { BatchEntry, RealtimeEvent, SignedRequest } from './callback-signing.js';
import type { FaultPanel } from './faults.js';
import type { Change, DocumentRecord, NotifyKind, SignerRecord } from './records.js';
import type { Snapshot, SubscriptionRecord } from './records.js';
import type { Register } from './register.js';
import { realtimeDocument, realtimeRecipient } from './realtime-resources.js';
import { batchEntry, notice } from './resources.js';

/** How callbacks are signed and written. */
interface SigningTerms {
  readonly privateKey: KeyObject;
  readonly hmacSecret: string | undefined;
  /** Notices in the older form, without `json_signed`. */
  readonly unsignedNotices: boolean;
  readonly plusUnescaped: boolean;
}

/** A batch holds thousands of entries; what is beyond goes into the next one. */
const BATCH_MAX_ENTRIES = 5000;

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

/** `recipient.*` covers `recipient.completed`; no filter covers everything. */
function passes(filter: string, event: string): boolean {
  if (filter === '' || filter === event) return true;
  return filter.endsWith('.*') && event.startsWith(filter.slice(0, -1));
}

function realtimeEvent(event: string, atMs: number, data: RealtimeEvent['data']): RealtimeEvent {
  const object = event.startsWith('document.') ? 'document' : 'recipient';
  const created = Math.floor(atMs / 1000);
  return { version: 1, object, event, id: randomUUID(), created, data };
}

/** The kind of notice that a change gives rise to; the history is what was before it. */
function noticeKind(
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

function chunks<T>(items: readonly T[], size: number): T[][] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size));
}

/** Turns what happens into callbacks for every subscription it concerns. */
export class CallbackOutbox {
  readonly #register: Register;
  readonly #dispatcher: CallbackDispatcher;
  readonly #faults: FaultPanel;
  readonly #terms: SigningTerms;
  readonly #pending = new Map<string, BatchEntry[]>();

  constructor(
    register: Register,
    dispatcher: CallbackDispatcher,
    faults: FaultPanel,
    terms: SigningTerms,
  ) {
    this.#register = register;
    this.#dispatcher = dispatcher;
    this.#faults = faults;
    this.#terms = terms;
  }

  /** Puts in the entries that an earlier run could not send any more. */
  load(pending: Snapshot['pending']): void {
    for (const [id, entries] of Object.entries(pending)) this.#pending.set(id, [...entries]);
  }

  /** Entries that wait for the next batch, by subscription. */
  get pending(): Snapshot['pending'] {
    return Object.fromEntries(this.#pending);
  }

  /** How many entries wait for the next batch. */
  get pendingEntries(): number {
    return [...this.#pending.values()].reduce((sum, entries) => sum + entries.length, 0);
  }

  /** A document or a signer took on a status. */
  changed(document: DocumentRecord, change: Change): void {
    this.#collect(document, change);
    const kind = noticeKind(document, change);
    if (kind) this.#sendNotice(kind, document);
    if (change.subject === 'document') {
      this.#sendRealtime(document, DOCUMENT_EVENTS[change.status], change.at);
    } else {
      const { signer } = this.#register.signer(change.id);
      this.#sendRealtime(document, RECIPIENT_EVENTS[change.status], change.at, signer);
    }
  }

  /** Mail to a signer bounced. */
  bounced(document: DocumentRecord, signer: SignerRecord): void {
    this.#sendRealtime(document, 'recipient.bounced', document.modified, signer);
  }

  /** Sends all entries that wait; resolves when every batch is answered. */
  async flush(): Promise<CallbackRecord[]> {
    const waiting = [...this.#pending];
    this.#pending.clear();
    const sent = waiting.map(([id, entries]) => this.#sendBatches(id, entries));
    return (await Promise.all(sent)).flat(2);
  }

  #subscribers(kind: NotifyKind, document: DocumentRecord): SubscriptionRecord[] {
    return [...this.#register.subscriptions.values()].filter(
      ({ notify, group }) => notify === kind && (group === null || group === document.group),
    );
  }

  #collect(document: DocumentRecord, change: Change): void {
    for (const { id } of this.#subscribers('all', document)) {
      const entries = this.#pending.get(id);
      if (entries) entries.push(batchEntry(change));
      else this.#pending.set(id, [batchEntry(change)]);
    }
  }

  async #sendBatches(id: string, entries: readonly BatchEntry[]): Promise<CallbackRecord[][]> {
    const subscription = this.#register.subscriptions.get(id);
    if (!subscription) return [];
    // Torn apart, so that there is an order of batches to lose.
    const torn = entries.length > 1 && this.#faults.strikes('shuffleCallbacks');
    const size = torn ? Math.ceil(entries.length / 4) : BATCH_MAX_ENTRIES;
    const { privateKey, plusUnescaped } = this.#terms;
    const batches = chunks(entries, size).map((batch) => {
      const request = signedBatch(batch, privateKey, { plusUnescaped });
      const about = batch.length === 1 ? '1 change' : `${batch.length} changes`;
      return this.#dispatcher.dispatch({ kind: 'all', url: subscription.url, about, request });
    });
    return Promise.all(batches);
  }

  #sendNotice(kind: 'signed' | 'sent' | 'rejected', document: DocumentRecord): void {
    const subscribers = this.#subscribers(kind, document);
    if (subscribers.length === 0) return;
    const { privateKey, unsignedNotices } = this.#terms;
    const fields = notice(document);
    const request = unsignedNotices ? unsignedNotice(fields) : signedNotice(fields, privateKey);
    this.#sendToAll(subscribers, kind, document.name, request);
  }

  #sendRealtime(
    document: DocumentRecord,
    event: string | undefined,
    atMs: number,
    signer?: SignerRecord,
  ): void {
    if (!event) return;
    const subscribers = this.#subscribers('realtime', document).filter(({ eventFilter }) =>
      passes(eventFilter, event),
    );
    if (subscribers.length === 0) return;
    const data = signer ? realtimeRecipient(document, signer) : realtimeDocument(document);
    const { privateKey, hmacSecret } = this.#terms;
    const request = signedRealtime(realtimeEvent(event, atMs, data), {
      privateKey,
      ...(hmacSecret !== undefined && { hmacSecret }),
    });
    this.#sendToAll(subscribers, 'realtime', event, request);
  }

  #sendToAll(
    subscribers: readonly SubscriptionRecord[],
    kind: NotifyKind,
    about: string,
    request: SignedRequest,
  ): void {
    for (const { url } of subscribers) {
      void this.#dispatcher.dispatch({ kind, url, about, request });
    }
  }
}
