/** What takes a part down. */
export type Closer = () => Promise<void>;

/** What was started, to be taken down from the last to the first. */
export class Closers {
  readonly #closers: Closer[] = [];

  /** Adds one; it runs before all that are there. At its second turn it does nothing. */
  push(closer: Closer): Closer {
    let closing: Promise<void> | undefined;
    const once = (): Promise<void> => (closing ??= closer());
    this.#closers.push(once);
    return once;
  }

  /** Runs all, also after one that fails. @throws the first failure, once all have run */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (const closer of this.#closers.splice(0).reverse()) {
      await closer().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }
}
