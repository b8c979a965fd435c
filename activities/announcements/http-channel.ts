import { Webhook } from 'standardwebhooks';
import { idempotencyKey, type Announcement } from '../../workflows/contract.js';
import type { Channel } from './channel.js';
import { createHttpPoster } from './http-poster.js';

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

/** As every receiver reads it in a header: who starts a reconciliation by hand names it freely. */
function headerText(key: string): string {
  // By way of bytes, since half a surrogate pair cannot be encoded.
  return key.replace(/[^\x21-\x7e]+/g, (text) => encodeURIComponent(Buffer.from(text).toString()));
}

function signedHeaders(
  signers: readonly Webhook[],
  id: string,
  body: string,
): Readonly<Record<string, string>> {
  const at = new Date();
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': signers.map((signer) => signer.sign(id, at, body)).join(' '),
  };
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
  const { url, secrets, timeoutMs } = options;
  const poster = createHttpPoster({ url, setting: 'NOTIFY_WEBHOOK_URL', timeoutMs });
  const signers = signersOf(secrets);
  return {
    name: 'http',
    announce(announcement, { signal }) {
      const body = bodyOf(announcement);
      const headers = signedHeaders(signers, headerText(idempotencyKey(announcement)), body);
      return poster.post(body, headers, signal);
    },
    close() {
      poster.close();
    },
  };
}
