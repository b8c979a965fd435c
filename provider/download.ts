import type { Readable } from 'node:stream';
import axios from 'axios';
import { reasonOf } from './error-reason.js';
import { asked, transportError, unexpectedAnswer, type Call } from './http-failure.js';
import { ProviderError } from './provider-error.js';
import { plainRequest, type ProviderHttp, type StreamedAnswer } from './provider-http.js';
import { textOf, timedStream } from './timed-stream.js';

/** Hops from the API to the storage: one is usual. */
const MAX_REDIRECTS = 5;

/** Of an error's body: enough for any reason. */
const MAX_ERROR_BYTES = 64 * 1024;

/** What a download is made with. */
export interface DownloadOptions {
  readonly http: ProviderHttp;
  readonly apiUrl: string;
  /** Until the headers, and then between any two pieces of the body. */
  readonly timeoutMs: number;
  readonly secrets: readonly string[];
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
function nextLocation(call: Call, location: unknown, from: URL): URL {
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
  return next;
}

/** From the storage, with a bare client: our credentials are for the provider's API alone. */
async function openLocation(call: Call, location: URL, timeoutMs: number): Promise<StreamedAnswer> {
  try {
    const response = await axios.request<Readable>({
      ...plainRequest,
      url: location.href,
      timeout: timeoutMs,
      responseType: 'stream',
      headers: { Accept: 'application/pdf, */*', 'Accept-Encoding': 'identity' },
      ...(call.signal !== undefined && { signal: call.signal }),
    });
    const headers = response.headers as Readonly<Record<string, unknown>>;
    return { status: response.status, headers, body: response.data };
  } catch (error) {
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
  let url = new URL(options.apiUrl + call.path);
  for (let hops = 0; isRedirect(answer.status); hops += 1) {
    answer.body.destroy();
    if (hops === MAX_REDIRECTS) throw refusal(call, `was redirected over ${MAX_REDIRECTS} times`);
    url = nextLocation(call, answer.headers['location'], url);
    answer = await openLocation(call, url, options.timeoutMs);
  }
  return answer;
}

/** A location lives briefly: whatever the storage refuses, a fresh one may give. */
async function storageRefusal(
  call: Call,
  answer: StreamedAnswer,
  secrets: readonly string[],
): Promise<ProviderError> {
  const reason = reasonOf(await textOf(answer.body, MAX_ERROR_BYTES), secrets);
  const came = `was redirected to a storage that answered ${answer.status}`;
  const { status } = answer;
  return new ProviderError({ kind: 'unavailable', asked: asked(call), came, status, reason });
}

function fileOf(call: Call, answer: StreamedAnswer, timeoutMs: number): Download {
  const stream = timedStream(answer.body, timeoutMs, (error) =>
    transportError(call, error, timeoutMs),
  );
  const contentLength = Number(answer.headers['content-length'] ?? Number.NaN);
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
  if (answer !== first) throw await storageRefusal(call, answer, options.secrets);
  const body = await textOf(answer.body, MAX_ERROR_BYTES);
  if (answer.status === 201 || answer.status === 202) return { kind: 'deArchiving' };
  if (answer.status === 404) return { kind: 'absent' };
  throw unexpectedAnswer(call, { ...answer, body }, options.secrets);
}
