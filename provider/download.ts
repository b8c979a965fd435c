import type { Readable } from 'node:stream';
import axios from 'axios';
import { reasonOf } from './error-reason.js';
import { asked, transportError, unexpectedAnswer, type Call } from './http-failure.js';
import { namesPrivateAddress, PRIVATE_ADDRESS_CODE, publicAgents } from './private-addresses.js';
import { ProviderError } from './provider-error.js';
import { plainRequest, type ProviderHttp, type StreamedAnswer } from './provider-http.js';
import { textOf, timedStream, TOO_LARGE_CODE } from './timed-stream.js';

/** Hops from the API to the storage: one is usual. */
const MAX_REDIRECTS = 5;

/** Of an error's body: enough for any reason. */
const MAX_ERROR_BYTES = 64 * 1024;

/** Of a file: nobody signs more, and an endless one must not fill the disk. */
const MAX_FILE_BYTES = 1024 ** 3;

/** How every PDF ends (ISO 32000-1, 7.5.5). */
const PDF_END = '%%EOF';

const TOO_LARGE = 'was answered with a file of more than 1 GiB';

const PRIVATE_REDIRECT =
  'was answered with a redirect to a private address; if that is right, set ' +
  'LEGALESIGN_PRIVATE_ADDRESSES=allow';

/** What a download is made with. */
export interface DownloadOptions {
  readonly http: ProviderHttp;
  readonly apiUrl: string;
  /** Until the headers, and then between any two pieces of the body. */
  readonly timeoutMs: number;
  readonly secrets: readonly string[];
  /** Whether a redirect may lead to this machine or a private network. */
  readonly allowsPrivateAddresses: boolean;
}

/** A file's bytes, or why there are none: no such resource, or fetched back from the archive. */
export type Download =
  | { readonly kind: 'file'; readonly stream: Readable; readonly contentLength?: number }
  | { readonly kind: 'deArchiving' }
  | { readonly kind: 'absent' };

function refusal(call: Call, came: string): ProviderError {
  return new ProviderError({ kind: 'unreadable', asked: asked(call), came });
}

/** Where a redirect leads. Its query is a key to the storage, and so never shown. */
function nextLocation(
  call: Call,
  location: unknown,
  { from, allowsPrivateAddresses }: { from: URL; allowsPrivateAddresses: boolean },
): URL {
  if (typeof location !== 'string' || !URL.canParse(location, from.href)) {
    throw refusal(call, 'was answered with a redirect to nowhere');
  }
  const next = new URL(location, from.href);
  if (next.protocol !== 'https:' && next.protocol !== 'http:') {
    throw refusal(call, `was answered with a redirect to a ${next.protocol} address`);
  }
  if (from.protocol === 'https:' && next.protocol === 'http:') {
    throw refusal(call, 'was answered with a redirect from https: to http:');
  }
  if (!allowsPrivateAddresses && namesPrivateAddress(next)) throw refusal(call, PRIVATE_REDIRECT);
  return next;
}

/** From the storage, with a bare client: our credentials are for the provider's API alone. */
async function openLocation(
  call: Call,
  location: URL,
  { timeoutMs, allowsPrivateAddresses }: DownloadOptions,
): Promise<StreamedAnswer> {
  try {
    const response = await axios.request<Readable>({
      ...plainRequest,
      ...(allowsPrivateAddresses ? {} : publicAgents()),
      url: location.href,
      timeout: timeoutMs,
      responseType: 'stream',
      headers: { Accept: 'application/pdf, */*', 'Accept-Encoding': 'identity' },
      ...(call.signal !== undefined && { signal: call.signal }),
    });
    const headers = response.headers as Readonly<Record<string, unknown>>;
    return { status: response.status, headers, body: response.data };
  } catch (error) {
    if ((error as { code?: unknown }).code === PRIVATE_ADDRESS_CODE) {
      throw refusal(call, PRIVATE_REDIRECT);
    }
    throw transportError(call, error, timeoutMs);
  }
}

function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

async function follow(
  call: Call,
  first: StreamedAnswer,
  options: DownloadOptions,
): Promise<StreamedAnswer> {
  let answer = first;
  const { apiUrl, allowsPrivateAddresses } = options;
  let url = new URL(apiUrl + call.path);
  for (let hops = 0; isRedirect(answer.status); hops += 1) {
    answer.body.destroy();
    if (hops === MAX_REDIRECTS) throw refusal(call, `was redirected over ${MAX_REDIRECTS} times`);
    url = nextLocation(call, answer.headers['location'], { from: url, allowsPrivateAddresses });
    answer = await openLocation(call, url, options);
  }
  return answer;
}

/** A location lives briefly: whatever the storage refuses, a fresh one may give. */
async function storageRefusal(
  call: Call,
  answer: StreamedAnswer,
  { secrets, timeoutMs }: DownloadOptions,
): Promise<ProviderError> {
  const reason = reasonOf(await textOf(answer.body, MAX_ERROR_BYTES, timeoutMs), secrets);
  const came = `was redirected to a storage that answered ${answer.status}`;
  const { status } = answer;
  return new ProviderError({ kind: 'unavailable', asked: asked(call), came, status, reason });
}

/** Neither length nor chunks: it ends with its connection, as half of one does. */
function endsWithConnection({ headers }: StreamedAnswer): boolean {
  return headers['content-length'] === undefined && headers['transfer-encoding'] === undefined;
}

function fileOf(call: Call, answer: StreamedAnswer, timeoutMs: number): Download {
  const contentLength = Number(answer.headers['content-length'] ?? Number.NaN);
  if (contentLength > MAX_FILE_BYTES) {
    answer.body.destroy();
    throw refusal(call, TOO_LARGE);
  }
  const lastWord = endsWithConnection(answer) ? PDF_END : undefined;
  const limits = { idleMs: timeoutMs, maxBytes: MAX_FILE_BYTES, lastWord };
  const stream = timedStream(answer.body, limits, (error) =>
    (error as { code?: unknown }).code === TOO_LARGE_CODE
      ? refusal(call, TOO_LARGE)
      : transportError(call, error, timeoutMs),
  );
  return {
    kind: 'file',
    stream,
    ...(Number.isSafeInteger(contentLength) && { contentLength }),
  };
}

/**
 * Opens a file of the provider's: 200 the bytes, 3xx a short-lived location to fetch them from,
 * 201 "being de-archived", 404 no such thing.
 * @throws ProviderError for anything else; the stream ends with one too, when it breaks
 */
export async function openDownload(call: Call, options: DownloadOptions): Promise<Download> {
  const first = await options.http.open(call);
  const answer = await follow(call, first, options);
  if (answer.status === 200) return fileOf(call, answer, options.timeoutMs);
  if (answer !== first) throw await storageRefusal(call, answer, options);
  const body = await textOf(answer.body, MAX_ERROR_BYTES, options.timeoutMs);
  if (answer.status === 201 || answer.status === 202) return { kind: 'deArchiving' };
  if (answer.status === 404) return { kind: 'absent' };
  throw unexpectedAnswer(call, { ...answer, body }, options.secrets);
}
