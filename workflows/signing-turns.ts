/** Whose turn it is, and what became of it. Beside the progress, since times need a clock. Pure. */
import { documentStatus, signerViews } from './progress.js';
import type { SignerView, SigningProgress } from './progress.js';
import type { DocumentStatus, SignerStatus } from './statuses.js';

/** A signer's turn. */
export interface SignerTurn {
  /** Since when, ms since the epoch; never before this workflow began. */
  readonly sinceMs: number;
  /** Over: signed, rejected, or taken back. A turn that comes again begins anew. */
  readonly isOver?: true;
  /** When it was over. */
  readonly overMs?: number;
  /** When it came again, by no invitation since it was over. */
  readonly againMs?: number;
  /** How old the turn was when a reminder was last dealt with, sent or not. */
  readonly doneMs?: number;
  readonly sent: number;
  readonly lastSentMs?: number;
  /** Why the latest reminder was not sent. */
  readonly refusal?: string;
}

export type SigningTurns = Readonly<Record<string, SignerTurn>>;

/** Those who were invited and have not done everything: the provider can remind them. */
const INVITED: ReadonlySet<SignerStatus> = new Set([
  'sent',
  'emailOpened',
  'visited',
  'fieldsCompleted',
  'fieldsCompletedExceptSignature',
]);

const DONE: ReadonlySet<SignerStatus> = new Set(['signed', 'downloaded', 'rejected']);

/** Whether a document with this status waits for its signers. */
export function isBeingSigned(status: DocumentStatus): boolean {
  return status === 'created' || status === 'fieldsCompleted';
}

/** Whether a signer with this status can be reminded. */
export function isInvited(status: SignerStatus): boolean {
  return INVITED.has(status);
}

/**
 * Of those who are not done, the ones with the lowest order; of these the invited ones. Where the
 * provider names no order they sign side by side.
 */
export function signersInTurn(progress: SigningProgress): readonly string[] {
  if (!isBeingSigned(documentStatus(progress))) return [];
  const open = signerViews(progress).filter((signer) => !DONE.has(signer.status));
  const lowest = Math.min(...open.map(orderOf));
  return open
    .filter((signer) => orderOf(signer) === lowest && INVITED.has(signer.status))
    .map(({ id }) => id);
}

function orderOf({ order }: SignerView): number {
  return order ?? 0;
}

/** The turns after some news. */
export function turnsAfter(
  before: SigningTurns,
  progress: SigningProgress,
  { nowMs, trackedSinceMs }: { readonly nowMs: number; readonly trackedSinceMs: number },
): SigningTurns {
  const inTurn = signersInTurn(progress);
  const begun = inTurn.filter((id) => !isRunning(before[id]));
  const over = Object.keys(before).filter((id) => isRunning(before[id]) && !inTurn.includes(id));
  if (begun.length === 0 && over.length === 0) return before;
  const turns = { ...before };
  for (const id of over) turns[id] = { ...(before[id] ?? NEVER), isOver: true, overMs: nowMs };
  for (const id of begun) {
    const sinceMs = Math.max(Math.min(invitedMs(progress, id) ?? nowMs, nowMs), trackedSinceMs);
    const { sinceMs: earlierMs = -Infinity, overMs = earlierMs } = before[id] ?? {};
    const isOld = sinceMs <= overMs && sinceMs < nowMs;
    turns[id] = { sinceMs, sent: 0, ...(isOld ? { againMs: nowMs } : {}) };
  }
  return turns;
}

/** Turns that came again count from then, not from the invitation of the turn before. */
export function countedAnew(turns: SigningTurns): SigningTurns {
  if (Object.values(turns).every(({ againMs }) => againMs === undefined)) return turns;
  return Object.fromEntries(
    Object.entries(turns).map(([id, { againMs, ...turn }]) => [
      id,
      againMs === undefined ? turn : { ...turn, sinceMs: againMs },
    ]),
  );
}

const NEVER: SignerTurn = { sinceMs: 0, sent: 0 };

function isRunning(turn: SignerTurn | undefined): boolean {
  return turn !== undefined && !turn.isOver;
}

/** By the latest callback that told of an invitation. A picture does not say when. */
function invitedMs(progress: SigningProgress, id: string): number | undefined {
  const invitation = progress.signers[id]?.changes.findLast(({ status }) => status === 'sent');
  const timeMs = Date.parse(invitation?.at ?? '');
  return Number.isNaN(timeMs) ? undefined : timeMs;
}
