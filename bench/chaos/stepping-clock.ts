/**
 * Preloaded by a part whose wall clock is to jump: `Date` is ahead by what the file named by
 * CHAOS_CLOCK_FILE says, in milliseconds; SIGUSR2 has it read again. Timers go on as ever.
 */
import { readFileSync } from 'node:fs';

const file = process.env['CHAOS_CLOCK_FILE'] ?? '';
const RealDate = Date;
let aheadMs = 0;

function readAgain(): void {
  aheadMs = Number(readFileSync(file, 'utf8'));
}

class SteppedDate extends RealDate {
  constructor(...given: [] | [string | number | Date]) {
    if (given.length === 0) super(SteppedDate.now());
    // Of all parts it takes as many as it is given; the type knows only one of them.
    else super(...(given as [string]));
  }

  static override now(): number {
    return RealDate.now() + aheadMs;
  }
}

readAgain();
process.on('SIGUSR2', readAgain);
globalThis.Date = SteppedDate as unknown as DateConstructor;
