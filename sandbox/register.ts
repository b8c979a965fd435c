import type { DocumentRecord, SignerRecord, Snapshot, SubscriptionRecord } from './records.js';
import { notFound } from './refusal.js';

/** Everything the sandbox knows, by ID. Lookups do not slow down as documents pile up. */
export class Register {
  readonly documents = new Map<string, DocumentRecord>();
  readonly signers = new Map<string, SignerRecord>();
  readonly subscriptions = new Map<string, SubscriptionRecord>();
  readonly #oldestFirst: DocumentRecord[] = [];
  readonly #groups = new Map<string, number>();

  /** All documents in the order in which they were created. */
  get oldestFirst(): readonly DocumentRecord[] {
    return this.#oldestFirst;
  }

  /** Puts in what an earlier run left. */
  load(snapshot: Snapshot): void {
    snapshot.groups.forEach((slug) => this.groupNumber(slug));
    for (const document of snapshot.documents) this.add(document);
    for (const each of snapshot.subscriptions) this.subscriptions.set(each.id, each);
  }

  /** What is to survive, with the callback entries that still wait. */
  snapshot(pending: Snapshot['pending']): Snapshot {
    return {
      version: 1,
      documents: this.#oldestFirst,
      subscriptions: [...this.subscriptions.values()],
      groups: [...this.#groups.keys()],
      pending,
    };
  }

  add(document: DocumentRecord): void {
    this.documents.set(document.id, document);
    this.#oldestFirst.push(document);
    for (const signer of document.signers) this.signers.set(signer.id, signer);
    this.groupNumber(document.group);
  }

  /** Forgets a document as if it had never been. */
  delete(document: DocumentRecord): void {
    this.documents.delete(document.id);
    const place = this.#oldestFirst.lastIndexOf(document);
    if (place >= 0) this.#oldestFirst.splice(place, 1);
    for (const signer of document.signers) this.signers.delete(signer.id);
  }

  /** @throws Refusal 404 */
  document(id: string): DocumentRecord {
    const document = this.documents.get(id);
    if (!document) throw notFound('document');
    return document;
  }

  /** @throws Refusal 404 */
  signer(id: string): { signer: SignerRecord; document: DocumentRecord } {
    const signer = this.signers.get(id);
    if (!signer) throw notFound('signer');
    return { signer, document: this.document(signer.documentId) };
  }

  /** A group's number: every slug that is named is a group, and is numbered when first named. */
  groupNumber(slug: string): number {
    const known = this.#groups.get(slug) ?? this.#groups.size + 1;
    this.#groups.set(slug, known);
    return known;
  }
}
