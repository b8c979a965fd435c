/** What a document's chasing may be told to be, checked and parsed. Pure. */
import type { ChasingTerms } from './contract.js';
import { parseDuration } from './duration.js';

/** The part of the terms that holds durations, in ms. Left out: as configured; null: never. */
export interface ParsedChasing {
  readonly remindersMs?: readonly number[];
  readonly stalledMs?: number | null;
}

const TERMS = ['deadline', 'reminders', 'stalledAfter'] as const;

/** With a zone: without one it would mean another time on another machine. */
const ZONED_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

/** More would be a nuisance to signers, and fill a history. */
const REMINDERS_MAX = 20;

/** Every problem of terms that come from outside, each in a sentence; none where they are right. */
export function chasingProblems(terms: ChasingTerms): readonly string[] {
  return [
    ...deadlineProblems(terms.deadline),
    ...reminderProblems(terms.reminders),
    ...stalledProblems(terms.stalledAfter),
  ];
}

/** The same for a change of a running document's terms, which must change something. */
export function changedTermsProblems(terms: unknown, nowMs: number): readonly string[] {
  if (typeof terms !== 'object' || terms === null || Array.isArray(terms)) {
    return ['changeTerms takes { "deadline", "reminders", "stalledAfter" }, one of them at least'];
  }
  const names = Object.keys(terms);
  const strange = names.filter((name) => !TERMS.some((term) => term === name));
  if (strange.length > 0)
    return [`there is no term ${strange.join(', ')}: ${TERMS.join(', ')} are`];
  if (names.length === 0) return [`nothing to change: name one of ${TERMS.join(', ')}`];
  const asked: ChasingTerms = terms;
  const problems = chasingProblems(asked);
  const { deadline } = asked;
  const isPast = typeof deadline === 'string' && Date.parse(deadline) <= nowMs;
  return isPast ? [...problems, `the deadline is over already: ${deadline}`] : problems;
}

/** What of the terms can be understood; a signal sent by hand may carry anything. */
export function parsedChasing(terms: ChasingTerms): ParsedChasing {
  const { reminders, stalledAfter } = terms;
  return {
    ...(reminders !== undefined && reminderProblems(reminders).length === 0
      ? { remindersMs: parsedReminders(reminders) }
      : {}),
    ...(stalledAfter !== undefined && stalledProblems(stalledAfter).length === 0
      ? { stalledMs: stalledAfter === null ? null : (parseDuration(stalledAfter) ?? null) }
      : {}),
  };
}

function parsedReminders(reminders: readonly string[]): number[] {
  const durationsMs = reminders.flatMap((text) => parseDuration(text) ?? []);
  return [...new Set(durationsMs)].sort((a, b) => a - b);
}

function deadlineProblems(deadline: unknown): string[] {
  if (deadline === undefined || deadline === null) return [];
  if (typeof deadline === 'string' && isZonedTime(deadline)) return [];
  return [`the deadline is no time such as 2030-01-31T12:00:00Z: ${shown(deadline)}`];
}

/** In UTC too: Temporal's search knows no year 10000, which 9999 is in some zones. */
function isZonedTime(text: string): boolean {
  if (!ZONED_TIME.test(text) || Number.isNaN(Date.parse(text))) return false;
  return ZONED_TIME.test(new Date(text).toISOString());
}

function reminderProblems(reminders: unknown): string[] {
  if (reminders === undefined) return [];
  if (!Array.isArray(reminders)) {
    return [`the reminders are no list of durations such as ["3d", "7d"]: ${shown(reminders)}`];
  }
  if (reminders.length > REMINDERS_MAX) return [`more than ${REMINDERS_MAX} reminders`];
  const strange = reminders.filter((reminder: unknown) => !isDuration(reminder));
  return strange.map((each) => `a reminder's time is no duration such as 3d: ${shown(each)}`);
}

function stalledProblems(stalledAfter: unknown): string[] {
  if (stalledAfter === undefined || stalledAfter === null || isDuration(stalledAfter)) return [];
  return [`stalledAfter is no duration such as 14d: ${shown(stalledAfter)}`];
}

function isDuration(text: unknown): boolean {
  return typeof text === 'string' && parseDuration(text) !== undefined;
}

function shown(value: unknown): string {
  return JSON.stringify(value).slice(0, 100);
}
