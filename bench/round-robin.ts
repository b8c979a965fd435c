/** A load balancer, as small as one can be: each request to the next webhook that takes it. */
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** One that listens. */
export interface RoundRobin {
  readonly url: string;
  /** Requests that the first choice did not take, and another one did. */
  readonly passedOn: number;
  close(): Promise<void>;
}

/** What an answer is handed on with. */
interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** Longer than the sandbox rests between two phases. */
const KEEP_ALIVE_MS = 10 * 60_000;

const HOP_BY_HOP = new Set(['connection', 'content-length', 'host', 'transfer-encoding', 'expect']);

/**
 * Listens on a free port. A target that cannot be reached, or breaks off before its answer, is
 * passed over, as balancers do for requests that are safe to repeat: callbacks are.
 * @param targets addresses without a slash at the end
 */
export async function openRoundRobin(targets: readonly string[]): Promise<RoundRobin> {
  let turn = 0;
  let passedOn = 0;
  const handOn = async (request: IncomingMessage): Promise<Answer> => {
    const body = await buffer(request);
    const first = (turn += 1);
    for (let offset = 0; offset < targets.length; offset += 1) {
      const target = targets[(first + offset) % targets.length] ?? '';
      try {
        const answer = await ask(target, request, body);
        if (offset > 0) passedOn += 1;
        return answer;
      } catch {
        // The next one is asked; that none answered is told by the 502.
      }
    }
    return { status: 502, body: Buffer.from('no webhook answers\n') };
  };
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    void handOn(request).then(({ status, body }) => response.writeHead(status).end(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    get passedOn() {
      return passedOn;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function ask(target: string, request: IncomingMessage, body: Buffer): Promise<Answer> {
  const headers = Object.entries(request.headers).flatMap(([name, value]) => {
    return HOP_BY_HOP.has(name) || value === undefined ? [] : [[name, String(value)] as const];
  });
  const { method = 'GET', url = '/' } = request;
  const response = await fetch(`${target}${url}`, {
    ...{ method, headers: [...headers.map((pair) => [...pair] as [string, string])] },
    ...(body.length > 0 && { body: new Uint8Array(body) }),
  });
  return { status: response.status, body: Buffer.from(await response.arrayBuffer()) };
}
