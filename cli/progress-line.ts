import { plainLine, type Terminal } from './terminal.js';

/** A line that is written over again and again; nothing where nobody looks on. */
export interface ProgressLine {
  show(text: string): void;
  /** Takes it away, before anything else is printed. */
  clear(): void;
}

/** Often enough to be alive, seldom enough to cost nothing. */
const EVERY_MS = 100;

const CLEAR = '\r\u001b[K';

/** On stdout of a terminal. */
export function createProgressLine(
  { isInteractive, width, write }: Pick<Terminal, 'isInteractive' | 'width' | 'write'>,
  now: () => number = Date.now,
): ProgressLine {
  let shownMs = Number.NEGATIVE_INFINITY;
  let isShown = false;
  return {
    show(text) {
      if (!isInteractive || now() - shownMs < EVERY_MS) return;
      shownMs = now();
      isShown = true;
      // One column is left: a full line would wrap, and stay.
      write(CLEAR + plainLine(text).slice(0, width - 1));
    },
    clear() {
      if (isShown) write(CLEAR);
      isShown = false;
    },
  };
}

const BAR_CELLS = 20;

/** How much of it is done, as a bar. @param total where it is nothing, all is done */
export function progressBar(done: number, total: number): string {
  const share = total === 0 ? 1 : Math.min(done / total, 1);
  const filled = Math.round(share * BAR_CELLS);
  return `[${'#'.repeat(filled)}${'-'.repeat(BAR_CELLS - filled)}] ${done} of ${total}`;
}
