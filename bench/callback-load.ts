/** The process that sends callbacks: as many at once as told, or so many a second. */
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import autocannon from 'autocannon';
import type { Request, Result } from 'autocannon';

/** A callback ready to be sent. */
export interface SignedCallback {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** What is to be sent where. */
export type LoadOrder = {
  readonly url: string;
  readonly callbacks: readonly SignedCallback[];
} & ({ readonly connections: number } | { readonly perSecond: number });

/** What was answered. */
export interface LoadResult {
  /** From the first request to the last answer. */
  readonly durationMs: number;
  /** Answers by status; 0 for none. */
  readonly statuses: Readonly<Record<number, number>>;
  /** Of each answer; with a rate, from the moment when the callback was due. */
  readonly timesMs: readonly number[];
}

class Tally {
  readonly #statuses: Record<number, number> = {};
  readonly #timesMs: number[] = [];
  readonly #beganMs = performance.now();
  #endedMs = this.#beganMs;

  answered(status: number, timeMs: number): void {
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
    this.#timesMs.push(timeMs);
    this.#endedMs = performance.now();
  }

  result(): LoadResult {
    const durationMs = this.#endedMs - this.#beganMs;
    return { durationMs, statuses: this.#statuses, timesMs: this.#timesMs };
  }
}

/** Closed loop: each connection sends its next callback when its last is answered. */
async function sendAtOnce({ url, callbacks }: LoadOrder, connections: number): Promise<LoadResult> {
  let next = 0;
  const setupRequest = (bare: Request): Request => {
    const { headers = {}, body = Buffer.alloc(0) } = callbacks[next++] ?? {};
    return { ...bare, method: 'POST', headers: { ...headers }, body };
  };
  const amount = callbacks.length;
  const tally = new Tally();
  const { errors } = await new Promise<Result>((resolve, reject) => {
    const options = { url, amount, connections: Math.min(connections, amount), timeout: 60 };
    const running = autocannon({ ...options, requests: [{ setupRequest }] }, (error, result) => {
      if (error instanceof Error) reject(error);
      else resolve(result);
    });
    running.on('response', (_client, status, _bytes, timeMs) => {
      tally.answered(status, timeMs);
    });
  });
  for (let lost = 0; lost < errors; lost += 1) tally.answered(0, NaN);
  return tally.result();
}

/** Open loop: a callback goes out when it is due, whatever became of those before. */
async function sendAtRate({ url, callbacks }: LoadOrder, perSecond: number): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const tally = new Tally();
  const beganMs = performance.now();
  await Promise.all(
    callbacks.map(async (callback, index) => {
      const dueMs = beganMs + (index * 1000) / perSecond;
      await delay(dueMs - performance.now());
      const status = await post(url, callback, agent);
      tally.answered(status, performance.now() - dueMs);
    }),
  );
  agent.destroy();
  return tally.result();
}

/** Resolves with the status once the whole answer is there; 0 where there is none. */
function post(url: string, { headers, body }: SignedCallback, agent: Agent): Promise<number> {
  return new Promise((resolve) => {
    const outgoing = request(
      url,
      { method: 'POST', headers: { ...headers }, agent },
      (incoming) => {
        incoming.resume();
        incoming.once('end', () => {
          resolve(incoming.statusCode ?? 0);
        });
      },
    );
    outgoing.once('error', () => {
      resolve(0);
    });
    outgoing.end(body);
  });
}

process.once('disconnect', () => process.exit());
process.on('message', (order: LoadOrder) => {
  const sending =
    'perSecond' in order
      ? sendAtRate(order, order.perSecond)
      : sendAtOnce(order, order.connections);
  void sending.then((result) => process.send?.(result));
});
