import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';

/** An announcement as a receiver sees it, its signature verified. */
export interface ReceivedMessage {
  /** The idempotency key. */
  readonly id: string;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Receiver {
  readonly url: string;
  readonly secret: string;
  /** All messages so far, refused ones too. */
  readonly messages: readonly ReceivedMessage[];
  /** What the next messages are answered with, one each; 204 after that. */
  readonly answers: number[];
  close(): Promise<void>;
}

/** A real HTTP receiver that verifies by the Standard Webhooks convention. */
export async function openReceiver(): Promise<Receiver> {
  const secret = `whsec_${Buffer.from('a receiver in a test').toString('base64')}`;
  const messages: ReceivedMessage[] = [];
  const answers: number[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const headers = request.headers as Record<string, string>;
      const verified = new Webhook(secret).verify(body, headers) as Omit<ReceivedMessage, 'id'>;
      messages.push({ id: headers['webhook-id'] ?? '', ...verified });
      response.writeHead(answers.shift() ?? 204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/announcements`,
    secret,
    messages,
    answers,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
