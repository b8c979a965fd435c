/** What one request holds of the budget. */
export interface BodyShare {
  /** Holds more bytes; false, and holds none of them, where the budget has no room. */
  take(bytes: number): boolean;
  /** Gives everything back. */
  release(): void;
}

/**
 * A limit in bytes on the bodies that all requests together hold until they are answered: a limit
 * per request alone lets strangers fill the memory with many requests that never end.
 */
export class BodyBudget {
  readonly #limitBytes: number;
  #heldBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** A share that holds nothing yet; whoever opens it releases it. */
  open(): BodyShare {
    let ownBytes = 0;
    return {
      take: (bytes) => {
        if (this.#heldBytes + bytes > this.#limitBytes) return false;
        this.#heldBytes += bytes;
        ownBytes += bytes;
        return true;
      },
      release: () => {
        this.#heldBytes -= ownBytes;
        ownBytes = 0;
      },
    };
  }
}
