/** What a reconciliation remembers, and how answers change it. Pure, and carried over whole. */
import {
  addCounts,
  NEWS_MARGIN_MS,
  NO_COUNTS,
  REASON_MAX_LENGTH,
  ROW_MARKS,
} from './reconciliation-contract.js';
import type {
  FailedPart,
  ListingKind,
  ListingSegment,
  PrepareReconciliationResult,
  ReconcileDocumentsResult,
  ReconcilePageResult,
  ReconciliationCounts,
  ReconciliationExample,
  ReconciliationScope,
  RetrySetAsideResult,
  SetAsideReport,
} from './reconciliation-contract.js';
import {
  addListed,
  EARLIER_PROBES,
  emptyFilter,
  headOf,
  OVERLAP,
  parseFingerprints,
  PROBES,
  roomIn,
  tailOf,
} from './listed-documents.js';

/** How far a listing has been read. */
export interface ListingCursor {
  /** Of the page to be asked for next. */
  readonly offset: number;
  /** Rows that a page has: the size asked for, or what the provider gives instead. */
  readonly limit: number;
  /** Documents in the listing, as far as it says. */
  readonly total?: number;
  /** The last rows of the page before: the next one must know one of them. */
  readonly tail?: string;
  readonly hasEnded: boolean;
  readonly pages: number;
  /** What each page of the last answer took, in ms. */
  readonly pageMs?: number;
  /** Pages given up since the last one that was read. */
  readonly lost?: number;
  /** Times that a page did not meet the one before. */
  readonly gaps?: number;
  /** The first row of the last answer. */
  readonly head?: string;
  /** Pages one after another that showed no row, or began with the same one again. */
  readonly idle?: number;
  /** The last page says that there is another one. */
  readonly saysMore?: boolean;
}

export interface ReconciliationState {
  readonly scope: ReconciliationScope;
  readonly startedAt: string;
  readonly providerStartedAt?: string;
  readonly clockSkewMs?: number;
  readonly prepared?: PrepareReconciliationResult;
  readonly listing?: ListingKind;
  /** Still to be read; the first one is being read. */
  readonly segments: readonly ListingSegment[];
  readonly segmentNumber: number;
  readonly cursor?: ListingCursor;
  /** In the listings read before; runs from before did not count them. */
  readonly listedBefore?: number;
  /** A listing could not be read at all: absence from the others means nothing. */
  readonly hasLostListing: boolean;
  readonly pages: number;
  readonly pagesReadAgain: number;
  readonly documents: number;
  /** Bits that a document has in the filter of those shown; runs from before had fewer. */
  readonly probes?: number;
  readonly openListed: number;
  readonly unknownReported: number;
  readonly unknownIgnored: number;
  /** Rows that could not be read; runs from before did not count them. */
  readonly unreadable?: number;
  readonly unlisted: UnlistedState;
  readonly counts: ReconciliationCounts;
  readonly setAside?: SetAsideReport;
  readonly examples: readonly ReconciliationExample[];
  readonly failedParts: readonly FailedPart[];
}

/** Open documents that no listing showed. */
export interface UnlistedState {
  /** Found, not asked for yet. */
  readonly pending: readonly string[];
  readonly asked: number;
  /** Where visibility goes on. */
  readonly after?: string;
  readonly isFound: boolean;
}

const EXAMPLES_KEPT = 20;
const FAILED_PARTS_KEPT = 50;

/** A run's beginning. */
export function initialReconciliation(
  scope: ReconciliationScope,
  startedAt: string,
): ReconciliationState {
  return {
    scope,
    startedAt,
    segments: [],
    segmentNumber: 0,
    hasLostListing: false,
    pages: 0,
    pagesReadAgain: 0,
    documents: 0,
    probes: PROBES,
    openListed: 0,
    unknownReported: 0,
    unknownIgnored: 0,
    unlisted: { pending: [], asked: 0, isFound: false },
    counts: NO_COUNTS,
    examples: [],
    failedParts: [],
  };
}

/** Which listings show what the scope asks for. */
export function segmentsOf(
  kind: ListingKind,
  groups: readonly string[],
  { since, previousStartedAt }: { since?: string; previousStartedAt?: string },
): ListingSegment[] {
  if (kind === 'cache') return [{ kind }];
  return groups.flatMap((group): ListingSegment[] => {
    const archived = { kind, group, withArchived: true } as const;
    if (since !== undefined) return [{ ...archived, modifiedSince: secondBefore(since) }];
    if (previousStartedAt === undefined) return [archived];
    const modifiedMs = Date.parse(previousStartedAt) - NEWS_MARGIN_MS;
    return [
      { kind, group },
      { ...archived, modifiedSince: new Date(modifiedMs).toISOString() },
    ];
  });
}

/** The provider shows what is later than it is asked for, and the second named belongs to it. */
function secondBefore(since: string): string {
  return new Date(Date.parse(since) - 1000).toISOString();
}

/** The beginning of a listing. */
export function newCursor(limit: number): ListingCursor {
  return { offset: 0, limit, hasEnded: false, pages: 0 };
}

/** How far apart pages begin. */
export function strideOf({ limit }: Pick<ListingCursor, 'limit'>): number {
  return limit - Math.min(OVERLAP, Math.floor(limit / 5));
}

/** How far behind a page the next one begins that shares rows with it, however short it is. */
export function strideBehind(cursor: ListingCursor, page: ReconcilePageResult): number {
  const shared = cursor.limit - strideOf(cursor);
  return Math.max(rowsIn(page) - shared, 1);
}

/** Whether there is another page to ask for, with so many asked for and not answered yet. */
export function hasMore(cursor: ListingCursor, inFlight: number): boolean {
  if (cursor.hasEnded) return false;
  // The first page tells how many there are; without that, one after the other.
  if (cursor.total === undefined) return inFlight === 0;
  return cursor.offset === 0 || coveredBefore(cursor) < cursor.total;
}

/** Whether the last page says that there is more than the listing counts. */
export function hasMoreThanTold({ hasEnded, saysMore }: ListingCursor, inFlight: number): boolean {
  return !hasEnded && saysMore === true && inFlight === 0;
}

/** Nothing but a listing that repeats itself, or ended before its total, has as many in a row. */
const IDLE_MAX = 3;

/** Whether a listing is at its end whatever it counts: further pages would show nothing new. */
export function isIdle({ hasEnded, idle = 0 }: ListingCursor): boolean {
  return !hasEnded && idle >= IDLE_MAX;
}

/** Rows that the pages asked for so far reach to. */
function coveredBefore(cursor: ListingCursor): number {
  return cursor.offset - strideOf(cursor) + cursor.limit;
}

/**
 * An activity costs Temporal and the worker as much as reading some pages from a provider that
 * answers at once. So much is read by one of them, and never less than a page.
 */
const TOGETHER_MS = 250;

/** 5,000 documents of the default page size are 90 kB of an activity's result. */
const TOGETHER_MAX = 10;

/** Where pages begin that one activity reads, the first of which it reads in any case. */
export type Offsets = readonly [number, ...number[]];

/** Where the pages begin that one activity is to read next; one, until it is known how long. */
export function nextOffsets(cursor: ListingCursor): Offsets {
  const stride = strideOf(cursor);
  const { offset, total = 0, pageMs = TOGETHER_MS } = cursor;
  const left = Math.ceil((total - coveredBefore(cursor)) / stride);
  const quick = Math.floor(TOGETHER_MS / Math.max(pageMs, 1));
  const count = Math.max(Math.min(quick, TOGETHER_MAX, left), 1);
  const further = Array.from({ length: count - 1 }, (_, index) => offset + (index + 1) * stride);
  return [offset, ...further];
}

/** The cursor once so many pages are asked for. */
export function withPagesAsked(cursor: ListingCursor, pages: number): ListingCursor {
  return { ...cursor, offset: cursor.offset + pages * strideOf(cursor) };
}

/** The cursor after a page that did not meet the one before. */
export function withGap(cursor: ListingCursor): ListingCursor {
  return { ...cursor, gaps: (cursor.gaps ?? 0) + 1 };
}

/** With more of them, a listing that grows while gaps are closed would never come to its end. */
const GAPS_MAX = 100;

/** In each direction, a page further on every time; rows come and go more slowly than that. */
export const GAP_READS = 10;

/**
 * How many pages before the one that did not meet its neighbour the search begins, one read after
 * the other; none where there were too many gaps.
 * @param goesForward false for runs from before that looked backwards alone
 */
export function gapReads({ gaps = 0 }: ListingCursor, goesForward: boolean): number[] {
  if (gaps > GAPS_MAX) return [];
  const back = Array.from({ length: GAP_READS }, (_, index) => index + 1);
  // Where rows came, the neighbour's are no longer before the page but on it.
  return goesForward ? [1, 0, ...back.slice(1)] : back;
}

/** Pages that an answer holds. */
export function pagesIn({ pagesRead = 1 }: ReconcilePageResult): number {
  return pagesRead;
}

/** Rows on a page, unreadable ones too. */
export function rowsIn({ rows, unreadable }: ReconcilePageResult): number {
  return rows.length + unreadable;
}

/**
 * The cursor after a page was answered.
 * @param isLonger pages are as long as this one, which is longer than it was asked to be
 */
export function withPageRead(
  cursor: ListingCursor,
  asked: number,
  page: ReconcilePageResult,
  isLonger = false,
): ListingCursor {
  const { lost: _found, ...before } = cursor;
  const rows = rowsIn(page);
  const isCutShort = asked === 0 && rows > 0 && rows < cursor.limit && page.hasNext;
  const limit = isCutShort || isLonger ? rows : cursor.limit;
  const head = headOf(page.fingerprints, 1);
  const isSame = rows === 0 || head === cursor.head;
  const read: ListingCursor = {
    ...before,
    limit,
    // A provider that gives less than was asked for would make us skip the rest, one that gives
    // more would show us everything several times.
    offset: isCutShort || isLonger ? strideOf({ limit }) : cursor.offset,
    pages: cursor.pages + pagesIn(page),
    hasEnded: cursor.hasEnded || (!page.hasNext && page.total === undefined),
    tail: tailOf(page.fingerprints),
    head,
    idle: isSame ? (cursor.idle ?? 0) + pagesIn(page) : 0,
    saysMore: page.hasNext && rows > 0,
    ...(page.tookMs === undefined ? {} : { pageMs: page.tookMs / pagesIn(page) }),
  };
  return page.total === undefined ? read : { ...read, total: page.total };
}

/** A listing of unknown length is given up with so many pages one after another. */
const LOST_IN_A_ROW = 2;

/** The same of what a listing has behind the length that it told. */
export function isLostBehind({ lost = 0 }: ListingCursor): boolean {
  return lost >= LOST_IN_A_ROW;
}

/**
 * The cursor after a page was given up: nobody knows how its neighbours meet, nor their pace.
 * @param lostInARow as many as end a listing of unknown length
 */
export function withPageLost(cursor: ListingCursor, lostInARow = LOST_IN_A_ROW): ListingCursor {
  const { tail: _lost, pageMs: _unknown, ...rest } = cursor;
  const lost = (cursor.lost ?? 0) + 1;
  const isGivenUp = cursor.total === undefined && lost >= lostInARow;
  return { ...rest, lost, hasEnded: cursor.hasEnded || isGivenUp };
}

/** What is found of a document each time that its row is read; a repair is found once. */
const FOUND_AGAIN: Readonly<Record<string, Partial<ReconciliationCounts>>> = {
  [ROW_MARKS.contradicted]: { contradicted: -1 },
  [ROW_MARKS.newlyContradicted]: { contradicted: -1, newlyContradicted: -1 },
  [ROW_MARKS.alreadyArchived]: { alreadyArchived: -1 },
  [ROW_MARKS.longOver]: { longOver: -1 },
  [ROW_MARKS.failed]: { failed: -1 },
};

/**
 * A page's rows among those seen before.
 * @param isAgain rows from here were read before: those that could not be may well be the same
 * @returns the state, and how many rows were new
 */
export function withPage(
  state: ReconciliationState,
  page: ReconcilePageResult,
  { listed, isAgain }: { readonly listed: Uint8Array; readonly isAgain: boolean },
): { state: ReconciliationState; newRows: number } {
  const { news, others } = marksOf(page, listed, probesOf(state));
  const counts = others.reduce(
    (sum, mark) =>
      mark in FOUND_AGAIN ? addCounts(sum, { ...NO_COUNTS, ...FOUND_AGAIN[mark] }) : sum,
    page.counts,
  );
  const { unreadable = 0 } = state;
  const count = (mark: string): number => news.filter((each) => each === mark).length;
  const { adopted, open, outside, unknownIgnored, unknownReported } = ROW_MARKS;
  return {
    newRows: news.length,
    state: {
      ...withFindings(state, { ...page, counts }),
      pages: state.pages + pagesIn(page),
      documents: state.documents + news.length - count(outside),
      openListed: state.openListed + count(open) + count(adopted),
      unknownReported: state.unknownReported + count(unknownReported),
      unknownIgnored: state.unknownIgnored + count(unknownIgnored),
      unreadable: isAgain ? Math.max(unreadable, page.unreadable) : unreadable + page.unreadable,
    },
  };
}

interface Marks {
  readonly news: readonly string[];
  readonly others: readonly string[];
}

function marksOf(page: ReconcilePageResult, listed: Uint8Array, probes: number): Marks {
  const [news, others]: [string[], string[]] = [[], []];
  for (const [row, fingerprint] of parseFingerprints(page.fingerprints).entries()) {
    (addListed(listed, fingerprint, probes) ? news : others).push(page.rows.charAt(row));
  }
  return { news, others };
}

/** How the filter of those shown was written. */
export function probesOf({ probes = EARLIER_PROBES }: ReconciliationState): number {
  return probes;
}

/** Figures and examples of a part of the run are added. */
export function withFindings(
  state: ReconciliationState,
  { counts, examples }: ReconcileDocumentsResult,
): ReconciliationState {
  const isNew = ({ documentId, what }: ReconciliationExample): boolean =>
    !state.examples.some((known) => known.documentId === documentId && known.what === what);
  return {
    ...state,
    counts: addCounts(state.counts, counts),
    examples: [...state.examples, ...examples.filter(isNew)].slice(0, EXAMPLES_KEPT),
  };
}

const SET_ASIDE_EXAMPLES_KEPT = 20;

/** What came of two lots of entries set aside, and where the next one begins. */
export function addSetAside(a: RetrySetAsideResult, b: RetrySetAsideResult): RetrySetAsideResult {
  return {
    deliveries: a.deliveries + b.deliveries,
    redelivered: a.redelivered + b.redelivered,
    remaining: a.remaining + b.remaining,
    examples: [...a.examples, ...b.examples].slice(0, SET_ASIDE_EXAMPLES_KEPT),
    ...(b.next === undefined ? {} : { next: b.next }),
  };
}

/** A part of the run was given up. */
export function withFailedPart(
  state: ReconciliationState,
  { what, reason }: FailedPart,
): ReconciliationState {
  const part = { what, reason: reason.slice(0, REASON_MAX_LENGTH) };
  return { ...state, failedParts: [...state.failedParts, part].slice(0, FAILED_PARTS_KEPT) };
}

/** Whether no listing showed most of the documents that were open here when it was read. */
export function showsFewOfOurs({ openListed, counts, unlisted }: ReconciliationState): boolean {
  return openListed - counts.adopted < unlisted.pending.length + unlisted.asked;
}

/** The provider's clock, as the first page told it before its documents were compared. */
export function withProviderTime(
  state: ReconciliationState,
  { providerTime, providerTimeAgeMs = 0 }: ReconcilePageResult,
  nowMs: number,
): ReconciliationState {
  const providerMs = Date.parse(providerTime ?? '');
  if (state.providerStartedAt !== undefined || Number.isNaN(providerMs)) return state;
  const clockSkewMs = providerMs + providerTimeAgeMs - nowMs;
  const startedMs = Date.parse(state.startedAt) + clockSkewMs;
  return { ...state, clockSkewMs, providerStartedAt: new Date(startedMs).toISOString() };
}

/** A quarter more may come while the listing is read. */
const ROOM_TO_GROW = 1.25;

/** Room for the documents of a listing that says how many there are. */
export function filterFor(total: number | undefined, pageSize: number): Uint8Array {
  return emptyFilter(ROOM_TO_GROW * Math.max(total ?? 0, pageSize));
}

/** Growing keeps the filter as dense as it was: where nobody says how far, seldom and by much. */
const ROOM_FOR_UNKNOWN = 8;

/**
 * The documents that the filter is to have room for, once what is listed outgrows it: the first
 * listing's first page, which it was made for, tells nothing of the listings behind it.
 * @returns undefined while there is room
 */
export function outgrown(
  { listedBefore = 0 }: ReconciliationState,
  cursor: ListingCursor,
  listed: Uint8Array,
): number | undefined {
  const documents = listedBefore + documentsIn(cursor);
  if (documents <= roomIn(listed)) return undefined;
  const isTold = cursor.total === documentsIn(cursor);
  return documents * (isTold ? ROOM_TO_GROW : ROOM_FOR_UNKNOWN);
}

/** Documents in a listing, as far as it says; or on the pages read, where these are more. */
export function documentsIn({ total, pages, limit }: ListingCursor): number {
  if (total === undefined) return pages * limit;
  return Math.max(total, (pages - 1) * strideOf({ limit }));
}
