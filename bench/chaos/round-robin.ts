/** A tiny balancer: each request goes to the next webhook that takes the connection. */
import {
  createServer,
  request as send,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { AddressInfo } from 'node:net';

/** Running on a port of its own. */
export interface RoundRobin {
  readonly url: string;
  close(): Promise<void>;
}

/** @param ports of the webhooks on this machine */
export async function openRoundRobin(ports: readonly number[]): Promise<RoundRobin> {
  let turn = 0;
  const server = createServer((request, response) => {
    turn += 1;
    const order = ports.map((_, index) => ports[(turn + index) % ports.length] ?? 0);
    void forward(request, response, order);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function forward(
  request: IncomingMessage,
  response: ServerResponse,
  ports: readonly number[],
): Promise<void> {
  const body = await buffer(request).catch(() => undefined);
  if (!body) return;
  for (const port of ports) {
    const answer = await ask(request, body, port);
    if (answer === 'notConnected') continue;
    if (answer === 'cut') break;
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
    return;
  }
  response.writeHead(502).end();
}

/** A connection that was taken and then broke may have been heard: it is not for anybody else. */
function ask(
  { method, url, headers }: IncomingMessage,
  body: Buffer,
  port: number,
): Promise<IncomingMessage | 'notConnected' | 'cut'> {
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port, method, path: url, headers };
    const request = send(options, resolve);
    request.on('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'ECONNREFUSED' ? 'notConnected' : 'cut');
    });
    request.end(body);
  });
}
