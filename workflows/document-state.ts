/** What a document's workflow remembers, and how facts change it. Pure, and carried over whole. */
import type {
  ChannelName,
  DocumentAnnouncement,
  DocumentSigningInput,
  LookUpDocumentResult,
  ReconciliationMark,
  SigningOutcome,
  StatusReport,
  TrackingTerms,
} from './contract.js';
import { applyReport, INITIAL_PROGRESS, missedChanges, openQuestion } from './progress.js';
import type { OpenQuestion, SigningProgress } from './progress.js';

/** An announcement that one channel has not taken yet. */
export interface OwedAnnouncement {
  readonly channel: ChannelName;
  readonly announcement: DocumentAnnouncement;
}

export interface DocumentState {
  readonly documentId: string;
  readonly group?: string;
  readonly tag?: string;
  readonly deadline?: string;
  readonly progress: SigningProgress;
  readonly revision: number;
  /** A notice, an operator or the lack of any knowledge says: ask the provider now. */
  readonly mustAsk: boolean;
  /** Somebody has seen the document at the provider: its starter its signers, or we ourselves. */
  readonly isVouchedFor: boolean;
  readonly question?: AskedQuestion;
  /** The provider's and the archive's last answer. */
  readonly lookUp?: LookUpDocumentResult;
  readonly outcome?: SigningOutcome;
  readonly lingerUntilMs?: number;
  readonly owed: readonly OwedAnnouncement[];
  /** Events announced or owed: none is announced twice. */
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

/** The state in which a document's workflow begins, or goes on after continue-as-new. */
export function initialState(input: DocumentSigningInput): DocumentState {
  if (input.carried !== undefined) return input.carried as DocumentState;
  const state: DocumentState = {
    documentId: input.documentId,
    progress: INITIAL_PROGRESS,
    revision: 0,
    mustAsk: input.signers === undefined,
    isVouchedFor: false,
    owed: [],
    announced: [],
    attention: {},
  };
  return withTerms(state, input);
}

/** What a starter asked for is added; what it leaves out stays. */
export function withTerms(state: DocumentState, terms: TrackingTerms): DocumentState {
  const { group = state.group, tag = state.tag } = terms;
  const deadline = isTime(terms.deadline) ? terms.deadline : state.deadline;
  const known: DocumentState = {
    ...(terms.signers === undefined ? state : withoutAbsence(state)),
    revision: state.revision + 1,
    isVouchedFor: state.isVouchedFor || terms.signers !== undefined,
    ...(group === undefined ? {} : { group }),
    ...(tag === undefined ? {} : { tag }),
    ...(deadline === undefined ? {} : { deadline }),
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
  return { ...known, progress: applyReport(state.progress, report(snapshot)) };
}

function report(snapshot: NonNullable<StatusReport['snapshot']>): StatusReport {
  return { source: 'provider', changes: [], snapshot };
}

function isTime(text: string | undefined): text is string {
  return text !== undefined && !Number.isNaN(Date.parse(text));
}

/** Somebody has seen the document at the provider: an earlier "unknown" was a lag. */
function withoutAbsence(state: DocumentState): DocumentState {
  const { lookUp, question, ...rest } = state;
  if (!lookUp || lookUp.snapshot) return state;
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
  const state = isSeen ? withoutAbsence(before) : before;
  const group = state.group ?? snapshot?.group;
  const tag = state.tag ?? snapshot?.tag;
  return withQuestion(
    {
      ...state,
      revision: state.revision + 1,
      progress: applyReport(state.progress, news),
      isVouchedFor: state.isVouchedFor || isSeen,
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
    ...(question
      ? { question: { ...question, asked: question.asked + 1, lastAskedMs: nowMs } }
      : {}),
  };
  return lookUp.snapshot
    ? withReport(answered, report(lookUp.snapshot), nowMs)
    : withQuestion(answered, nowMs);
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
  if (state.announced.includes(announcement.event)) return state;
  return {
    ...state,
    revision: state.revision + 1,
    announced: [...state.announced, announcement.event],
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
