import { DOCUMENT_STATUSES, SIGNER_STATUSES } from '../workflows/statuses.js';
import type { Change, DocumentRecord, Person, SignerRecord } from './records.js';
import { badRequest } from './refusal.js';
import type { Register } from './register.js';
import { handBack, handOn, statusOnTaking } from './signer-forwarding.js';
import { isOpen, nextStatus, openingSteps, signerSteps, wayToSignature } from './signing-rules.js';
import type { Step } from './signing-rules.js';

/** Who hears of what happens at the desk. */
export interface DeskListener {
  /** A document or a signer took on a status. */
  changed(document: DocumentRecord, change: Change): void;
  /** Mail to a signer bounced, which is no status. */
  bounced(document: DocumentRecord, signer: SignerRecord): void;
  /** Everybody has signed. */
  completed(document: DocumentRecord): void;
  /** Something else changed. */
  touched(document: DocumentRecord): void;
}

/** What a signer does: nothing said means the usual next step. */
interface SignerStep {
  /** The provider's number. */
  readonly status?: number;
  readonly reason?: string;
}

/** Where documents move on: applies the rules to the register and tells the listeners. */
export class SigningDesk {
  readonly #register: Register;
  readonly #listener: DeskListener;
  readonly #now: () => number;

  /** @param now the provider's clock, milliseconds since 1970 */
  constructor(register: Register, listener: DeskListener, now: () => number) {
    this.#register = register;
    this.#now = now;
    this.#listener = listener;
  }

  /** Takes in a new document and sends it to those who sign first. */
  open(document: DocumentRecord): void {
    this.#register.add(document);
    this.#take(document, openingSteps(document));
  }

  /**
   * Moves one signer, and whoever follows from that.
   * @throws Refusal 400 where there is no next step
   */
  advance(signerId: string, { status, reason }: SignerStep = {}): void {
    const { document, signer } = this.#register.signer(signerId);
    const next = status ?? nextStatus(document, signer);
    if (typeof next === 'string') throw badRequest(next);
    if (next === SIGNER_STATUSES.rejected) signer.rejectionReason = reason ?? '';
    // A step back happens in a later second: the second is all that a time stamp tells.
    const earliest = next < signer.status ? Math.floor(signer.statusAt / 1000) * 1000 + 1000 : 0;
    this.#take(document, signerSteps(document, signerId, next), earliest);
  }

  /**
   * Lets everybody sign, in their order.
   * @param visit with all the steps before the signature
   * @throws Refusal 400 where the document is closed otherwise
   */
  signAll(documentId: string, visit = false): void {
    const document = this.#register.document(documentId);
    while (isOpen(document)) {
      const signer = document.signers.find(
        (each) => typeof this.#nextOf(document, each) === 'number',
      );
      if (!signer) throw badRequest('Nobody of this document can sign.');
      for (const status of wayToSignature(signer, visit)) this.advance(signer.id, { status });
    }
    if (document.status !== DOCUMENT_STATUSES.signed) {
      throw badRequest('The document is closed, and not by signing.');
    }
  }

  /** Voids an open document; archives one that is closed already. */
  remove(documentId: string): void {
    const document = this.#register.document(documentId);
    if (isOpen(document)) this.setDocumentStatus(documentId, DOCUMENT_STATUSES.removed);
    document.archived = true;
    this.#touch(document);
    this.#listener.touched(document);
  }

  /** Gives a document any status, sensible or not. */
  setDocumentStatus(documentId: string, status: number): void {
    const document = this.#register.document(documentId);
    this.#take(document, [{ subject: 'document', id: documentId, status }]);
  }

  /** Lets mail to a signer bounce. */
  bounce(signerId: string, message: string): void {
    const { document, signer } = this.#register.signer(signerId);
    signer.bounce = message;
    this.#touch(document);
    this.#listener.bounced(document, signer);
  }

  /**
   * A signer lets somebody else sign in their place, who is invited.
   * @throws Refusal 400 where it is too late, or it is the same person
   */
  forward(signerId: string, person: Person): void {
    const { document, signer } = this.#register.signer(signerId);
    handOn(document, signer, person);
    this.#invite(document, signer);
  }

  /**
   * Undoes a forwarding: the earlier signer is invited anew. Which status the provider gives them
   * is not documented; here it is an invitation's, a step back where somebody had got further.
   * @throws Refusal 400 where it is too late, or the address is the present or no earlier one
   */
  reset(signerId: string, email: string): void {
    const { document, signer } = this.#register.signer(signerId);
    handBack(document, signer, email);
    this.#invite(document, signer);
  }

  /** The final PDF exists. */
  finalised(document: DocumentRecord, hash: string): void {
    document.hash = hash;
    if (document.autoArchive) document.archived = true;
    // 100 is only ever said in callbacks: the document itself stays at 30.
    this.#record(document, {
      subject: 'document',
      id: document.id,
      status: DOCUMENT_STATUSES.finalised,
    });
  }

  #invite(document: DocumentRecord, signer: SignerRecord): void {
    const status = statusOnTaking(signer);
    if (status !== undefined) {
      this.advance(signer.id, { status });
      return;
    }
    this.#touch(document);
    this.#listener.touched(document);
  }

  #nextOf(document: DocumentRecord, signer: SignerRecord): number | string {
    const next = nextStatus(document, signer);
    return next === SIGNER_STATUSES.downloaded ? 'This signer has signed.' : next;
  }

  #take(document: DocumentRecord, steps: readonly Step[], earliestAt = 0): void {
    for (const step of steps) {
      const at = this.#touch(document, earliestAt);
      if (step.subject === 'document') this.#takeDocumentStep(document, step.status, at);
      else this.#takeSignerStep(step, at);
      this.#record(document, step, at);
      if (step.subject === 'document' && step.status === DOCUMENT_STATUSES.signed) {
        this.#listener.completed(document);
      }
    }
  }

  #takeDocumentStep(document: DocumentRecord, status: number, at: number): void {
    document.status = status;
    if (status === DOCUMENT_STATUSES.signed) document.signTime = at;
  }

  #takeSignerStep(step: Step, at: number): void {
    const { signer } = this.#register.signer(step.id);
    signer.status = step.status;
    signer.statusAt = at;
  }

  #record(document: DocumentRecord, step: Step, at = this.#touch(document)): void {
    const { rejectionReason } = this.#register.signers.get(step.id) ?? { rejectionReason: null };
    const rejected = step.subject === 'signer' && step.status === SIGNER_STATUSES.rejected;
    const change: Change = { ...step, at, note: rejected ? (rejectionReason ?? '') : '' };
    this.#listener.changed(document, change);
    document.history.push(change);
  }

  /** Moves the document's clock on, strictly. */
  #touch(document: DocumentRecord, earliestAt = 0): number {
    document.modified = Math.max(this.#now(), document.modified + 1, earliestAt);
    return document.modified;
  }
}
