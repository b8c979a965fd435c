import type { CallbackRecord, Sandbox } from '../sandbox/index.js';

/**
 * The sandbox's log lets go of what is older than its newest 2,000 callbacks: some seconds' worth
 * at a hundred documents a second. Each look copies them all, and takes from what is measured.
 */
const LOOK_EVERY_MS = 1_000;
const LOOK_AT = 2_000;

/** Keeps the record of every callback that the sandbox sends. */
export class CallbackCollector {
  readonly #sandbox: Sandbox;
  readonly #records = new Map<string, CallbackRecord>();
  readonly #timer: NodeJS.Timeout;

  constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
    this.#timer = setInterval(() => {
      this.#look();
    }, LOOK_EVERY_MS);
  }

  /** All so far. One that is on the wire gets its answer later, in the same record. */
  records(): readonly CallbackRecord[] {
    this.#look();
    return [...this.#records.values()];
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    for (const record of this.#sandbox.callbacks(LOOK_AT)) this.#records.set(record.id, record);
  }
}
