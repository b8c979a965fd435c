/**
 * What is done about a document that nobody moves: reminders, and the word that it stalled. Pure.
 * No clock here starts before this workflow began, so that a document adopted late is not chased
 * for what happened before.
 */
import type { RemindSignersResult } from './contract.js';
import type { DocumentState } from './document-state.js';
import type { SignerTurn } from './signing-turns.js';
import { signersInTurn } from './signing-turns.js';

/** What is to be done now. */
export type ChaseStep =
  | { readonly kind: 'remind'; readonly signerIds: readonly string[] }
  /** Before it is said that nothing moved: a callback may have been missed. */
  | { readonly kind: 'checkStall' }
  | { readonly kind: 'stalled'; readonly sinceMs: number };

/** The next thing to do, or when that will be; Infinity: never. */
export type Chase = ChaseStep | { readonly kind: 'later'; readonly dueMs: number };

/** The last time there is (ECMA-262, 21.4.1.1). A reminder that would be due later is never. */
const LAST_TIME_MS = 8.64e15;

/** Nothing asks more often than this, whatever another machine's clock says. */
const PAUSE_MIN_MS = 60_000;

/** The reminders in force, in ms after a turn began. */
export function remindersMs({ chasing, lookUp, followUp }: DocumentState): readonly number[] {
  const configured = (lookUp?.policy.followUp ?? followUp)?.remindersMs ?? [];
  return chasing?.remindersMs ?? configured;
}

/** After how long without movement the document stalls; Infinity: never. */
export function stalledAfterMs({ chasing, lookUp, followUp }: DocumentState): number {
  const asked = chasing?.stalledMs;
  if (asked !== undefined) return asked ?? Infinity;
  return (lookUp?.policy.followUp ?? followUp)?.stalledMs ?? Infinity;
}

/** Whether anything of this document is chased. */
export function isChased(state: DocumentState): boolean {
  return remindersMs(state).length > 0 || stalledAfterMs(state) < Infinity;
}

/**
 * Announcements of a standstill owed at a time, to all channels together: one of 300 signers, who
 * may all be waited for, has 45 kB. While channels take none, the next standstill waits for them.
 */
export const STALLS_OWED_MAX = 5;

/** How many announcements of a standstill are owed. */
export function stallsOwed({ owed }: DocumentState): number {
  return owed.filter(({ announcement }) => announcement.event === 'document.stalled').length;
}

/**
 * What chasing asks for.
 * @param stallsOwedMax no standstill is due while so many are owed
 */
export function nextChase(
  state: DocumentState,
  nowMs: number,
  stallsOwedMax: number = STALLS_OWED_MAX,
): Chase {
  const remindMs = nextReminderMs(state);
  if (remindMs <= nowMs) return { kind: 'remind', signerIds: dueSigners(state, nowMs) };
  const stallMs = stallsOwed(state) < stallsOwedMax ? stallDueMs(state) : Infinity;
  if (stallMs > nowMs) return { kind: 'later', dueMs: Math.min(remindMs, stallMs) };
  if ((state.answeredMs ?? -Infinity) < stallMs) return { kind: 'checkStall' };
  return { kind: 'stalled', sinceMs: movedMs(state) };
}

/** When the next reminder of anybody is due; Infinity: none. */
export function nextReminderMs(state: DocumentState): number {
  const dueMs = Math.min(...turnsInProgress(state).map(([, turn]) => dueMsOf(state, turn)));
  return Math.max(dueMs, state.quietUntilMs ?? -Infinity);
}

/** The turns in which somebody may be reminded. An open question is the provider's to answer. */
function turnsInProgress(state: DocumentState): (readonly [string, SignerTurn])[] {
  if (state.question) return [];
  return signersInTurn(state.progress).flatMap((id) => {
    const turn = state.turns?.[id];
    return turn ? [[id, turn] as const] : [];
  });
}

function dueMsOf(state: DocumentState, { sinceMs, doneMs = -1 }: SignerTurn): number {
  const afterMs = remindersMs(state).find((each) => each > doneMs) ?? Infinity;
  const dueMs = sinceMs + afterMs;
  return dueMs > LAST_TIME_MS ? Infinity : dueMs;
}

function dueSigners(state: DocumentState, nowMs: number): string[] {
  return turnsInProgress(state)
    .filter(([, turn]) => dueMsOf(state, turn) <= nowMs)
    .map(([id]) => id);
}

/** When a status last changed, as far as this workflow heard. */
export function movedMs({ movedMs: heardMs, trackedSinceMs = 0 }: DocumentState): number {
  return heardMs ?? trackedSinceMs;
}

/** A stall's occasion: since when. */
export function stallOccasion(sinceMs: number): string {
  return new Date(sinceMs).toISOString();
}

function stallDueMs(state: DocumentState): number {
  // Of a document that the provider does not know, that question is the one to settle.
  if (isStalled(state) || state.question?.kind === 'unknownToProvider') return Infinity;
  return movedMs(state) + stalledAfterMs(state);
}

/** It was announced, and nothing has moved since. */
export function isStalled(state: DocumentState): boolean {
  return state.announced.includes(`document.stalled/${stallOccasion(movedMs(state))}`);
}

/** The signers that a late document waits for: one who was reminded, or a document that stalled. */
export function lateSigners(state: DocumentState): readonly string[] {
  if (state.outcome) return [];
  const inTurn = signersInTurn(state.progress);
  const isLate = inTurn.some((id) => state.turns?.[id]?.doneMs !== undefined) || isStalled(state);
  return isLate ? inTurn : [];
}

/** Reminders went out, or did not; several steps that were due at once are one reminder. */
export function withReminders(
  state: DocumentState,
  { results, notBefore }: RemindSignersResult,
  nowMs: number,
): DocumentState {
  const turns = { ...state.turns };
  for (const { signerId, kind, reason } of results) {
    const turn = turns[signerId];
    if (!turn) continue;
    const { refusal: _earlier, ...rest } = turn;
    turns[signerId] = {
      ...rest,
      doneMs: nowMs - turn.sinceMs,
      ...(kind === 'sent' ? { sent: turn.sent + 1, lastSentMs: nowMs } : {}),
      ...(kind === 'refused' ? { refusal: reason ?? '' } : {}),
    };
  }
  const { quietUntilMs: _past, ...others } = state;
  const revision = state.revision + 1;
  if (notBefore === undefined) return { ...others, revision, turns };
  const laterMs = Math.max(Date.parse(notBefore), nowMs + PAUSE_MIN_MS);
  return { ...others, revision, turns, quietUntilMs: laterMs };
}
