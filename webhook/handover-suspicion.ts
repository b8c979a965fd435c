/** Of failures beyond this number, between others that pass, the network is not to blame. */
const STRIKES = 3;

/**
 * Tells a message that alone cannot be handed over from a Temporal that takes none: it is the
 * message only when others pass between its failures, again and again.
 */
export class HandoverSuspicion<Message> {
  #suspect: Message | undefined;
  #strikes = 0;
  #othersPassed = false;

  /** Temporal answered, whatever it answered. */
  passed(message: Message): void {
    if (message === this.#suspect) this.#clear();
    else this.#othersPassed = true;
  }

  /** Temporal did not take it. Whether it is now clear that the message is to blame. */
  failed(message: Message): boolean {
    if (message === this.#suspect) {
      if (this.#othersPassed) this.#strikes += 1;
    } else if (this.#suspect === undefined || this.#othersPassed) {
      // A second one that fails right after it clears nobody; one that is in front of it by now is
      // suspected instead.
      this.#suspect = message;
      this.#strikes = 0;
    }
    this.#othersPassed = false;
    if (this.#strikes < STRIKES) return false;
    this.#clear();
    return true;
  }

  #clear(): void {
    this.#suspect = undefined;
    this.#strikes = 0;
  }
}
