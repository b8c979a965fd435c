import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import PQueue from 'p-queue';
import type { Logger } from 'pino';
import { finalPdf } from './document-pdfs.js';
import type { PdfStore } from './pdf-store.js';
import type { DocumentRecord } from './records.js';
import { badRequest } from './refusal.js';

/** Who says which documents are to have a final PDF, and who hears of it. */
interface FinalisationHooks {
  /** Whether the document is still known and signed by everybody. */
  isSigned(document: DocumentRecord): boolean;
  made(document: DocumentRecord, hash: string): void;
}

/** Makes the final PDF some time after everybody has signed, once per document. */
export class Finalisation {
  readonly #store: PdfStore;
  readonly #delayMs: number;
  readonly #hooks: FinalisationHooks;
  readonly #logger: Logger;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #queue = new PQueue({ concurrency: 2 });

  constructor(store: PdfStore, delayMs: number, hooks: FinalisationHooks, logger: Logger) {
    this.#store = store;
    this.#delayMs = delayMs;
    this.#hooks = hooks;
    this.#logger = logger;
  }

  /** Documents whose final PDF is on its way. */
  get underWay(): number {
    return this.#timers.size + this.#running.size;
  }

  /** Lets the final PDF come into being after the usual delay, counted from now. */
  schedule(document: DocumentRecord): void {
    this.cancel(document.id);
    const timer = setTimeout(() => {
      this.#timers.delete(document.id);
      if (!this.#isWanted(document)) return;
      this.#makeOnce(document).catch((error: unknown) => {
        this.#logger.error({ err: error, documentId: document.id }, 'no final PDF');
      });
    }, this.#delayMs);
    this.#timers.set(document.id, timer);
  }

  /** Ends the wait; no error where there is none. What is being made is thrown away by itself. */
  cancel(documentId: string): void {
    clearTimeout(this.#timers.get(documentId));
    this.#timers.delete(documentId);
  }

  /**
   * Makes the final PDF now, if it does not exist yet.
   * @throws Refusal 400 where not everybody has signed
   */
  async run(document: DocumentRecord): Promise<void> {
    this.cancel(document.id);
    if (document.hash !== null) return;
    if (!this.#isWanted(document)) throw badRequest('The document is not signed by everybody.');
    await this.#makeOnce(document);
  }

  /** Stops what waits and waits for what runs: what waited is scheduled anew by the next start. */
  async close(): Promise<void> {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    await Promise.allSettled(this.#running.values());
  }

  #isWanted(document: DocumentRecord): boolean {
    return document.hash === null && this.#hooks.isSigned(document);
  }

  async #makeOnce(document: DocumentRecord): Promise<void> {
    const running = this.#running.get(document.id) ?? this.#queue.add(() => this.#make(document));
    this.#running.set(document.id, running);
    await running.finally(() => this.#running.delete(document.id));
  }

  async #make(document: DocumentRecord): Promise<void> {
    // Each takes the event loop for some ms: between two, callbacks and requests have theirs.
    await setImmediate();
    const bytes = await finalPdf(document);
    await this.#store.write(document.id, bytes);
    // Deleted or removed while its PDF was being made.
    if (!this.#isWanted(document)) await this.#store.delete(document.id);
    else this.#hooks.made(document, createHash('sha256').update(bytes).digest('hex'));
  }
}
