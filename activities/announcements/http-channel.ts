import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { ApplicationFailure } from '@temporalio/common';
import axios, { type AxiosResponse } from 'axios';
import { Webhook } from 'standardwebhooks';
import { FAILURE_TYPES, idempotencyKey, type Announcement } from '../../workflows/contract.js';
import { reasonOf } from '../../provider/error-reason.js';
import { parseRetryAfter } from '../../provider/retry-after.js';
import type { Channel } from './channel.js';

/** Standard Webhooks recommends to give a receiver 15 to 30 seconds. */
const DEFAULT_TIMEOUT_MS = 20_000;

/** A receiver's answer is read for its reason alone. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** What an HTTP channel is made with. */
export interface HttpChannelOptions {
  readonly url: string;
  /** `whsec_…`; the message is signed with each, so that a receiver can rotate. */
  readonly secrets: readonly string[];
  /** For the whole exchange. */
  readonly timeoutMs?: number | undefined;
}

/** The body, the same on every attempt: the receiver may compare. */
function bodyOf({ event, occurredAt, ...data }: Announcement): string {
  return JSON.stringify({ type: event, timestamp: occurredAt, data });
}

function signedHeaders(
  signers: readonly Webhook[],
  id: string,
  body: string,
): Readonly<Record<string, string>> {
  const at = new Date();
  return {
    'content-type': 'application/json',
    'user-agent': 'countersign',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': signers.map((signer) => signer.sign(id, at, body)).join(' '),
  };
}

function temporary(status: number): boolean {
  return status >= 500 || status === 408 || status === 425 || status === 429;
}

/** Redirects are not followed: the signed body is for the configured receiver alone. */
function failureOf(receiver: string, { status, headers, data }: AxiosResponse): ApplicationFailure {
  const reason = typeof data === 'string' ? reasonOf(data) : '';
  const redirected =
    status >= 300 && status < 400 ? ' NOTIFY_WEBHOOK_URL must be the final address.' : '';
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
function receiverOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol === 'https:' || parsed?.protocol === 'http:') return parsed.origin;
  throw new Error('NOTIFY_WEBHOOK_URL is not an http(s) URL.');
}

function signersOf(secrets: readonly string[]): readonly Webhook[] {
  if (secrets.length === 0)
    throw new Error('NOTIFY_WEBHOOK_SECRETS is empty: messages are signed.');
  return secrets.map((secret, index) => {
    try {
      return new Webhook(secret);
    } catch {
      // The library's own error may quote what it could not decode.
      throw new Error(`NOTIFY_WEBHOOK_SECRETS: number ${index + 1} is not whsec_ and base64.`);
    }
  });
}

/**
 * Events as HTTP messages signed as Standard Webhooks prescribes, `webhook-id` being the
 * idempotency key. 2xx is success; 408, 425, 429 and 5xx are tried again, `Retry-After` honoured;
 * anything else is a `RequestRefused` failure.
 * @throws Error where the URL or a secret cannot be one
 */
export function createHttpChannel(options: HttpChannelOptions): Channel {
  const { url, secrets, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const receiver = receiverOf(url);
  const signers = signersOf(secrets);
  const httpAgent = new HttpAgent({ keepAlive: true });
  const httpsAgent = new HttpsAgent({ keepAlive: true });
  const client = axios.create({
    maxRedirects: 0,
    validateStatus: null,
    responseType: 'text',
    maxContentLength: MAX_ANSWER_BYTES,
    timeout: timeoutMs,
    httpAgent,
    httpsAgent,
  });

  async function post(announcement: Announcement, signal: AbortSignal): Promise<AxiosResponse> {
    const body = bodyOf(announcement);
    const headers = signedHeaders(signers, idempotencyKey(announcement), body);
    const due = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    try {
      return await client.post(url, body, { headers: { ...headers }, signal: due });
    } catch (error) {
      signal.throwIfAborted();
      throw noAnswer(receiver, error);
    }
  }

  return {
    name: 'http',
    async announce(announcement, { signal }) {
      const response = await post(announcement, signal);
      if (response.status < 200 || response.status > 299) throw failureOf(receiver, response);
    },
    close() {
      httpAgent.destroy();
      httpsAgent.destroy();
    },
  };
}
