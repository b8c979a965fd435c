import { createHash } from 'node:crypto';
import PQueue from 'p-queue';
import type { Logger } from 'pino';
import { DOCUMENT_STATUSES } from '../workflows/statuses.js';
import { finalPdf } from './document-pdfs.js';
import type { PdfStore } from './pdf-store.js';
import type { DocumentRecord } from './records.js';
import { badRequest } from './refusal.js';

/** Makes the final PDF some time after everybody has signed, once per document. */
export class Finalisation {
  readonly #store: PdfStore;
  readonly #delayMs: number;
  readonly #logger: Logger;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #queue = new PQueue({ concurrency: 2 });
  #onFinal: (document: DocumentRecord, hash: string) => void = () => undefined;

  constructor(store: PdfStore, delayMs: number, logger: Logger) {
    this.#store = store;
    this.#delayMs = delayMs;
    this.#logger = logger;
  }

  /** Says who hears of final PDFs. */
  whenFinal(listener: (document: DocumentRecord, hash: string) => void): void {
    this.#onFinal = listener;
  }

  /** Documents whose final PDF is on its way. */
  get underWay(): number {
    return this.#timers.size + this.#running.size;
  }

  /** Lets the final PDF come into being after the usual delay. */
  schedule(document: DocumentRecord): void {
    const timer = setTimeout(() => {
      this.run(document).catch((error: unknown) => {
        this.#logger.error({ err: error, documentId: document.id }, 'no final PDF');
      });
    }, this.#delayMs);
    this.#timers.set(document.id, timer);
  }

  /**
   * Makes the final PDF now, if it does not exist yet.
   * @throws Refusal 400 where not everybody has signed
   */
  async run(document: DocumentRecord): Promise<void> {
    clearTimeout(this.#timers.get(document.id));
    this.#timers.delete(document.id);
    if (document.hash !== null) return;
    if (document.status !== DOCUMENT_STATUSES.signed) {
      throw badRequest('The document is not signed by everybody.');
    }
    const running = this.#running.get(document.id) ?? this.#queue.add(() => this.#make(document));
    this.#running.set(document.id, running);
    await running.finally(() => this.#running.delete(document.id));
  }

  /** Stops what waits and waits for what runs: what waited is scheduled anew by the next start. */
  async close(): Promise<void> {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    await Promise.allSettled(this.#running.values());
  }

  async #make(document: DocumentRecord): Promise<void> {
    const bytes = await finalPdf(document);
    await this.#store.write(document.id, bytes);
    this.#onFinal(document, createHash('sha256').update(bytes).digest('hex'));
  }
}
