import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';

/** A receiver of announcements that only counts. */
export interface AnnouncementReceiver {
  readonly url: string;
  /** `whsec_…`, with which messages are signed. */
  readonly secret: string;
  /** Verified deliveries, by idempotency key. */
  readonly deliveries: ReadonlyMap<string, number>;
  /** Deliveries that did not verify, each with its reason. */
  readonly unverified: readonly string[];
  close(): Promise<void>;
}

/** A real HTTP server that verifies by the Standard Webhooks convention and answers 204, or 401. */
export async function openAnnouncementReceiver(): Promise<AnnouncementReceiver> {
  const secret = `whsec_${Buffer.from('a receiver in a benchmark').toString('base64')}`;
  const deliveries = new Map<string, number>();
  const unverified: string[] = [];
  const take = async (request: IncomingMessage): Promise<number> => {
    const headers = request.headers as Record<string, string>;
    try {
      new Webhook(secret).verify(await text(request), headers);
    } catch (error) {
      unverified.push(String(error));
      return 401;
    }
    const key = headers['webhook-id'] ?? '';
    deliveries.set(key, (deliveries.get(key) ?? 0) + 1);
    return 204;
  };
  const server = createServer((request, response) => {
    void take(request).then((status) => response.writeHead(status).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/announcements`,
    secret,
    deliveries,
    unverified,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
