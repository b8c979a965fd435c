import type { KeyObject } from 'node:crypto';
import type { CallbackDispatcher } from './callback-dispatcher.js';
import { eventName, noticeKind, passes, realtimeEvent } from './callback-kinds.js';
import type { CallbackRecord } from './callback-log.js';
import type { OutgoingCallback } from './callback-sender.js';
import { signedBatch, signedNotice, signedRealtime, unsignedNotice } from './callback-signing.js';
import { signerStanding, wholeStanding } from './callback-telling.js';
import type { FaultPanel } from './faults.js';
import type { Change, DocumentRecord, NotifyKind, PendingEntry } from './records.js';
import type { SignerRecord, Snapshot, SubscriptionRecord } from './records.js';
import type { Register } from './register.js';
import { realtimeDocument, realtimeRecipient } from './realtime-resources.js';
import { batchEntry, notice, pendingEntry } from './resources.js';

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
  readonly #pending = new Map<string, PendingEntry[]>();

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
    const signer = this.#register.signers.get(change.id);
    this.#sendRealtime(document, eventName(change), change.at, signer);
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
      ({ notify, group, active }) =>
        active && notify === kind && (group === null || group === document.group),
    );
  }

  #collect(document: DocumentRecord, change: Change): void {
    for (const { id } of this.#subscribers('all', document)) {
      const entries = this.#pending.get(id);
      if (entries) entries.push(pendingEntry(change));
      else this.#pending.set(id, [pendingEntry(change)]);
    }
  }

  async #sendBatches(id: string, waiting: readonly PendingEntry[]): Promise<CallbackRecord[][]> {
    const subscription = this.#register.subscriptions.get(id);
    if (!subscription?.active) return [];
    const entries = waiting.filter((entry) => !this.#isMuted(entry));
    // Torn apart, so that there is an order of batches to lose.
    const torn = entries.length > 1 && this.#faults.strikes('shuffleCallbacks');
    const size = torn ? Math.ceil(entries.length / 4) : BATCH_MAX_ENTRIES;
    const { privateKey, plusUnescaped } = this.#terms;
    const batches = chunks(entries, size).map((batch) => {
      const request = signedBatch(batch.map(batchEntry), privateKey, { plusUnescaped });
      const about = batch.length === 1 ? '1 change' : `${batch.length} changes`;
      const said = batch.map(({ id, at, value }) => ({ id, at, status: Number(value) }));
      const { url } = subscription;
      return this.#dispatcher.dispatch({ kind: 'all', url, about, request, tells: { said } });
    });
    return Promise.all(batches);
  }

  /** Decided when the batch is made: what waits is muted too. */
  #isMuted({ id }: PendingEntry): boolean {
    const documentId = this.#register.signers.get(id)?.documentId ?? id;
    const document = this.#register.documents.get(documentId);
    return document !== undefined && this.#faults.mutes(document);
  }

  #sendNotice(kind: 'signed' | 'sent' | 'rejected', document: DocumentRecord): void {
    const subscribers = this.#subscribers(kind, document);
    if (subscribers.length === 0) return;
    const { privateKey, unsignedNotices } = this.#terms;
    const fields = notice(document);
    const request = unsignedNotices ? unsignedNotice(fields) : signedNotice(fields, privateKey);
    const about = document.name;
    const tells = { askedFor: document.id };
    this.#sendToAll(subscribers, document, { kind, about, request, tells });
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
    const said = signer ? [signerStanding(signer)] : wholeStanding(document, atMs);
    const tells = { said };
    this.#sendToAll(subscribers, document, { kind: 'realtime', about: event, request, tells });
  }

  #sendToAll(
    subscribers: readonly SubscriptionRecord[],
    document: DocumentRecord,
    callback: Omit<OutgoingCallback, 'url'>,
  ): void {
    for (const { url } of subscribers) {
      if (this.#faults.mutes(document)) this.#dispatcher.drop({ ...callback, url });
      else void this.#dispatcher.dispatch({ ...callback, url });
    }
  }
}
