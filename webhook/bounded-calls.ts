import type { Client } from '@temporalio/client';

/** Calls of Temporal that end by a time of ours, whatever the SDK does. */
export class BoundedCalls {
  readonly #client: Client;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(client: Client) {
    this.#client = client;
  }

  /** Rejects by then, also where the SDK retries beyond the deadline that it is given. */
  async within<Result>(limitMs: number, call: () => Promise<Result>): Promise<Result> {
    const limit = new AbortController();
    const ended = new Promise<never>((_resolve, reject) => {
      limit.signal.addEventListener('abort', () => {
        reject(new Error(`Temporal acknowledged nothing within ${limitMs} ms`));
      });
    });
    const timer = setTimeout(() => {
      limit.abort();
    }, limitMs);
    const calling = this.#client.withDeadline(Date.now() + limitMs, () =>
      this.#client.withAbortSignal(limit.signal, call),
    );
    this.#remember(calling);
    try {
      return await Promise.race([ended, calling]);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Resolves once nothing is under way, calls included whose time is over. To be waited for before
   * the client is closed: the SDK's retry of a call would throw where nothing can catch it.
   */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  #remember(calling: Promise<unknown>): void {
    const forget = (): void => void this.#underWay.delete(calling);
    this.#underWay.add(calling);
    calling.then(forget, forget);
  }
}
