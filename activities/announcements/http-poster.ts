import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Readable } from 'node:stream';
import { ApplicationFailure } from '@temporalio/common';
import axios, { type AxiosResponse } from 'axios';
import { FAILURE_TYPES } from '../../workflows/contract.js';
import { reasonOf } from '../../provider/error-reason.js';
import { parseRetryAfter } from '../../provider/retry-after.js';
import { textOf } from '../../provider/timed-stream.js';

/** Standard Webhooks recommends to give a receiver 15 to 30 seconds. */
const DEFAULT_TIMEOUT_MS = 20_000;

/** A receiver's answer is read for its reason alone: its status says what became of the message. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** Where messages go. */
export interface HttpPosterOptions {
  readonly url: string;
  /** The setting that the URL is from, as failures name it. */
  readonly setting: string;
  /** For the whole exchange. */
  readonly timeoutMs?: number | undefined;
}

/** Sends messages to one receiver, through connections that are kept. */
export interface HttpPoster {
  /**
   * Returns where the receiver took the message (2xx). 408, 425, 429 and 5xx are failures to be
   * retried, `Retry-After` honoured; anything else is `RequestRefused`.
   */
  post(body: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void>;
  close(): void;
}

function temporary(status: number): boolean {
  return status >= 500 || status === 408 || status === 425 || status === 429;
}

/** Redirects are not followed: the message is for the configured receiver alone. */
function failureOf(
  { receiver, setting, url }: { receiver: string; setting: string; url: string },
  { status, headers }: AxiosResponse,
  answer: string,
): ApplicationFailure {
  const reason = reasonOf(answer, tokensOf(url));
  const redirected = status >= 300 && status < 400 ? ` ${setting} must be the final address.` : '';
  const message = `${receiver} answered ${status}. ${reason}${redirected}`.trim();
  if (!temporary(status)) {
    return ApplicationFailure.create({
      type: FAILURE_TYPES.requestRefused,
      message,
      nonRetryable: true,
    });
  }
  const waitMs = parseRetryAfter((headers as Record<string, unknown>)['retry-after']);
  return ApplicationFailure.create({
    type: status === 429 ? FAILURE_TYPES.throttled : FAILURE_TYPES.unavailable,
    message,
    ...(waitMs !== undefined && { nextRetryDelay: waitMs }),
  });
}

function noAnswer(receiver: string, error: unknown): ApplicationFailure {
  const { code = 'no answer' } = error as { code?: string };
  const came = /^(ERR_CANCELED|ETIMEDOUT|ECONNABORTED)$/.test(code)
    ? 'did not answer in time'
    : code;
  const message = `${receiver} could not be told: ${came}.`;
  return ApplicationFailure.create({ type: FAILURE_TYPES.unavailable, message });
}

/** The receiver as failures name it: paths and queries often hold a token. */
function receiverOf(url: string, setting: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol === 'https:' || parsed?.protocol === 'http:') return parsed.origin;
  throw new Error(`${setting} is not an http(s) URL.`);
}

/** What of a URL may be a token: an error page often quotes the path it was asked for. */
function tokensOf(url: string): readonly string[] {
  const { pathname, search, password } = new URL(url);
  const parts = [pathname, search, password, ...pathname.split('/')];
  return parts.filter((part) => part.length >= 6);
}

/** @throws Error where the URL is not one of HTTP */
export function createHttpPoster(options: HttpPosterOptions): HttpPoster {
  const { url, setting, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const receiver = receiverOf(url, setting);
  const httpAgent = new HttpAgent({ keepAlive: true });
  const httpsAgent = new HttpsAgent({ keepAlive: true });
  const client = axios.create({
    maxRedirects: 0,
    validateStatus: null,
    responseType: 'stream',
    timeout: timeoutMs,
    httpAgent,
    httpsAgent,
  });
  const fixed = { 'content-type': 'application/json', 'user-agent': 'countersign' };

  return {
    async post(body, headers, signal) {
      const due = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const dueAtMs = performance.now() + timeoutMs;
      const response = await client
        .post<Readable>(url, body, { headers: { ...fixed, ...headers }, signal: due })
        .catch((error: unknown) => {
          signal.throwIfAborted();
          throw noAnswer(receiver, error);
        });
      // Ends then at the latest, however the answer goes on. By a timer of its own: a composed
      // signal of which nothing but the answer knows is collected, and then ends nothing.
      const leftMs = Math.max(0, dueAtMs - performance.now());
      const answer = textOf(response.data, MAX_ANSWER_BYTES, leftMs);
      if (response.status >= 200 && response.status <= 299) return;
      throw failureOf({ receiver, setting, url }, response, await answer);
    },
    close() {
      httpAgent.destroy();
      httpsAgent.destroy();
    },
  };
}
