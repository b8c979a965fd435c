import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { CallbackRecord } from './callback-log.js';
import { forgedCopy } from './callback-forging.js';
import type { CallbackSender, OutgoingCallback } from './callback-sender.js';
import type { FaultPanel } from './faults.js';
import { shuffled, type Random } from './seeded-random.js';

/** The window in which callbacks change places: so many, or so long. */
const WINDOW_SIZE = 8;
const WINDOW_MS = 200;

interface Waiting {
  readonly release: () => void;
}

/** Sends callbacks through the faults in force: dropped, doubled, late, out of order, forged. */
export class CallbackDispatcher {
  readonly #sender: CallbackSender;
  readonly #faults: FaultPanel;
  readonly #random: Random;
  readonly #closing = new AbortController();
  #window: Waiting[] = [];
  #windowTimer: NodeJS.Timeout | undefined;
  #underWay = 0;

  constructor(sender: CallbackSender, faults: FaultPanel, random: Random) {
    this.#sender = sender;
    this.#faults = faults;
    this.#random = random;
    // Every callback that waits on purpose listens to it.
    setMaxListeners(0, this.#closing.signal);
  }

  /** Callbacks that are waiting or on the wire. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Resolves with everything that became of it: copies included. Never rejects. */
  async dispatch(callback: OutgoingCallback): Promise<CallbackRecord[]> {
    if (this.#faults.strikes('dropCallbacks')) return [this.drop(callback)];
    const copies = [this.#send(callback)];
    if (this.#faults.strikes('duplicateCallbacks')) copies.push(this.#send(callback));
    const forgery = this.#faults.strikes('tamperCallbacks') && this.#forgery(callback);
    if (forgery) copies.push(this.#send(forgery));
    return Promise.all(copies);
  }

  /** Logs a callback that is not sent. */
  drop(callback: OutgoingCallback): CallbackRecord {
    return this.#sender.drop(callback);
  }

  /** Sends the very same bytes once more, without faults. */
  async resend(callback: OutgoingCallback): Promise<CallbackRecord> {
    return this.#counted(() => this.#sender.post(callback));
  }

  /** Lets go of everything that waits on purpose; what waits for its turn is still sent. */
  close(): void {
    this.#closing.abort();
    this.#openWindow();
  }

  #forgery(callback: OutgoingCallback): OutgoingCallback | undefined {
    const bend = this.#random() < 0.5 ? 'content' : 'signature';
    const request = forgedCopy(callback.request, bend);
    return (
      request && { ...callback, request, forged: true, about: `${callback.about} (forged ${bend})` }
    );
  }

  async #send(callback: OutgoingCallback): Promise<CallbackRecord> {
    return this.#counted(async () => {
      await this.#wait(this.#faults.callbackDelayMs());
      if (this.#faults.strikes('shuffleCallbacks')) await this.#passWindow();
      return this.#sender.post(callback);
    });
  }

  async #counted<T>(work: () => Promise<T>): Promise<T> {
    this.#underWay += 1;
    try {
      return await work();
    } finally {
      this.#underWay -= 1;
    }
  }

  async #wait(delayMs: number): Promise<void> {
    if (delayMs === 0 || this.#closing.signal.aborted) return;
    // Closing ends the wait early, which is no error.
    await delay(delayMs, undefined, { signal: this.#closing.signal }).catch(() => undefined);
  }

  async #passWindow(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    const turn = new Promise<void>((release) => this.#window.push({ release }));
    if (this.#window.length >= WINDOW_SIZE) this.#openWindow();
    else
      this.#windowTimer ??= setTimeout(() => {
        this.#openWindow();
      }, WINDOW_MS);
    await turn;
  }

  #openWindow(): void {
    clearTimeout(this.#windowTimer);
    this.#windowTimer = undefined;
    const waiting = shuffled(this.#window, this.#random);
    this.#window = [];
    for (const { release } of waiting) release();
  }
}
