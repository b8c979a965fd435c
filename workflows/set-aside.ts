/** Which entries of a callback are left, and how what is set aside is told. Pure. */
import type {
  CallbackDeliveryInput,
  DeliverChangesResult,
  NamedNews,
  SetAsideGroup,
  UndeliveredEntry,
} from './contract.js';

/** An entry still to be delivered, by its position in the input. */
export interface LeftEntry {
  readonly index: number;
  readonly reason: string;
  /** Trying again is of no use. */
  readonly isFinal?: boolean;
}

export interface Left {
  readonly changes: readonly LeftEntry[];
  readonly hints: readonly LeftEntry[];
}

/** Of entries, in the input. */
interface Positions {
  readonly changes: readonly Pick<LeftEntry, 'index'>[];
  readonly hints: readonly Pick<LeftEntry, 'index'>[];
}

/** Shown per reason; a result must stay far below a payload's 2 MB whatever the callback's size. */
const EXAMPLES_SHOWN = 20;
const REASONS_SHOWN = 20;

/** Everything that the callback carries. */
export function allOf({ changes, hints = [] }: CallbackDeliveryInput): Left {
  const entry = (_: unknown, index: number): LeftEntry => ({ index, reason: 'not tried yet' });
  return { changes: changes.map(entry), hints: hints.map(entry) };
}

/** What is left and worth another try. */
export function pendingOf({ changes, hints }: Left): Left {
  const isPending = ({ isFinal }: LeftEntry): boolean => isFinal !== true;
  return { changes: changes.filter(isPending), hints: hints.filter(isPending) };
}

/** How many entries there are. */
export function countOf({ changes, hints }: Left): number {
  return changes.length + hints.length;
}

/** What a delivery of what was pending left, and what was given up before. */
export function leftAfter(before: Left, result: DeliverChangesResult): Left {
  const given = pendingOf(before);
  const isGivenUp = ({ isFinal }: LeftEntry): boolean => isFinal === true;
  return {
    changes: [
      ...before.changes.filter(isGivenUp),
      ...pick(given.changes, result.undeliveredChanges, result),
    ],
    hints: [
      ...before.hints.filter(isGivenUp),
      ...pick(given.hints, result.undeliveredHints, result),
    ],
  };
}

/** The named news that is among what is given, by its positions there. */
export function namedAmong(named: readonly NamedNews[], given: Positions): NamedNews[] {
  const changes = positionsOf(given.changes);
  const hints = positionsOf(given.hints);
  return named
    .map((news) => ({
      ...news,
      changes: news.changes.flatMap((index) => changes.get(index) ?? []),
      hints: news.hints.flatMap((index) => hints.get(index) ?? []),
    }))
    .filter((news) => news.changes.length + news.hints.length > 0);
}

function positionsOf(entries: Positions['changes']): ReadonlyMap<number, number> {
  return new Map(entries.map(({ index }, position) => [index, position]));
}

function pick(
  given: readonly LeftEntry[],
  undelivered: readonly UndeliveredEntry[],
  { reasons = [] }: DeliverChangesResult,
): LeftEntry[] {
  return undelivered.flatMap((left) => {
    const entry = given[left.index];
    const { reason } = left;
    const text = typeof reason === 'string' ? reason : (reasons[reason] ?? 'no reason was told');
    return entry ? [{ ...left, reason: text, index: entry.index }] : [];
  });
}

/** What ops read: entries that could not be read, then those that could not be delivered. */
export function setAsideGroups(input: CallbackDeliveryInput, left: Left): SetAsideGroup[] {
  const unreadable: ShownEntry[] = input.setAside.map(({ reason, entry }) => ({
    reason,
    shown: entry,
  }));
  const changes: ShownEntry[] = left.changes.map(({ index, reason }) => ({
    reason: input.held ?? reason,
    shown: JSON.stringify(input.changes[index]),
    index,
  }));
  const hints: ShownEntry[] = left.hints.map(({ index, reason }) => ({
    reason,
    shown: `document ${input.hints?.[index] ?? ''}`,
  }));
  return [...grouped([...unreadable, ...changes, ...hints])].map(([reason, entries]) => {
    const indexes = entries.flatMap(({ index }) => index ?? []);
    return {
      reason,
      count: entries.length,
      examples: entries.slice(0, EXAMPLES_SHOWN).map(({ shown }) => shown),
      ...(indexes.length > 0 ? { indexes } : {}),
    };
  });
}

interface ShownEntry {
  readonly reason: string;
  readonly shown: string;
  readonly index?: number;
}

function grouped(entries: readonly ShownEntry[]): Map<string, ShownEntry[]> {
  const groups = new Map<string, ShownEntry[]>();
  for (const entry of entries) {
    const reason =
      groups.has(entry.reason) || groups.size < REASONS_SHOWN ? entry.reason : 'other reasons';
    const group = groups.get(reason);
    if (group) group.push(entry);
    else groups.set(reason, [entry]);
  }
  return groups;
}
