/** Receivers of announcements by HTTP and by mail, both real, both of which can fail. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';
import { Webhook } from 'standardwebhooks';
import type { Random } from '../../sandbox/seeded-random.js';

/** A receiver that refuses the first message, and then fails at random, or altogether. */
export interface FailingReceiver {
  readonly url: string;
  /** How often each idempotency key was taken. */
  readonly taken: ReadonlyMap<string, number>;
  /** Messages refused on purpose. */
  refused: number;
  /** Messages that did not verify. */
  readonly unverified: readonly string[];
  /** Refuses everything. */
  isDown: boolean;
  /** The share of messages refused while it is not down. */
  failShare: number;
  close(): Promise<void>;
}

/** With which the HTTP receiver's messages are signed. */
export const RECEIVER_SECRET = `whsec_${Buffer.from('a receiver in a fault run').toString('base64')}`;

function failing(random: Random): Omit<FailingReceiver, 'url' | 'close'> & {
  readonly taken: Map<string, number>;
  readonly unverified: string[];
  fails(): boolean;
  take(key: string): void;
} {
  const taken = new Map<string, number>();
  let isFirst = true;
  const state = {
    taken,
    unverified: [] as string[],
    refused: 0,
    isDown: false,
    failShare: 0,
    fails(): boolean {
      // A short day on a slow machine has few messages: one of them fails in any case.
      const hasFailed = isFirst || state.isDown || random() < state.failShare;
      isFirst = false;
      if (hasFailed) state.refused += 1;
      return hasFailed;
    },
    take(key: string): void {
      taken.set(key, (taken.get(key) ?? 0) + 1);
    },
  };
  return state;
}

/** Verifies by the Standard Webhooks convention. */
export async function openHttpReceiver(random: Random): Promise<FailingReceiver> {
  const state = failing(random);
  const take = async (request: IncomingMessage): Promise<number> => {
    const body = await text(request);
    if (state.fails()) return 500;
    const headers = request.headers as Record<string, string>;
    try {
      new Webhook(RECEIVER_SECRET).verify(body, headers);
    } catch (error) {
      // Its sender's clock was put forward or back: it comes again.
      if (/timestamp/i.test(String(error))) state.refused += 1;
      else state.unverified.push(String(error));
      return 401;
    }
    state.take(headers['webhook-id'] ?? '');
    return 204;
  };
  const server = createServer((request, response) => {
    void take(request).then(
      (status) => response.writeHead(status).end(),
      // The sender died in the middle.
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(state, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/announcements`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

/** Reads each message's key from its header. */
export async function openMailServer(random: Random): Promise<FailingReceiver> {
  const state = failing(random);
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData: (stream, _session, callback) => {
      text(stream).then(
        (mail) => {
          if (state.fails()) {
            callback(Object.assign(new Error('try again later'), { responseCode: 451 }));
            return;
          }
          const key = KEY_HEADER.exec(mail.replace(/\r?\n[ \t]+/g, ' '))?.[1] ?? '';
          if (key === '') state.unverified.push('a mail without its key');
          state.take(key.trim());
          callback();
        },
        (error: unknown) => {
          callback(error as Error);
        },
      );
    },
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve();
    });
  });
  const { port } = server.server.address() as AddressInfo;
  return Object.assign(state, {
    url: `smtp://127.0.0.1:${port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      }),
  });
}

const KEY_HEADER = /^X-Idempotency-Key: *(.+)$/im;
