/** Drives the sandbox: the same in process and over HTTP. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { documentStatusNumber, signerStatusNumber } from '../workflows/statuses.js';
import type { CallbackCounters, CallbackRecord } from './callback-log.js';
import { documentRequestSchema } from './document-request.js';
import { faultsPatchSchema, type Faults } from './faults.js';
import type { DocumentRecord, SignerRecord } from './records.js';
import { badRequest, notFound } from './refusal.js';
import { accepted } from './request-body.js';
import type { SandboxCore } from './sandbox-core.js';
import { stateView, type StateView } from './state-view.js';
import { subscribeSchema, unsubscribeSchema, type SubscribeRequest } from './subscriptions.js';

const simpleSignerSchema = z.strictObject({
  firstname: z.string().min(1).default('Sam'),
  lastname: z.string().min(1).default('Signer'),
  email: z.string().min(1).optional(),
  order: z.number().int().min(0).optional(),
  role: z.enum(['signer', 'approver', 'witness']).optional(),
});

const simpleDocumentSchema = z
  .strictObject({
    name: z.string().min(1).default('Agreement'),
    group: z.string().min(1).default('sandbox'),
    tag: z.string().default(''),
    tag1: z.string().default(''),
    tag2: z.string().default(''),
    signers: z
      .union([z.number().int().min(1).max(50), z.array(simpleSignerSchema).min(1)])
      .default(1),
    signersInOrder: z.boolean().default(true),
    autoArchive: z.boolean().default(true),
  })
  .prefault({});

const stepSchema = z
  .strictObject({
    status: z.union([z.string(), z.number()]).optional(),
    reason: z.string().optional(),
  })
  .prefault({});

const statusSchema = z.strictObject({ status: z.union([z.string(), z.number()]) });
const completeSchema = z.strictObject({ visit: z.boolean().default(false) }).prefault({});
const bounceSchema = z
  .strictObject({ message: z.string().min(1).default('550 no such mailbox') })
  .prefault({});

/** A document in a few words; everything has a default. `signers` may be a mere number. */
export type SimpleDocument = z.input<typeof simpleDocumentSchema>;

/** What a signer does next: nothing said means the usual next step. */
export type SimpleStep = z.input<typeof stepSchema>;

/** What came of creating a document. */
export interface CreatedDocument {
  readonly id: string;
  readonly signers: readonly string[];
}

/** A callback with what was sent. */
export interface CallbackDetail extends CallbackRecord {
  readonly headers: Readonly<Record<string, string>>;
  /** The body as text. */
  readonly body: string;
}

const FIRST_NAMES = ['Ada', 'Grace', 'Alan', 'Edsger', 'Barbara', 'Donald', 'Frances', 'Ken'];

function standInSigners(count: number): z.output<typeof simpleSignerSchema>[] {
  return Array.from({ length: count }, (_, index) => ({
    firstname: FIRST_NAMES[index % FIRST_NAMES.length] ?? 'Sam',
    lastname: `Signer ${index + 1}`,
  }));
}

/**
 * A status number out of a word (`emailOpened`), a number or a numeric text.
 * @throws Refusal 400 where it is neither
 */
function statusNumber(status: string | number, numberOf: (word: never) => number): number {
  const number = typeof status === 'number' ? status : Number(status || Number.NaN);
  const value = Number.isNaN(number) ? numberOf(status as never) : number;
  if (!Number.isInteger(value) || value < 0) throw badRequest(`There is no status ${status}.`);
  return value;
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
    const { signers, signersInOrder, autoArchive, ...rest } = simple;
    const people = typeof signers === 'number' ? standInSigners(signers) : signers;
    const request = accepted(documentRequestSchema, {
      ...rest,
      signers: people.map((signer) => ({
        ...signer,
        email: signer.email ?? `${randomUUID().slice(0, 8)}@example.com`,
      })),
      signers_in_order: signersInOrder,
      auto_archive: autoArchive,
      do_email: true,
      templatepdf: '/api/v1/templatepdf/sandbox/',
    });
    const document = this.#core.open(request);
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
