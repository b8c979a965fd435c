/** Drives the sandbox: the same in process and over HTTP. */
import type { z } from 'zod';
import { documentStatusNumber, signerStatusNumber } from '../workflows/statuses.js';
import type { CallbackCounters, CallbackRecord } from './callback-log.js';
import { bounceSchema, completeSchema, documentRequestOf } from './control-requests.js';
import { forwardSchema, lossesSchema, manyDocumentsSchema } from './control-requests.js';
import { muteSchema, simpleDocumentSchema, statusNumber } from './control-requests.js';
import { statusSchema, stepSchema } from './control-requests.js';
import type { SimpleDocument, SimpleStep } from './control-requests.js';
import { faultsPatchSchema, type Faults } from './faults.js';
import { lossesOf, type Losses } from './losses.js';
import type { DocumentRecord, NotifyKind, SignerRecord } from './records.js';
import type { SubscriptionRecord } from './records.js';
import { notFound } from './refusal.js';
import { accepted } from './request-body.js';
import type { SandboxCore } from './sandbox-core.js';
import { stateView, type StateView } from './state-view.js';
import { addSubscription, deactivate, deactivateSchema } from './subscriptions.js';
import { injectSchema, subscribeSchema } from './subscriptions.js';
import { unsubscribeSchema, type SubscribeRequest } from './subscriptions.js';

/** What came of creating a document. */
interface CreatedDocument {
  readonly id: string;
  readonly signers: readonly string[];
}

function created({ id, signers }: DocumentRecord): CreatedDocument {
  return { id, signers: signers.map((signer) => signer.id) };
}

/** A callback with what was sent. */
interface CallbackDetail extends CallbackRecord {
  readonly headers: Readonly<Record<string, string>>;
  /** The body as text. */
  readonly body: string;
}

/** Everything that can be done to the sandbox, with inputs checked (Refusal 400 or 404). */
export class SandboxControl {
  readonly #core: SandboxCore;

  constructor(core: SandboxCore) {
    this.#core = core;
  }

  /** Creates a document and sends it to those who sign first. */
  createDocument(input?: SimpleDocument): CreatedDocument {
    const simple = accepted(simpleDocumentSchema, input);
    return created(this.#core.open(documentRequestOf(simple), simple.muted));
  }

  /** Creates many documents alike, of the same people. */
  createDocuments(count: number, input?: SimpleDocument): CreatedDocument[] {
    const { document: simple } = accepted(manyDocumentsSchema, { count, document: input });
    const request = documentRequestOf(simple);
    return Array.from({ length: count }, () => created(this.#core.open(request, simple.muted)));
  }

  /** Keeps back a share of a document's callbacks from now on; what waits for a batch as well. */
  muteDocument(documentId: string, input?: z.input<typeof muteSchema>): void {
    this.#core.register.document(documentId).muted = accepted(muteSchema, input).share;
    this.#core.touch();
  }

  /** What no callback has told so far: who stands elsewhere than last told. */
  losses(input?: { readonly limit?: number | undefined }): Losses {
    const { limit = Infinity } = accepted(lossesSchema, input);
    return lossesOf(this.#core.register.oldestFirst, limit);
  }

  /** Moves a signer to the next step, or to any status, also back. */
  advanceSigner(signerId: string, input?: SimpleStep): void {
    const { status, reason } = accepted(stepSchema, input);
    this.#core.desk.advance(signerId, {
      ...(status !== undefined && { status: statusNumber(status, signerStatusNumber) }),
      ...(reason !== undefined && { reason }),
    });
  }

  /** Lets mail to a signer bounce. */
  bounceSigner(signerId: string, input?: z.input<typeof bounceSchema>): void {
    this.#core.desk.bounce(signerId, accepted(bounceSchema, input).message);
  }

  /** Lets a signer hand their place on to somebody else, who is invited. */
  forwardSigner(signerId: string, input: z.input<typeof forwardSchema>): void {
    this.#core.desk.forward(signerId, accepted(forwardSchema, input));
  }

  /** Lets everybody sign; resolves when the final PDF exists. */
  async completeDocument(documentId: string, input?: { readonly visit?: boolean }): Promise<void> {
    await this.#core.complete(documentId, accepted(completeSchema, input).visit);
  }

  /** Makes the final PDF without waiting for its time. */
  async finaliseDocument(documentId: string): Promise<void> {
    await this.#core.finalise(documentId);
  }

  /** Voids a document, as `DELETE /document/{id}/` does. */
  removeDocument(documentId: string): void {
    this.#core.desk.remove(documentId);
  }

  /** Deletes a document for good: the provider does not know it any more. */
  async deleteDocument(documentId: string): Promise<void> {
    await this.#core.deleteDocument(documentId);
  }

  /** Gives a document any status, also one that contradicts what went before. */
  setDocumentStatus(documentId: string, input: z.input<typeof statusSchema>): void {
    const { status } = accepted(statusSchema, input);
    this.#core.desk.setDocumentStatus(documentId, statusNumber(status, documentStatusNumber));
  }

  /** Every document as it stands, the oldest first; to look at, not to be changed. */
  documents(): readonly Readonly<DocumentRecord>[] {
    return this.#core.register.oldestFirst;
  }

  /** A document as it stands, to look at; not to be changed. */
  document(documentId: string): Readonly<DocumentRecord> {
    return this.#core.register.document(documentId);
  }

  /** A signer as they stand, to look at; not to be changed. */
  signer(signerId: string): Readonly<SignerRecord> {
    return this.#core.register.signer(signerId).signer;
  }

  /** Registers a callback URL, as `POST /subscribe/` does. */
  subscribe(input: SubscribeRequest): void {
    this.#core.subscribe(accepted(subscribeSchema, input));
  }

  /** Registers a callback URL whatever is registered already, or as inactive. */
  injectSubscription(input: z.input<typeof injectSchema>): SubscriptionRecord {
    const subscription = addSubscription(this.#core.register, accepted(injectSchema, input));
    this.#core.touch();
    return subscription;
  }

  /** Makes a callback URL inactive: it stays listed and gets nothing. */
  deactivateSubscription(url: string, notify: NotifyKind): void {
    deactivate(this.#core.register, accepted(deactivateSchema, { url, notify }));
    this.#core.touch();
  }

  /** Removes a callback URL. */
  unsubscribe(input: z.input<typeof unsubscribeSchema>): void {
    this.#core.unsubscribe(accepted(unsubscribeSchema, input));
  }

  /** Sends the batch of changes now; resolves with the callbacks when they are answered. */
  async flushCallbacks(): Promise<CallbackRecord[]> {
    return this.#core.flush();
  }

  /** The newest callbacks first. */
  callbacks(limit = 100): CallbackRecord[] {
    return this.#core.log.newest(limit);
  }

  /** Totals of callbacks since the start. */
  callbackCounters(): CallbackCounters {
    return { ...this.#core.log.counters };
  }

  /** One callback with its headers and body, unless the log has let it go. */
  callback(callbackId: string): CallbackDetail {
    const kept = this.#core.log.find(callbackId);
    if (!kept) throw notFound('callback');
    const { headers, body } = kept.request;
    return { ...kept.record, headers, body: body.toString() };
  }

  /** Sends a callback's very bytes once more. */
  async resendCallback(callbackId: string): Promise<CallbackRecord> {
    return this.#core.resend(callbackId);
  }

  /** The faults in force. */
  faults(): Faults {
    return this.#core.faults.current;
  }

  /** Changes the faults that are named. */
  changeFaults(input: Partial<Faults>): Faults {
    this.#core.touch();
    return this.#core.faults.change(accepted(faultsPatchSchema, input));
  }

  /** Sets the faults that are named and ends all others. */
  replaceFaults(input: Partial<Faults> = {}): Faults {
    this.#core.touch();
    return this.#core.faults.replace(accepted(faultsPatchSchema, input));
  }

  /** What the page shows: the newest documents and callbacks, subscriptions, faults, totals. */
  state(): StateView {
    return stateView(this.#core);
  }

  /** Resolves when no final PDF is on its way and no callback is waiting or unanswered. */
  async idle(): Promise<void> {
    await this.#core.idle();
  }
}
