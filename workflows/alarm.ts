import { CancellationScope, isCancellation, sleep } from '@temporalio/workflow';

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
  set(dueMs: number | undefined): void {
    // One that has rung for a time that is due again (a clock stepped back) rings again.
    if (dueMs === this.#dueMs && !this.#hasRung) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#dueMs = dueMs;
    this.#hasRung = false;
    if (dueMs === undefined) return;
    const timer = new CancellationScope();
    this.#timer = timer;
    timer
      .run(async () => {
        await sleep(Math.max(dueMs - Date.now(), 1));
        this.#hasRung = true;
      })
      .catch((error: unknown) => {
        if (!isCancellation(error)) throw error;
      });
  }
}
