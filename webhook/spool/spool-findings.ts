import type { Logger } from 'pino';
import { keepDamaged } from './damaged-files.js';

/** What a queue finds in its files that should not be there. */
export interface SpoolFindings {
  /** Bytes that are no record of ours: they are never handed over. */
  damaged(path: string, damages: readonly { offset: number; length: number }[]): void;
  torn(path: string, bytes: number): void;
  /** The file could not be read or removed: it stays where it is. */
  left(path: string, error: unknown): void;
  /** Keeps a file that is damaged. */
  setAside(path: string): Promise<void>;
}

/** Tells people of what should not be in the spool, in the log; and a counter of each damage. */
export function reportFindings(
  spoolFolder: string,
  logger: Logger,
  onDamage: () => void,
): SpoolFindings {
  return {
    damaged(path, damages) {
      for (const { offset, length } of damages) {
        logger.error({ path, offset, bytes: length }, 'no record of ours: never handed over');
        onDamage();
      }
    },
    torn(path, bytes) {
      logger.warn({ path, bytes }, 'an append that was cut short, and never acknowledged');
    },
    left(path, error) {
      logger.error({ path, cause: String(error) }, 'the file stays, for the next start to try');
    },
    setAside: (path) => keepDamaged(spoolFolder, path),
  };
}
