import { ApplicationFailure } from '@temporalio/common';
import { LRUCache } from 'lru-cache';
import { createTransport, type SendMailOptions, type Transporter } from 'nodemailer';
import type { Logger } from 'pino';
import { FAILURE_TYPES, idempotencyKey, type Announcement } from '../../workflows/contract.js';
import type { Channel } from './channel.js';
import { emailMessage } from './email-message.js';
import type { EmailTemplates } from './email-templates.js';

/** For connecting, for the greeting, and for any silence of the mail server. */
const DEFAULT_TIMEOUT_MS = 30_000;

/** Messages of which is remembered who has them not yet: enough for all that are tried again. */
const REMEMBERED = 10_000;

/** What an e-mail channel is made with. */
export interface EmailChannelOptions {
  /** `smtp://` (with STARTTLS where offered) or `smtps://`, credentials included. */
  readonly smtpUrl: string;
  readonly from: string;
  /** One address or several, comma-separated. */
  readonly to: string;
  /** Instead of those that are built in. */
  readonly templates?: EmailTemplates | undefined;
  readonly timeoutMs?: number | undefined;
  readonly logger?: Pick<Logger, 'warn'> | undefined;
}

/** The same on every attempt, so that mail programs show a repetition once. */
function messageIdOf(announcement: Announcement, from: string): string {
  const domain = /@([\w.-]+)/.exec(from)?.[1] ?? 'countersign.invalid';
  return `<${idempotencyKey(announcement).replace(/[^\w.-]/g, '.')}@${domain}>`;
}

/** Whom a message goes to; its header names all. */
interface Envelope {
  readonly from: string;
  readonly to: string[];
}

/** Why the mail server did not take a message for one recipient. */
interface Refusal {
  readonly recipient?: string | undefined;
  readonly responseCode?: number | undefined;
}

/** Nodemailer tells of them with its success as with its error. */
function refusalsIn(end: unknown): readonly Refusal[] | undefined {
  return (end as { readonly rejectedErrors?: readonly Refusal[] }).rejectedErrors;
}

interface Sent {
  readonly from: string;
  readonly refusals: readonly Refusal[];
}

/**
 * Sends to those of the envelope, whom an earlier attempt left out; without it to all.
 * @throws nodemailer's error where nobody has the message; the signal's reason
 */
async function send(
  transport: Transporter,
  message: SendMailOptions,
  { envelope, signal }: { envelope: Envelope | undefined; signal: AbortSignal },
): Promise<Sent> {
  try {
    // The signal takes it out of the pool's queue as well: what is given up must not go out later.
    const sent = await transport.sendMail({
      ...message,
      ...(envelope && { envelope: { ...envelope } }),
      signal,
    });
    return { from: String(sent.envelope.from), refusals: refusalsIn(sent) ?? [] };
  } catch (error) {
    signal.throwIfAborted();
    const refusals = refusalsIn(error);
    if (envelope === undefined || refusals === undefined) throw error;
    return { from: envelope.from, refusals };
  }
}

/** Greylisted, say, or of a full mailbox: SMTP's 4xx. */
function putOffIn(refusals: readonly Refusal[]): string[] {
  return refusals
    .filter(({ responseCode = 0 }) => responseCode < 500)
    .flatMap(({ recipient }) => recipient ?? []);
}

function putOff(recipients: number): Error {
  return ApplicationFailure.create({
    type: FAILURE_TYPES.unavailable,
    message: `The mail server put off ${recipients} of NOTIFY_EMAIL_TO; the others have the message.`,
  });
}

/**
 * Events as e-mails over SMTP, through connections that are kept. Errors are nodemailer's own:
 * `toApplicationFailure` reads their codes.
 * @throws Error where the URL is not one of SMTP
 */
export function createEmailChannel(options: EmailChannelOptions): Channel {
  const { smtpUrl, from, to, templates, timeoutMs = DEFAULT_TIMEOUT_MS, logger } = options;
  if (!/^smtps?:\/\//i.test(smtpUrl)) throw new Error('NOTIFY_SMTP_URL is not an smtp(s) URL.');
  const transport = createTransport({
    url: smtpUrl,
    pool: true,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const waiting = new LRUCache<string, Envelope>({ max: REMEMBERED });
  return {
    name: 'email',
    async announce(announcement, { signal }) {
      signal.throwIfAborted();
      const key = idempotencyKey(announcement);
      const message = {
        from,
        to,
        messageId: messageIdOf(announcement, from),
        headers: { 'X-Idempotency-Key': key },
        ...emailMessage(announcement, templates),
      };
      const sent = await send(transport, message, { envelope: waiting.get(key), signal });
      const left = putOffIn(sent.refusals);
      if (left.length > 0) {
        waiting.set(key, { from: sent.from, to: left });
        throw putOff(left.length);
      }
      waiting.delete(key);
      if (sent.refusals.length === 0) return;
      // The others have the message: to fail, and so to repeat it, would send it to them again.
      const fields = { recipients: sent.refusals.length, key };
      logger?.warn(fields, 'the mail server refused some of NOTIFY_EMAIL_TO');
    },
    close() {
      transport.close();
    },
  };
}
