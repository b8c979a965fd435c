/** What a document's workflow does next: decided here, carried out in document-signing.ts. */
import { isChased, nextChase, stalledAfterMs } from './chasing.js';
import type { OutcomeKind, SignerEvent, SigningOutcome } from './contract.js';
import type { AskedQuestion, DocumentState } from './document-state.js';
import { formatDuration } from './duration.js';
import { contradictionOf, outcomeOf } from './progress.js';
import { dueSignerEvent } from './signer-events.js';

export type Step =
  | { readonly kind: 'ask'; readonly reason: string }
  | { readonly kind: 'conclude'; readonly outcome: OutcomeKind }
  | { readonly kind: 'contradict'; readonly reason: string }
  | { readonly kind: 'remind'; readonly signerIds: readonly string[] }
  | { readonly kind: 'announce'; readonly event: 'document.stalled'; readonly sinceMs: number }
  | { readonly kind: 'announce'; readonly event: SignerEvent; readonly signerId: string }
  /** Nothing more can be done before people have looked. */
  | { readonly kind: 'fail'; readonly reason: string }
  | { readonly kind: 'finish' }
  | {
      readonly kind: 'wait';
      readonly untilMs: number | undefined;
      /** A timer that runs already and ends earlier is good enough: a new one would cost. */
      readonly mayEndEarlier?: true;
    };

const MINUTE_MS = 60_000;

/**
 * Everybody has signed: the final PDF follows within seconds as a rule, and its callback within the
 * provider's six minutes. Two minutes leave time for the first without waiting for the second.
 */
const FINAL_PDF_GRACE_MS = 2 * MINUTE_MS;

/** Asking again begins at the provider's own rhythm of callbacks and doubles up to half a day. */
const ASK_AGAIN_MS = 6 * MINUTE_MS;
const ASK_AGAIN_MAX_MS = 12 * 60 * MINUTE_MS;

/** After which a question is first asked. */
const FIRST_ASK_MS: Readonly<Record<AskedQuestion['kind'], number>> = {
  signedWithoutFinalPdf: FINAL_PDF_GRACE_MS,
  signerRejected: 0,
  unknownToProvider: ASK_AGAIN_MS,
};

/** The task whose failure holds up everything but the announcements. */
export const CONCLUDE_TASK = 'conclude';

/** How many announcements may be owed before further ones wait, where not as many as usual. */
export interface OwedBounds {
  /** Of `dueSignerEvent`. */
  readonly owedMax?: number;
  /** Of `nextChase`. */
  readonly stallsOwedMax?: number;
}

/** The next step. Announcements go out beside it. */
export function nextStep(state: DocumentState, nowMs: number, bounds: OwedBounds = {}): Step {
  if (state.outcome) return stepAfterOutcome(state, state.outcome, { nowMs, ...bounds });
  if (state.stop) return { kind: 'conclude', outcome: 'stopped' };
  if (state.attention[CONCLUDE_TASK]) return { kind: 'wait', untilMs: undefined };
  return stepTowardsOutcome(state, { nowMs, ...bounds });
}

interface Terms extends OwedBounds {
  readonly nowMs: number;
}

function stepAfterOutcome(
  state: DocumentState,
  outcome: SigningOutcome,
  { nowMs, owedMax }: Terms,
): Step {
  const reason = contradictionOf(state.progress, outcome.kind);
  if (outcome.alreadyArchived) return { kind: 'finish' };
  const told = outcome.kind === 'stopped' ? undefined : dueSignerEvent(state, owedMax);
  if (told) return { kind: 'announce', ...told };
  if (reason !== undefined && !state.announced.includes('document.contradicted')) {
    return { kind: 'contradict', reason };
  }
  const { lingerUntilMs = 0 } = state;
  if (lingerUntilMs > nowMs) return { kind: 'wait', untilMs: lingerUntilMs };
  return state.owed.length > 0 ? { kind: 'wait', untilMs: undefined } : { kind: 'finish' };
}

function stepTowardsOutcome(state: DocumentState, terms: Terms): Step {
  const { nowMs, owedMax } = terms;
  const { receipt } = state.lookUp ?? {};
  if (receipt) return { kind: 'conclude', outcome: receipt.outcome ?? 'completed' };
  const outcome = outcomeOf(state.progress);
  if (outcome !== undefined) return { kind: 'conclude', outcome };
  if (state.mustAsk) return { kind: 'ask', reason: 'what is the state of this document?' };
  if (isGone(state)) return { kind: 'conclude', outcome: 'removed' };
  const told = dueSignerEvent(state, owedMax);
  // Until a worker has answered nobody knows which channels there are.
  if (told && !state.lookUp) return { kind: 'ask', reason: 'is it so, and who is to be told?' };
  if (told) return { kind: 'announce', ...told };

  if (isLost(state)) return { kind: 'fail', reason: LOST };
  const askMs = state.question ? askDueMs(state.question) : Infinity;
  if (askMs <= nowMs) return { kind: 'ask', reason: questionText(state) };
  const deadlineMs = deadlineOf(state);
  if (deadlineMs <= nowMs) return { kind: 'conclude', outcome: 'expired' };
  return stepOfChase(state, Math.min(askMs, deadlineMs), terms);
}

function stepOfChase(state: DocumentState, otherMs: number, { nowMs, stallsOwedMax }: Terms): Step {
  const chase = nextChase(state, nowMs, stallsOwedMax);
  switch (chase.kind) {
    case 'remind':
      return chase;
    case 'checkStall':
      return { kind: 'ask', reason: stallQuestion(state) };
    case 'stalled':
      return { kind: 'announce', event: 'document.stalled', sinceMs: chase.sinceMs };
    case 'later': {
      const untilMs = Math.min(otherMs, chase.dueMs);
      return {
        kind: 'wait',
        untilMs: Number.isFinite(untilMs) ? untilMs : undefined,
        ...(isChased(state) ? { mayEndEarlier: true } : {}),
      };
    }
  }
}

function stallQuestion(state: DocumentState): string {
  return `nothing moved for ${formatDuration(stalledAfterMs(state))}: is that so?`;
}

/** Everybody has signed: it is the provider's turn, and no deadline throws the contract away. */
function deadlineOf({ deadline, question }: DocumentState): number {
  if (!deadline || question?.kind === 'signedWithoutFinalPdf') return Infinity;
  return Date.parse(deadline);
}

/**
 * The provider does not know it (any more), and still did not some time later: once may be a lag,
 * or a fault on the way. A document of which only callbacks spoke may be one our key cannot see:
 * that proves nothing.
 */
export function isGone(state: DocumentState): boolean {
  const { question, isVouchedFor } = state;
  switch (question?.kind) {
    case 'unknownToProvider':
      return isVouchedFor && (question.lastAskedMs ?? 0) - question.sinceMs >= ASK_AGAIN_MS;
    case 'signerRejected':
      return isVouchedFor && isAbsentForLong(state);
    case 'signedWithoutFinalPdf':
    case undefined:
      return false;
  }
}

const LOST =
  'everybody signed, but the provider does not know the document any more: look for it there, ' +
  'then send `retry`, or `stop` to give it up';

/** The same once everybody has signed: no signed contract is thrown away without people's word. */
function isLost(state: DocumentState): boolean {
  const isSigned = state.question?.kind === 'signedWithoutFinalPdf';
  return isSigned && state.isVouchedFor && isAbsentForLong(state);
}

function isAbsentForLong({ absentSinceMs, answeredMs = 0 }: DocumentState): boolean {
  return absentSinceMs !== undefined && answeredMs - absentSinceMs >= ASK_AGAIN_MS;
}

function askDueMs(question: AskedQuestion): number {
  if (question.lastAskedMs === undefined) return question.sinceMs + FIRST_ASK_MS[question.kind];
  const pauseMs = ASK_AGAIN_MS * 2 ** (question.asked - 1);
  return question.lastAskedMs + Math.min(pauseMs, ASK_AGAIN_MAX_MS);
}

function questionText(state: DocumentState): string {
  switch (state.question?.kind) {
    case 'signedWithoutFinalPdf':
      return 'everybody signed: is there a final PDF?';
    case 'signerRejected':
      return 'a signer rejected: what became of the document?';
    case 'unknownToProvider':
      return 'is it still unknown?';
    case undefined:
      return '';
  }
}
