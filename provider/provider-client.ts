import type { Readable } from 'node:stream';
import type { Logger } from 'pino';
import type { DocumentSnapshot, SignerStatus } from '../workflows/contract.js';
import { createCallLimiter } from './call-limiter.js';
import { credentialsOf } from './credentials.js';
import type { DocumentListingQuery, DocumentPage } from './document-listing.js';
import type { Download } from './download.js';
import { downloads } from './file-downloads.js';
import { createJsonCalls } from './json-calls.js';
import type { Notification, Subscription } from './notifications.js';
import { namesPrivateAddress } from './private-addresses.js';
import { createProviderHttp } from './provider-http.js';
import { reads } from './resource-reads.js';
import { writes } from './resource-writes.js';

/** The provider's API in production. Source: its public documentation. */
export const DEFAULT_API_URL = 'https://eu-api.legalesign.com/api/v1';

/** Enough to keep a worker busy, few enough not to be taken for an attack. */
const DEFAULT_CONCURRENCY = 8;

/** A call held up for longer would outlast the patience of the activity that makes it. */
const MAX_HOLD_MS = 30_000;

/** What a client is made with. */
export interface ProviderClientOptions {
  /** The API's base, with or without a slash at its end. */
  readonly apiUrl?: string | undefined;
  /** `user:key` or `ak_…`. */
  readonly apiKey: string;
  /** Sent with keys of the newer kind. */
  readonly organisation?: string | undefined;
  /**
   * Whether the provider may redirect downloads to this machine, a private network or a metadata
   * service. By default only where the API itself is at such an address, as the sandbox is.
   */
  readonly allowsPrivateAddresses?: boolean | undefined;
  /** For connecting, for a whole JSON answer, and between any two pieces of a download. */
  readonly timeoutMs: number;
  /** Calls started in any minute; unlimited when undefined. A sandbox account has 100. */
  readonly callsPerMinute?: number | undefined;
  /** Calls in flight at once. */
  readonly concurrency?: number | undefined;
  readonly logger?: Pick<Logger, 'debug' | 'warn'> | undefined;
}

/** Options of every call. */
export interface CallOptions {
  /** Ends the call, or the download that came of it, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** A signer as `GET /signer/{id}/` shows it, without name and e-mail address. */
export interface SignerRecord {
  readonly documentId: string;
  readonly status: SignerStatus;
  readonly order?: number;
}

/** The answer of `openPdf`. Whoever gets a stream reads it to its end or destroys it. */
export type PdfDownload =
  | { readonly kind: 'pdf'; readonly stream: Readable; readonly contentLength?: number }
  | Exclude<Download, { readonly kind: 'file' }>;

/**
 * Whether a reminder went out; if not, why, in the provider's words. One that was not answered may
 * have gone out all the same.
 */
export type ReminderAnswer =
  { readonly isSent: true } | { readonly isSent: false; readonly reason: string };

/** The provider's REST API v1, as far as we use it. Every method throws ProviderError alone. */
export interface ProviderClient {
  /** The document, without names; undefined when the provider does not know it. */
  getDocument(id: string, options?: CallOptions): Promise<DocumentSnapshot | undefined>;
  /** The signer; undefined when the provider does not know it. */
  getSigner(id: string, options?: CallOptions): Promise<SignerRecord | undefined>;
  /** Why a signer rejected, e-mail addresses masked; undefined when nothing is recorded. */
  getRejection(signerId: string, options?: CallOptions): Promise<{ reason: string } | undefined>;
  /** Sends a document for signing. Never repeated: what is unclear is thrown as `ambiguous`. */
  createDocument(
    body: Readonly<Record<string, unknown>>,
    options?: CallOptions,
  ): Promise<{ documentId: string; resourceUri: string }>;
  /** The document's PDF. 404 is `absent`. */
  openPdf(id: string, options?: CallOptions): Promise<PdfDownload>;
  /** The document's audit log, a PDF; undefined on 404. */
  openAuditLog(id: string, options?: CallOptions): Promise<Readable | undefined>;
  /**
   * Has the provider write to a signer, unless it answers that it cannot. Not idempotent: called
   * twice, it writes twice.
   */
  remindSigner(signerId: string, text: string, options?: CallOptions): Promise<ReminderAnswer>;
  /** Registers a URL for callbacks. */
  subscribe(subscription: Subscription, options?: CallOptions): Promise<void>;
  /** Removes a URL; one that is not registered is no error. */
  unsubscribe(url: string, options?: CallOptions): Promise<void>;
  /** A page of a listing; undefined where the account does not have this listing (404). */
  listDocuments(
    query: DocumentListingQuery,
    options?: CallOptions,
  ): Promise<DocumentPage | undefined>;
  /** What is registered for callbacks. */
  listNotifications(options?: CallOptions): Promise<readonly Notification[]>;
  /** Closes kept connections. */
  close(): void;
}

function checkedUrl(apiUrl: string): string {
  const url = URL.canParse(apiUrl) ? new URL(apiUrl) : undefined;
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return url.href.replace(/\/+$/, '');
  throw new Error('LEGALESIGN_API_URL is not an http(s) URL.');
}

/**
 * A client of the provider's API. All its calls share one limit on their number, and one pause when
 * the provider throttles any of them.
 * @throws Error where the key or the URL cannot be one
 */
export function createProviderClient(options: ProviderClientOptions): ProviderClient {
  const { timeoutMs, callsPerMinute, concurrency = DEFAULT_CONCURRENCY, logger } = options;
  const apiUrl = checkedUrl(options.apiUrl ?? DEFAULT_API_URL);
  const { headers, secrets } = credentialsOf(options.apiKey, options.organisation);
  const { allowsPrivateAddresses = namesPrivateAddress(new URL(apiUrl)) } = options;
  const limiter = createCallLimiter({ concurrency, callsPerMinute, maxHoldMs: MAX_HOLD_MS });
  const http = createProviderHttp({ apiUrl, headers, timeoutMs, limiter, logger });
  const calls = createJsonCalls(http, secrets);
  return {
    ...reads(calls),
    ...writes(calls),
    ...downloads({ http, apiUrl, timeoutMs, secrets, allowsPrivateAddresses }),
    close: () => {
      http.close();
    },
  };
}
