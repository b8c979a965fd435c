import { CancellationScope, isCancellation, sleep } from '@temporalio/workflow';

/** How an alarm is set. */
export interface AlarmOptions {
  /** One that runs already and rings earlier may stand: whoever hears it sets it anew. */
  readonly mayEndEarlier?: boolean | undefined;
  /** What is waited for, as the timeline shows it. */
  readonly summary?: string | undefined;
}

/**
 * One durable timer, set anew only when its time changes: waiting in a loop with
 * `condition(…, timeout)` would cost a timer for every wake-up.
 */
export class Alarm {
  #dueMs: number | undefined;
  #hasRung = false;
  #timer: CancellationScope | undefined;

  get hasRung(): boolean {
    return this.#hasRung;
  }

  /** @param dueMs milliseconds since the epoch; undefined: no alarm */
  set(dueMs: number | undefined, { mayEndEarlier, summary }: AlarmOptions = {}): void {
    // One that has rung for a time that is due again (a clock stepped back) rings again.
    if (dueMs === this.#dueMs && !this.#hasRung) return;
    if (mayEndEarlier && this.#isRunning() && isNotAfter(this.#dueMs, dueMs)) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#dueMs = dueMs;
    this.#hasRung = false;
    if (dueMs === undefined) return;
    const timer = new CancellationScope();
    this.#timer = timer;
    timer
      .run(async () => {
        await sleep(Math.max(dueMs - Date.now(), 1), summary === undefined ? {} : { summary });
        this.#hasRung = true;
      })
      .catch((error: unknown) => {
        if (!isCancellation(error)) throw error;
      });
  }

  #isRunning(): boolean {
    return this.#timer !== undefined && !this.#hasRung;
  }
}

function isNotAfter(dueMs: number | undefined, otherMs: number | undefined): boolean {
  return dueMs !== undefined && otherMs !== undefined && dueMs <= otherMs;
}
