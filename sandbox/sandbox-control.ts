/** Drives the sandbox: the same in process and over HTTP. */
import type { z } from 'zod';
import { documentStatusNumber, signerStatusNumber } from '../workflows/statuses.js';
import type { CallbackCounters, CallbackRecord } from './callback-log.js';
import {
  bounceSchema,
  completeSchema,
  documentRequestOf,
  forwardSchema,
} from './control-requests.js';
import { statusNumber, statusSchema, stepSchema } from './control-requests.js';
import type { SimpleDocument, SimpleStep } from './control-requests.js';
import { faultsPatchSchema, type Faults } from './faults.js';
import type { DocumentRecord, SignerRecord } from './records.js';
import { notFound } from './refusal.js';
import { accepted } from './request-body.js';
import type { SandboxCore } from './sandbox-core.js';
import { stateView, type StateView } from './state-view.js';
import { subscribeSchema, unsubscribeSchema, type SubscribeRequest } from './subscriptions.js';

/** What came of creating a document. */
interface CreatedDocument {
  readonly id: string;
  readonly signers: readonly string[];
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
    const document = this.#core.open(documentRequestOf(input));
    return { id: document.id, signers: document.signers.map(({ id }) => id) };
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
