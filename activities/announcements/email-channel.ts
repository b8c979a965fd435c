import { createTransport } from 'nodemailer';
import type { Logger } from 'pino';
import { idempotencyKey, type Announcement } from '../../workflows/contract.js';
import type { Channel } from './channel.js';
import { emailMessage } from './email-message.js';
import type { EmailTemplates } from './email-templates.js';

/** For connecting, for the greeting, and for any silence of the mail server. */
const DEFAULT_TIMEOUT_MS = 30_000;

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
  return {
    name: 'email',
    async announce(announcement, { signal }) {
      signal.throwIfAborted();
      const message = {
        from,
        to,
        messageId: messageIdOf(announcement, from),
        headers: { 'X-Idempotency-Key': idempotencyKey(announcement) },
        ...emailMessage(announcement, templates),
      };
      // Takes it out of the pool's queue as well: what is given up must not go out later.
      const { rejected } = await transport
        .sendMail({ ...message, signal })
        .catch((error: unknown) => {
          signal.throwIfAborted();
          throw error;
        });
      if (rejected.length === 0) return;
      // The others have the message: to fail, and so to repeat it, would send it to them again.
      const fields = { recipients: rejected.length, key: idempotencyKey(announcement) };
      logger?.warn(fields, 'the mail server refused some of NOTIFY_EMAIL_TO');
    },
    close() {
      transport.close();
    },
  };
}
