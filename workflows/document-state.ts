/** What a document's workflow remembers, and how facts change it. Pure, and carried over whole. */
import { parsedChasing } from './chasing-terms.js';
import type { ParsedChasing } from './chasing-terms.js';
import { occasionOf, REASON_MAX_LENGTH } from './contract.js';
import type {
  ChannelName,
  ChasingTerms,
  DocumentAnnouncement,
  DocumentSigningInput,
  FollowUpPolicy,
  LookUpDocumentResult,
  OutcomePolicy,
  ReconciliationMark,
  SigningOutcome,
  StatusReport,
  TrackingTerms,
} from './contract.js';
import {
  applyReport,
  INITIAL_PROGRESS,
  missedChanges,
  openQuestion,
  outcomeOf,
} from './progress.js';
import type { OpenQuestion, SigningProgress } from './progress.js';
import { turnsAfter } from './signing-turns.js';
import type { SigningTurns } from './signing-turns.js';
import { progressDigest } from './status-digest.js';

/** An announcement that one channel has not taken yet. */
export interface OwedAnnouncement {
  readonly channel: ChannelName;
  readonly announcement: DocumentAnnouncement;
}

export interface DocumentState {
  readonly documentId: string;
  readonly group?: string;
  readonly tag?: string;
  /** `null`: none, whatever is configured. */
  readonly deadline?: string | null;
  /** The starter's own terms; what they leave out is as configured. */
  readonly chasing?: ParsedChasing;
  /** The starter's configuration. */
  readonly followUp?: FollowUpPolicy;
  /** When this workflow began, ms since the epoch. Earlier versions did not keep it. */
  readonly trackedSinceMs?: number;
  /** When news last changed a status. */
  readonly movedMs?: number;
  readonly turns?: SigningTurns;
  /** No reminder before this time. */
  readonly quietUntilMs?: number;
  readonly progress: SigningProgress;
  readonly revision: number;
  /** A notice, an operator or the lack of any knowledge says: ask the provider now. */
  readonly mustAsk: boolean;
  /** Somebody has seen the document at the provider: its starter its signers, or we ourselves. */
  readonly isVouchedFor: boolean;
  /** When that was last said, ms since the epoch. */
  readonly vouchedMs?: number;
  readonly question?: AskedQuestion;
  /** Since when that is answered with "unknown"; where something else was asked. */
  readonly absentSinceMs?: number;
  /** The provider's and the archive's last answer. */
  readonly lookUp?: LookUpDocumentResult;
  /** When that answer came. */
  readonly answeredMs?: number;
  /** The worker's settings, asked for where there is no such answer. */
  readonly policy?: OutcomePolicy;
  /** The same, of an answer that was taken back. */
  readonly earlierPolicy?: OutcomePolicy;
  /** Operations give the document up. */
  readonly stop?: { readonly reason: string };
  readonly outcome?: SigningOutcome;
  readonly lingerUntilMs?: number;
  readonly owed: readonly OwedAnnouncement[];
  /** Events, with their occasions, announced or owed: none is announced twice. */
  readonly announced: readonly string[];
  /** The last repair. */
  readonly repaired?: ReconciliationMark;
  /** Why the workflow waits for `retry`, by the task that failed. */
  readonly attention: Readonly<Record<string, Attention>>;
}

export interface AskedQuestion {
  readonly kind: OpenQuestion | 'unknownToProvider';
  readonly sinceMs: number;
  /** How often the provider was asked and the question stayed open. */
  readonly asked: number;
  readonly lastAskedMs?: number;
}

export interface Attention {
  readonly failureType: string;
  readonly message: string;
}

/**
 * The state in which a document's workflow begins, or goes on after continue-as-new.
 * @param nowMs since the epoch
 */
export function initialState(input: DocumentSigningInput, nowMs = 0): DocumentState {
  const { carried, followUp, news } = input;
  if (carried !== undefined) return { trackedSinceMs: nowMs, ...(carried as DocumentState) };
  const state: DocumentState = {
    documentId: input.documentId,
    trackedSinceMs: nowMs,
    ...(followUp === undefined ? {} : { followUp }),
    progress: INITIAL_PROGRESS,
    revision: 0,
    mustAsk: input.signers === undefined && news?.snapshot === undefined,
    isVouchedFor: false,
    owed: [],
    announced: [],
    attention: {},
  };
  const asked = withTerms(state, input, nowMs);
  return withDefaultDeadline(news ? withReport(asked, news, nowMs) : asked, followUp, nowMs);
}

/** What a starter asked for is added; what it leaves out stays. */
export function withTerms(state: DocumentState, terms: TrackingTerms, nowMs = 0): DocumentState {
  const { group = state.group, tag = state.tag } = terms;
  const known: DocumentState = {
    ...withChasing(terms.signers === undefined ? state : withVoucher(state, nowMs), terms),
    ...(group === undefined ? {} : { group }),
    ...(tag === undefined ? {} : { tag }),
  };
  if (terms.signers === undefined) return known;
  const { documentId } = state;
  const { signers } = terms;
  const snapshot = {
    documentId,
    status: 'created',
    finalPdf: false,
    modified: '',
    signers,
  } as const;
  return withProgress(known, applyReport(state.progress, report(snapshot)), nowMs);
}

/** Other terms of chasing; what cannot be understood changes nothing. */
export function withChasing(state: DocumentState, terms: ChasingTerms): DocumentState {
  const { deadline } = terms;
  const isSaid = deadline === null || isTime(deadline);
  const parsed = { ...state.chasing, ...parsedChasing(terms) };
  return {
    ...state,
    revision: state.revision + 1,
    ...(isSaid ? { deadline } : {}),
    ...(Object.keys(parsed).length === 0 ? {} : { chasing: parsed }),
  };
}

/** A configured deadline counts from when it is heard of, and only where nobody set another. */
function withDefaultDeadline(
  state: DocumentState,
  followUp: FollowUpPolicy | undefined,
  nowMs: number,
): DocumentState {
  const { deadlineMs } = followUp ?? {};
  if (deadlineMs === undefined || state.deadline !== undefined) return state;
  if (outcomeOf(state.progress) !== undefined) return state;
  return { ...state, deadline: new Date(nowMs + deadlineMs).toISOString() };
}

/** Progress, and what follows from it together with the clock. */
function withProgress(
  state: DocumentState,
  progress: SigningProgress,
  nowMs: number,
): DocumentState {
  const { documentId, trackedSinceMs = 0, turns = {} } = state;
  const hasMoved =
    progressDigest(documentId, progress) !== progressDigest(documentId, state.progress);
  return {
    ...state,
    progress,
    turns: turnsAfter(turns, progress, { nowMs, trackedSinceMs }),
    ...(hasMoved ? { movedMs: nowMs } : {}),
  };
}

function report(snapshot: NonNullable<StatusReport['snapshot']>): StatusReport {
  return { source: 'provider', changes: [], snapshot };
}

/** One that Temporal's search knows: another, sent by hand, would block the document for ever. */
function isTime(text: unknown): text is string {
  if (typeof text !== 'string' || Number.isNaN(Date.parse(text))) return false;
  return /^\d{4}-/.test(new Date(text).toISOString());
}

/** Somebody has seen the document at the provider. */
function withVoucher(state: DocumentState, nowMs: number): DocumentState {
  const { absentSinceMs: _past, ...rest } = withoutAbsence(state);
  return { ...rest, isVouchedFor: true, vouchedMs: nowMs };
}

/** The provider's "unknown" was a lag, or is out of date. */
export function withoutAbsence(state: DocumentState): DocumentState {
  const { lookUp, question, ...others } = state;
  if (!lookUp || lookUp.snapshot) return state;
  const rest = { ...others, earlierPolicy: lookUp.policy };
  return question?.kind === 'unknownToProvider' || !question ? rest : { ...rest, question };
}

/** News arrived. */
export function withReport(
  before: DocumentState,
  news: StatusReport,
  nowMs: number,
): DocumentState {
  const { snapshot } = news;
  const isSeen = snapshot !== undefined && news.source !== 'realtime';
  const state = isSeen ? withVoucher(before, nowMs) : before;
  const group = state.group ?? snapshot?.group;
  const tag = state.tag ?? snapshot?.tag;
  return withQuestion(
    {
      ...withProgress(state, applyReport(state.progress, news), nowMs),
      revision: state.revision + 1,
      ...(group === undefined ? {} : { group }),
      ...(tag === undefined ? {} : { tag }),
      ...withRepair(state, news),
    },
    nowMs,
  );
}

/**
 * Two pages that share a row may tell the same at once: the first one's mark stands, so that only
 * one of them counts it.
 */
function withRepair(
  { documentId, progress, repaired }: DocumentState,
  { reconciliation: mark, snapshot }: StatusReport,
): Pick<DocumentState, 'repaired'> {
  if (!mark || !snapshot) return {};
  if (mark.isAdoption) return { repaired: repaired ?? mark };
  const missed = missedChanges(documentId, progress, snapshot);
  return missed.length > 0 ? { repaired: { ...mark, missed } } : {};
}

/** The provider was asked and answered; `gone` leaves the progress as it is. */
export function withLookUp(
  state: DocumentState,
  lookUp: LookUpDocumentResult,
  nowMs: number,
): DocumentState {
  const { question } = state;
  const answered: DocumentState = {
    ...state,
    lookUp,
    answeredMs: nowMs,
    ...(question
      ? { question: { ...question, asked: question.asked + 1, lastAskedMs: nowMs } }
      : {}),
  };
  const told = lookUp.snapshot
    ? withReport(answered, report(lookUp.snapshot), nowMs)
    : withQuestion(answered, nowMs);
  return withDefaultDeadline(told, lookUp.policy.followUp, nowMs);
}

/** An open question was answered with "unknown": since when. */
export function withAbsence(state: DocumentState, nowMs: number): DocumentState {
  const { lookUp, question, absentSinceMs } = state;
  const isAnswered = lookUp !== undefined && !lookUp.snapshot;
  const isOther = question !== undefined && question.kind !== 'unknownToProvider';
  if (!isAnswered || !isOther || absentSinceMs !== undefined) return state;
  return { ...state, absentSinceMs: nowMs };
}

/** Somebody saw the document after the question that is answered with "unknown". */
export function isOvertaken(
  { vouchedMs = -Infinity }: DocumentState,
  { snapshot, receipt }: LookUpDocumentResult,
  askedMs: number,
): boolean {
  return !snapshot && !receipt && vouchedMs > askedMs;
}

function withQuestion(state: DocumentState, nowMs: number): DocumentState {
  const isAbsent = state.lookUp !== undefined && !state.lookUp.snapshot;
  const kind = openQuestion(state.progress) ?? (isAbsent ? 'unknownToProvider' : undefined);
  if (kind === state.question?.kind) return state;
  const { question: _closed, ...rest } = state;
  return kind === undefined ? rest : { ...rest, question: { kind, sinceMs: nowMs, asked: 0 } };
}

/** One announcement is owed to each channel, unless that event was announced before. */
export function withAnnouncement(
  state: DocumentState,
  announcement: DocumentAnnouncement,
  channels: readonly ChannelName[],
): DocumentState {
  const occasion = occasionOf(announcement);
  if (state.announced.includes(occasion)) return state;
  return {
    ...state,
    revision: state.revision + 1,
    announced: [...state.announced, occasion],
    owed: [...state.owed, ...channels.map((channel) => ({ channel, announcement }))],
  };
}

/** A channel took an announcement. */
export function withoutOwed(state: DocumentState, paid: OwedAnnouncement): DocumentState {
  return { ...state, owed: state.owed.filter((owed) => owed !== paid) };
}

/** An operator sent `retry`: everything that waits is tried again. */
export function withRetry(state: DocumentState): DocumentState {
  const mustAsk = state.mustAsk || state.outcome === undefined;
  return { ...state, revision: state.revision + 1, attention: {}, mustAsk };
}

/** Operations gave it up: nothing that waits is tried again. */
export function withStop(state: DocumentState, reason: string): DocumentState {
  if (state.outcome) return state;
  return { ...state, revision: state.revision + 1, stop: { reason: shortened(reason) } };
}

function shortened(reason: string): string {
  return reason.length > REASON_MAX_LENGTH ? `${reason.slice(0, REASON_MAX_LENGTH - 1)}…` : reason;
}

/** A task failed for good, or (undefined) no longer does. */
export function withAttention(
  state: DocumentState,
  task: string,
  attention: Attention | undefined,
): DocumentState {
  const { [task]: _before, ...others } = state.attention;
  const revision = state.revision + 1;
  return { ...state, revision, attention: attention ? { ...others, [task]: attention } : others };
}
