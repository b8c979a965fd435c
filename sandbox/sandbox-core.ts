import path from 'node:path';
import type { Logger } from 'pino';
import type { z } from 'zod';
import { DOCUMENT_STATUSES } from '../workflows/statuses.js';
import { CallbackDispatcher } from './callback-dispatcher.js';
import { CallbackLog, type CallbackRecord } from './callback-log.js';
import { CallbackOutbox } from './callback-outbox.js';
import { CallbackSender } from './callback-sender.js';
import { rememberTold } from './callback-telling.js';
import { newDocument, type DocumentRequest } from './document-request.js';
import { FaultPanel } from './faults.js';
import { Finalisation } from './finalisation.js';
import type { KeyPair } from './key-pair.js';
import { LatestListing } from './latest-listing.js';
import { PdfDownloads } from './pdf-downloads.js';
import { createPdfMemory, openPdfDirectory, type PdfStore } from './pdf-store.js';
import type { DocumentRecord, SubscriptionRecord } from './records.js';
import { notFound } from './refusal.js';
import { Register } from './register.js';
import { seededRandom, type Random } from './seeded-random.js';
import { SigningDesk, type DeskListener } from './signing-desk.js';
import { readStateFile, StateFile } from './state-file.js';
import { subscribe, unsubscribe } from './subscriptions.js';
import type { subscribeSchema, unsubscribeSchema } from './subscriptions.js';

/** What the parts are put together with. Every option is decided here. */
interface CoreSettings {
  readonly keyPair: KeyPair;
  readonly dataDirectory: string | undefined;
  readonly batchIntervalMs: number;
  readonly finalPdfDelayMs: number;
  readonly hmacSecret: string | undefined;
  readonly unsignedNotices: boolean;
  readonly plusUnescaped: boolean;
  readonly seed: number;
  /** How far the provider's clock is ahead of this machine's. */
  readonly clockSkewMs: number;
  readonly logger: Logger;
}

/** How often it is looked whether there is nothing left to do. */
const IDLE_POLL_MS = 10;
/** How long callbacks under way are waited for when closing. */
const CLOSE_GRACE_MS = 2000;

/**
 * The stand-in without its HTTP face: what it knows and what it does. Longer than most files: here
 * all parts are put together.
 */
export class SandboxCore {
  readonly register = new Register();
  readonly faults: FaultPanel;
  readonly random: Random;
  readonly log = new CallbackLog();
  readonly desk: SigningDesk;
  readonly downloads: PdfDownloads;
  readonly outbox: CallbackOutbox;
  readonly #settings: CoreSettings;
  readonly #store: PdfStore;
  readonly #sender = new CallbackSender(this.log, (telling) => {
    rememberTold(this.register, telling);
    // No touch: the page hears by the log, and a listing that is being read stays as it is.
    this.#file?.touch();
  });
  readonly #dispatcher: CallbackDispatcher;
  readonly #finalisation: Finalisation;
  readonly #listing = new LatestListing();
  readonly #file: StateFile | undefined;
  #batchTimer: NodeJS.Timeout | undefined;
  // Unlike that of any earlier run: a page that is still open sees that there is news.
  #revision = Date.now();
  #closed = false;

  private constructor(settings: CoreSettings, store: PdfStore) {
    this.#settings = settings;
    this.#store = store;
    this.random = seededRandom(settings.seed);
    this.faults = new FaultPanel(this.random);
    this.downloads = new PdfDownloads(store, this.faults);
    this.#dispatcher = new CallbackDispatcher(this.#sender, this.faults, this.random);
    const { privateKey } = settings.keyPair;
    const terms = { ...settings, privateKey };
    this.outbox = new CallbackOutbox(this.register, this.#dispatcher, this.faults, terms);
    this.#finalisation = this.#createFinalisation(settings);
    this.#file = this.#stateFile(settings);
    this.desk = this.#createDesk();
  }

  /** Puts the parts together, with what an earlier run left. */
  static async open(settings: CoreSettings): Promise<SandboxCore> {
    const { dataDirectory } = settings;
    if (dataDirectory === undefined) {
      const core = new SandboxCore(settings, createPdfMemory());
      core.#start();
      return core;
    }
    const store = await openPdfDirectory(path.join(dataDirectory, 'pdfs'));
    const core = new SandboxCore(settings, store);
    await core.#load(dataDirectory);
    core.#start();
    return core;
  }

  /** Grows with every change: the page asks whether there is news. */
  get revision(): number {
    return this.#revision + this.log.revision;
  }

  /** The provider's clock, milliseconds since 1970. */
  now(): number {
    return Date.now() + this.#settings.clockSkewMs;
  }

  /** Takes in a document and sends it to those who sign first, its callbacks muted if need be. */
  open(request: DocumentRequest, muted = 0): DocumentRecord {
    const document = newDocument(request, this.now(), muted);
    this.desk.open(document);
    return document;
  }

  /** The documents that belong into a listing, the oldest first. */
  listed(key: string, wanted: (document: DocumentRecord) => boolean): readonly DocumentRecord[] {
    const filter = (): readonly DocumentRecord[] => this.register.oldestFirst.filter(wanted);
    return this.#listing.get(key, this.#revision, filter);
  }

  /** Lets everybody sign and makes the final PDF at once. */
  async complete(documentId: string, visit = false): Promise<void> {
    this.desk.signAll(documentId, visit);
    await this.finalise(documentId);
  }

  /** Makes the final PDF now. */
  async finalise(documentId: string): Promise<void> {
    await this.#finalisation.run(this.register.document(documentId));
  }

  /** Forgets a document for good: afterwards it is unknown. */
  async deleteDocument(documentId: string): Promise<void> {
    this.#finalisation.cancel(documentId);
    this.register.delete(this.register.document(documentId));
    this.touch();
    await this.#store.delete(documentId);
  }

  subscribe(request: z.output<typeof subscribeSchema>): SubscriptionRecord {
    const subscription = subscribe(this.register, request);
    this.touch();
    return subscription;
  }

  unsubscribe(request: z.output<typeof unsubscribeSchema>): void {
    unsubscribe(this.register, request);
    this.touch();
  }

  /** Sends the batch now; resolves when it is answered. */
  async flush(): Promise<CallbackRecord[]> {
    if (this.outbox.pendingEntries === 0) return [];
    const flushed = this.outbox.flush();
    this.touch();
    return flushed;
  }

  /** Sends a callback's very bytes once more. */
  async resend(callbackId: string): Promise<CallbackRecord> {
    const kept = this.log.find(callbackId);
    if (!kept) throw notFound('callback');
    const { kind, url, about, forged } = kept.record;
    const { request, tells } = kept;
    const repeats = callbackId;
    return this.#dispatcher.resend({ kind, url, about, forged, request, tells, repeats });
  }

  /**
   * Resolves when no final PDF is on its way and no callback is waiting or unanswered. Entries that
   * wait for the next batch count where batches go out by themselves.
   */
  async idle(): Promise<void> {
    while (!this.#closed && this.#isBusy())
      await new Promise((next) => setTimeout(next, IDLE_POLL_MS));
  }

  /** Something changed that is to survive. */
  touch(): void {
    this.#revision += 1;
    this.#file?.touch();
  }

  /** Stops in order: nothing new, what is under way, the state on disk. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#batchTimer);
    await this.#finalisation.close();
    this.#dispatcher.close();
    await this.#sender.close(CLOSE_GRACE_MS);
    await this.#file?.save();
  }

  #isBusy(): boolean {
    const batchesComing = this.#settings.batchIntervalMs > 0 && this.outbox.pendingEntries > 0;
    return batchesComing || this.#finalisation.underWay > 0 || this.#dispatcher.underWay > 0;
  }

  #createDesk(): SigningDesk {
    const listener: DeskListener = {
      changed: (document, change) => {
        // Removed, rejected or begun anew: there is nothing left to finalise.
        if (!this.#isSigned(document)) this.#finalisation.cancel(document.id);
        this.outbox.changed(document, change);
        this.touch();
      },
      bounced: (document, signer) => {
        this.outbox.bounced(document, signer);
        this.touch();
      },
      completed: (document) => {
        this.#finalisation.schedule(document);
      },
      touched: () => {
        this.touch();
      },
    };
    return new SigningDesk(this.register, listener, () => this.now());
  }

  #createFinalisation({ finalPdfDelayMs, logger }: CoreSettings): Finalisation {
    const hooks = {
      isSigned: (document: DocumentRecord) => this.#isSigned(document),
      made: (document: DocumentRecord, hash: string) => {
        this.desk.finalised(document, hash);
      },
    };
    return new Finalisation(this.#store, finalPdfDelayMs, hooks, logger);
  }

  #isSigned(document: DocumentRecord): boolean {
    const { id, status } = document;
    return this.register.documents.has(id) && status === DOCUMENT_STATUSES.signed;
  }

  #stateFile({ dataDirectory, logger }: CoreSettings): StateFile | undefined {
    if (dataDirectory === undefined) return undefined;
    return new StateFile(dataDirectory, () => this.register.snapshot(this.outbox.pending), logger);
  }

  async #load(directory: string): Promise<void> {
    const snapshot = await readStateFile(directory);
    if (!snapshot) return;
    this.register.load(snapshot);
    this.outbox.load(snapshot.pending);
    for (const document of this.register.documents.values()) {
      const unfinished = document.status === DOCUMENT_STATUSES.signed && document.hash === null;
      if (unfinished) this.#finalisation.schedule(document);
    }
  }

  #start(): void {
    const { batchIntervalMs } = this.#settings;
    if (batchIntervalMs === 0) return;
    this.#batchTimer = setInterval(() => {
      void this.flush();
    }, batchIntervalMs);
  }
}
