/** Two are handed over for each that comes: so what waits becomes less. */
const HANDED_OVER_PER_NEWCOMER = 2;

/** However slow it is, whoever calls is not kept for longer, in ms. */
const WAIT_MAX_MS = 500;

interface Newcomer {
  /** Its turn is when as many are handed over. */
  readonly turn: number;
  readonly go: () => void;
}

/**
 * Slows down those who bring more while what waits is handed over. They are answered by a file,
 * which can be faster than Temporal: without this it might never end.
 */
export class HandoverPace {
  #handedOver = 0;
  #latestTurn = 0;
  #newcomers: Newcomer[] = [];

  /** Resolves when it is a newcomer's turn to be answered, or it has been kept long enough. */
  turn(): Promise<void> {
    const turn = Math.max(this.#latestTurn, this.#handedOver) + HANDED_OVER_PER_NEWCOMER;
    this.#latestTurn = turn;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, WAIT_MAX_MS);
      const go = (): void => {
        clearTimeout(timer);
        resolve();
      };
      this.#newcomers.push({ turn, go });
    });
  }

  /** One more is handed over. */
  handedOver(): void {
    this.#handedOver += 1;
    // In order of their turns.
    const later = this.#newcomers.findIndex(({ turn }) => turn > this.#handedOver);
    const count = later === -1 ? this.#newcomers.length : later;
    for (const { go } of this.#newcomers.splice(0, count)) go();
  }

  /** Nothing is being handed over: nobody is kept. */
  stop(): void {
    for (const { go } of this.#newcomers.splice(0)) go();
    this.#latestTurn = this.#handedOver;
  }
}
