/**
 * Preloaded by a part whose wall clock is to jump: `Date` is ahead by what the file named by
 * CHAOS_CLOCK_FILE says, in milliseconds; SIGUSR2 has it read again. Timers go on as ever. Plain
 * JavaScript, because threads load it without tsx; they keep the true time.
 */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { isMainThread } from 'node:worker_threads';

const RealDate = Date;
let aheadMs = 0;

function readAgain() {
  // eslint-disable-next-line no-restricted-properties -- it comes before any configuration
  aheadMs = Number(readFileSync(process.env.CHAOS_CLOCK_FILE ?? '', 'utf8'));
}

class SteppedDate extends RealDate {
  /** @param {any[]} given as a Date takes them */
  constructor(...given) {
    if (given.length === 0) super(SteppedDate.now());
    else super(.../** @type {[any]} */ (given));
  }

  static now() {
    return RealDate.now() + aheadMs;
  }
}

if (isMainThread) {
  readAgain();
  process.on('SIGUSR2', readAgain);
  globalThis.Date = /** @type {any} */ (SteppedDate);
}
