import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Context } from 'koa';
import { LRUCache } from 'lru-cache';
import { auditLogPdf } from './document-pdfs.js';
import type { FaultPanel } from './faults.js';
import { ownOrigin } from './own-origin.js';
import type { PdfStore } from './pdf-store.js';
import type { DocumentRecord } from './records.js';
import { badRequest, Refusal } from './refusal.js';

/** How long a redirect's location can be fetched. */
const LOCATION_LIFE_MS = 60_000;
const LOCATIONS_MAX = 10_000;

/** Where redirects lead. */
export const DOWNLOAD_PATH = '/downloads';

/** Hands out PDFs, with the faults in force. */
export class PdfDownloads {
  readonly #store: PdfStore;
  readonly #faults: FaultPanel;
  readonly #locations = new LRUCache<string, string>({ max: LOCATIONS_MAX, ttl: LOCATION_LIFE_MS });

  constructor(store: PdfStore, faults: FaultPanel) {
    this.#store = store;
    this.#faults = faults;
  }

  /** `GET /pdf/{id}/`. Before the document is final there is nothing to get: 404. */
  async answer(context: Context, document: DocumentRecord): Promise<void> {
    if (document.hash === null) throw new Refusal(404, 'There is no final PDF yet.');
    const { pdfMode } = this.#faults.current;
    if (pdfMode === 'deArchiving') {
      context.status = 201;
      context.body = { message: 'Being de-archived, available in 4 hours.' };
    } else if (pdfMode === 'redirect') {
      this.#redirect(context, document.id);
    } else {
      await this.deliver(context, document.id);
    }
  }

  /** The location that a redirect named. Like any signed link it takes no credentials beside. */
  async answerLocation(context: Context, token: string): Promise<void> {
    if (context.get('Authorization') !== '') {
      throw badRequest('Only one way of authorisation is allowed: send no Authorization here.');
    }
    const documentId = this.#locations.get(token);
    if (documentId === undefined) throw new Refusal(403, 'This location has expired.');
    await this.deliver(context, documentId);
  }

  /** The final PDF itself: right, wrong, late or cut in the middle. */
  async deliver(context: Context, documentId: string): Promise<void> {
    const genuine = await this.#store.read(documentId);
    const { slowPdfMs } = this.#faults.current;
    if (slowPdfMs > 0 && !(await connectionLasts(context, slowPdfMs))) return;
    // Still a PDF that opens: what follows the end of one is a comment.
    const wrong = Buffer.concat([genuine, Buffer.from('% altered\n')]);
    const bytes = this.#faults.takes('wrongPdf') ? wrong : genuine;
    if (this.#faults.takes('cutPdf')) cutShort(context, bytes);
    else sendPdf(context, bytes);
  }

  /** The final PDF to be looked at, whatever faults are in force. */
  async show(context: Context, document: DocumentRecord): Promise<void> {
    if (document.hash === null) throw new Refusal(404, 'There is no final PDF yet.');
    sendPdf(context, await this.#store.read(document.id));
  }

  /** `GET /document/{id}/auditlog/`. */
  async answerAuditLog(context: Context, document: DocumentRecord): Promise<void> {
    sendPdf(context, Buffer.from(await auditLogPdf(document)));
  }

  #redirect(context: Context, documentId: string): void {
    const token = randomUUID();
    this.#locations.set(token, documentId);
    context.status = 302;
    context.set('Location', `${ownOrigin(context)}${DOWNLOAD_PATH}/${token}`);
  }
}

/** False where the connection ends before the time is over: closing the sandbox ends it too. */
async function connectionLasts({ res }: Context, durationMs: number): Promise<boolean> {
  if (res.destroyed) return false;
  const gone = new AbortController();
  res.once('close', () => {
    gone.abort();
  });
  // Being woken early is no error.
  await delay(durationMs, undefined, { signal: gone.signal }).catch(() => undefined);
  return !gone.signal.aborted;
}

function sendPdf(context: Context, bytes: Buffer): void {
  context.type = 'application/pdf';
  context.body = bytes;
}

function cutShort(context: Context, bytes: Buffer): void {
  context.respond = false;
  const { res } = context;
  res.writeHead(200, { 'Content-Type': 'application/pdf', 'Content-Length': bytes.length });
  res.write(bytes.subarray(0, bytes.length / 2), () => res.destroy());
}
