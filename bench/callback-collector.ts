import type { CallbackRecord, Sandbox } from '../sandbox/index.js';
import type { FailureTally } from './failure-tally.js';

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

  /** Notes each that was sent and not answered 200, with its fate; and how many left no record. */
  noteUnanswered(failures: FailureTally): void {
    const { sent } = this.#sandbox.callbackCounters();
    const records = this.records().filter(({ state }) => state !== 'dropped');
    for (const { answer, about, state, error } of records) {
      if (answer?.status === 200) continue;
      const what = answer ? `${answer.status} ${answer.line}` : (error ?? state);
      failures.note('callbackNotAnswered200', `${about}: ${what}`);
    }
    const missing = sent - records.length;
    failures.note('callbackNotAnswered200', `${missing} of ${sent} left no record`, missing);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    for (const record of this.#sandbox.callbacks(LOOK_AT)) this.#records.set(record.id, record);
  }
}
