/** In which order is handed over what waits. Pure; for stable sorts. */
import type { SpoolEntry } from './spool-queue.js';
import type { WaitingFile } from './waiting-file.js';

/** Files of one queue: as they were written, but what has failed before comes last. */
export function failedLast(one: WaitingFile, other: WaitingFile): number {
  return Number(one.kind === 'failed') - Number(other.kind === 'failed');
}

/**
 * Records of all queues, by arrival. Within a queue the order stays as it is written, since times
 * there never go back.
 */
export function byArrival(one: SpoolEntry, other: SpoolEntry): number {
  const difference = rankOf(one) - rankOf(other);
  // Two that had failed are both at the end.
  return Number.isNaN(difference) ? 0 : difference;
}

function rankOf(entry: SpoolEntry): number {
  return entry.file.kind === 'failed' ? Infinity : entry.arrivedAtMs;
}
