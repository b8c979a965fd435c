/**
 * Writes what waits, all of it together, while nothing else is being written: many share one sync,
 * and one that comes alone waits for nobody.
 */
export class GroupCommit<Item> {
  readonly #write: (items: readonly Item[]) => Promise<void>;
  readonly #sizeOf: (item: Item) => number;
  readonly #maxBytes: number;
  #waiting: Waiting<Item>[] = [];
  #writing: Promise<void> | undefined;

  constructor(options: {
    readonly write: (items: readonly Item[]) => Promise<void>;
    readonly sizeOf: (item: Item) => number;
    /** Of one group; an item that is larger is a group of its own. */
    readonly maxBytes: number;
  }) {
    this.#write = options.write;
    this.#sizeOf = options.sizeOf;
    this.#maxBytes = options.maxBytes;
  }

  /** Resolves once the item is written, rejects with what befell its group. Keeps the order. */
  add(item: Item): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#writing ??= this.#writeAll();
    });
  }

  /** Nothing waits and nothing is being written. */
  get isIdle(): boolean {
    return this.#writing === undefined;
  }

  /** Resolves once nothing waits. */
  async idle(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  async #writeAll(): Promise<void> {
    // What comes in the same turn of the event loop comes together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#nextGroup();
      try {
        await this.#write(group.map(({ item }) => item));
        for (const { resolve } of group) resolve();
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#writing = undefined;
  }

  #nextGroup(): readonly Waiting<Item>[] {
    let bytes = 0;
    const beyond = this.#waiting.findIndex(({ item }, index) => {
      bytes += this.#sizeOf(item);
      return index > 0 && bytes > this.#maxBytes;
    });
    return this.#waiting.splice(0, beyond === -1 ? this.#waiting.length : beyond);
  }
}

interface Waiting<Item> {
  readonly item: Item;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}
