/** How a delivery's result tells what was not delivered, within a payload's 2 MB. Pure. */
import { REASON_MAX_LENGTH, type DeliverChangesResult } from '../workflows/contract.js';
import type { Undelivered } from './parcels.js';

/** What is told apart: more reasons than these are of no use to anybody. */
const REASONS_MAX = 100;

const OTHER = 'other reasons';

type Told = Pick<DeliverChangesResult, 'reasons' | 'undeliveredChanges' | 'undeliveredHints'>;

/**
 * Every entry with its reason's position in a list of reasons: thousands of entries that say the
 * same sentence each would make a result that Temporal refuses, attempt after attempt.
 */
export function tellUndelivered(
  changes: readonly Undelivered[],
  hints: readonly Undelivered[],
): Told {
  const positions = new Map<string, number>();
  const positionOf = (text: string): number => {
    const cut = text.slice(0, REASON_MAX_LENGTH);
    const reason = positions.has(cut) || positions.size < REASONS_MAX - 1 ? cut : OTHER;
    const position = positions.get(reason) ?? positions.size;
    positions.set(reason, position);
    return position;
  };
  const told = (entries: readonly Undelivered[]): Told['undeliveredHints'] =>
    entries.map((entry) => ({ ...entry, reason: positionOf(entry.reason) }));
  const [undeliveredChanges, undeliveredHints] = [told(changes), told(hints)];
  return { reasons: [...positions.keys()], undeliveredChanges, undeliveredHints };
}
