import {
  ApplicationFailure,
  continueAsNew,
  metricMeter,
  patched,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertMemo,
  workflowInfo,
} from '@temporalio/workflow';
import { failureOf } from './activity-failure.js';
import { channelsFor } from './channels-for.js';
import {
  canonicalId,
  keyOfFurtherPage,
  MISSED_KINDS,
  reconciliationProgressQuery,
  RUN_MEMO,
} from './contract.js';
import type {
  Activities,
  ComparisonTerms,
  ListingKind,
  ListingSegment,
  PrepareReconciliationResult,
  ReconcilePageResult,
  ReconciliationInput,
  ReconciliationReport,
  RetrySetAsideInput,
  RetrySetAsideResult,
  RunMemo,
} from './contract.js';
import { grownFilter, headOf, meets } from './listed-documents.js';
import { tell } from './operations-announcement.js';
import { announcementsOf, reportOf, runDetails, runProgress } from './reconciliation-report.js';
import {
  addSetAside,
  documentsIn,
  filterFor,
  GAP_READS,
  gapReads,
  hasMore,
  hasMoreThanTold,
  initialReconciliation,
  isIdle,
  isLostBehind,
  newCursor,
  nextOffsets,
  outgrown,
  pagesIn,
  probesOf,
  rowsIn,
  segmentsOf,
  showsFewOfOurs,
  strideBehind,
  strideOf,
  withFailedPart,
  withFindings,
  withGap,
  withPage,
  withPageLost,
  withPageRead,
  withPagesAsked,
  withProviderTime,
} from './reconciliation-state.js';
import type { ListingCursor, Offsets, ReconciliationState } from './reconciliation-state.js';

const RETRY = { initialInterval: '2s', maximumInterval: '1m' } as const;

const { prepareReconciliation, findUnlisted } = proxyActivities<Activities>({
  startToCloseTimeout: '10m',
  heartbeatTimeout: '1m',
  retry: RETRY,
});
/** A worker that dies with a page in its hands holds up the others no longer than that. */
const { reconcilePage } = proxyActivities<Activities>({
  startToCloseTimeout: '1h',
  heartbeatTimeout: '20s',
  retry: RETRY,
});
const { reconcileDocuments } = proxyActivities<Activities>({
  startToCloseTimeout: '1h',
  heartbeatTimeout: '1m',
  retry: RETRY,
});
const { retrySetAside } = proxyActivities<Activities>({
  startToCloseTimeout: '1h',
  heartbeatTimeout: '1m',
  scheduleToCloseTimeout: '2h',
  retry: RETRY,
});
/**
 * Enough that the provider always has one to make: while it does, one is compared and two are on
 * their way through the server. How many it makes at once is the activity's to bound.
 */
const READS_AT_ONCE = 4;

/** Of pages that share activities fewer are under way: a worker has each of them in memory. */
const PAGES_AT_ONCE = 20;

/** Pages in one history: 2 MB, and 1,500 events where each has an activity of its own. */
const PAGES_PER_RUN = 200;

/** New documents come to the front while the rest is read. */
const FRONT_READS = 20;

/** Runs from before a provider that gives more rows than asked for was followed in that. */
const LONGER_PAGES = 'longer-pages';

/** Runs from before that read every page with an activity of its own. */
const PAGES_TOGETHER = 'pages-together';

/** Runs from before that looked for what lies between two pages in front of them only. */
const GAPS_FORWARD = 'gaps-forward';

/** Runs from before that gave a listing up with its first page. */
const PAST_THE_FIRST = 'past-the-first-page';

/** Runs from before that announced fewer of the things that need somebody. */
const TELLS_MORE = 'tells-more';

/** Runs from before that tried the latest entries set aside alone. */
const ALL_SET_ASIDE = 'all-set-aside';

/** Runs from before that found all open documents that no listing showed before they asked. */
const UNLISTED_BY_PARTS = 'unlisted-by-parts';

/** Runs from before whose filter had the size that the first page of all asked for. */
const FILTER_GROWS = 'filter-grows';

/** Runs from before that believed how many documents a listing says it has. */
const LISTING_END = 'listing-end';

/** Runs from before that took every page for as long as the others, and an empty one for none. */
const SHORT_PAGES = 'short-pages';

/** Runs from before that took a front that was refused when read again for an empty one. */
const REFUSED_AGAIN = 'refused-again';

/** Runs from before that asked for ever for what lies behind a listing's end and fails for ever. */
const LOST_BEHIND = 'lost-behind-the-end';

/** Pages of a hundred deliveries whose entries set aside are tried again; the rest is told of. */
const SET_ASIDE_PAGES = 50;

/** As the provider writes them at the end of a group's URI. */
const GROUP_SLUG = /^[\w-]{1,255}$/;

/** Documents asked for by one activity: half a minute, where a minute has a hundred calls. */
const DOCUMENTS_AT_ONCE = 50;

/**
 * Compares what the provider shows with what the documents' workflows know, repairs what was
 * missed, and counts it. By hand: with a scope, `{}` or nothing for everything.
 */
export async function reconciliation(
  input: ReconciliationInput | undefined,
  carried?: ReconciliationState,
  listed?: Uint8Array,
): Promise<ReconciliationReport> {
  return new Reconciliation(carried ?? begin(input ?? {}), listed).run();
}

function begin(input: ReconciliationInput): ReconciliationState {
  const { documentId, group, since } = input;
  const id = documentId === undefined ? undefined : canonicalId(documentId);
  if (documentId !== undefined && id === undefined)
    throw invalid(`no document's ID: ${documentId}`);
  const sinceMs = since === undefined ? undefined : Date.parse(since);
  // It becomes part of a query.
  if (group !== undefined && !GROUP_SLUG.test(group)) throw invalid(`no group's slug: ${group}`);
  if (Number.isNaN(sinceMs)) throw invalid(`since is no time: ${String(since)}`);
  const scope = {
    ...(id === undefined ? {} : { documentId: id }),
    ...(group === undefined ? {} : { group }),
    ...(sinceMs === undefined ? {} : { since: wholeSecond(sinceMs) }),
  };
  return initialReconciliation(scope, workflowInfo().startTime.toISOString());
}

/** The provider's times have no fractions: the second that it falls into belongs to it. */
function wholeSecond(ms: number): string {
  return new Date(Math.floor(ms / 1000) * 1000).toISOString();
}

function invalid(what: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(
    `${what}. The input is {} or { documentId } or { group } or { since }`,
  );
}

/** Pages that one activity reads. */
interface Asked {
  readonly offsets: Offsets;
  /** Of this part of the run. */
  readonly part: string;
  /** When they were asked for first, where repairs may have begun since. */
  readonly repairsSinceMs?: number;
}

interface PagesInFlight extends Asked {
  readonly askedMs: number;
  readonly answer: Promise<ReconcilePageResult | Error>;
}

/** The durable shell: what follows from an answer is decided in reconciliation-state.ts. */
class Reconciliation {
  #state: ReconciliationState;
  #listed: Uint8Array | undefined;
  #pagesInThisRun = 0;
  readonly #seed = workflowInfo().firstExecutionRunId;

  constructor(state: ReconciliationState, listed: Uint8Array | undefined) {
    this.#state = state;
    this.#listed = listed;
    setHandler(reconciliationProgressQuery, () => runProgress(this.#state), {
      description: 'How far the run is: documents, pages, repairs, rows of the listing read.',
    });
  }

  async run(): Promise<ReconciliationReport> {
    const prepared = await this.#prepare();
    const { documentId } = this.#state.scope;
    if (documentId === undefined) {
      while (this.#state.segments.length > 0) await this.#readSegment(prepared);
      await this.#findUnlisted(prepared);
    } else if (!this.#state.unlisted.isFound) {
      this.#find([documentId]);
    }
    await this.#askForUnlisted(prepared);
    await this.#retrySetAside(prepared);
    return this.#conclude(prepared);
  }

  // ---------------------------------------------------------------- beginning

  async #prepare(): Promise<PrepareReconciliationResult> {
    if (this.#state.prepared) return this.#state.prepared;
    const { scope } = this.#state;
    const prepared = await prepareReconciliation.executeWithOptions(
      { summary: 'settings, registered callbacks, entries set aside' },
      [{ scope }],
    );
    this.#state = { ...this.#state, prepared };
    if (scope.documentId === undefined) {
      const { listing } = prepared.policy;
      this.#choose(listing === 'auto' ? 'cache' : listing, prepared);
    }
    return prepared;
  }

  /** @param instead why the one that was tried first is not read */
  #choose(
    kind: ListingKind,
    { policy, previousStartedAt }: PrepareReconciliationResult,
    instead = '',
  ): void {
    const { since } = this.#state.scope;
    const groups = this.#groups(policy.groups);
    if (kind === 'groups' && groups.length === 0) {
      const reason = 'it needs the groups by name: set RECONCILE_GROUPS';
      this.#lose('the listing by groups', `${reason}${instead}`);
    }
    const segments = segmentsOf(kind, groups, {
      ...(since === undefined ? {} : { since }),
      ...(previousStartedAt === undefined ? {} : { previousStartedAt }),
    });
    this.#state = { ...this.#state, listing: kind, segments };
  }

  #groups(configured: readonly string[]): readonly string[] {
    const { group } = this.#state.scope;
    return group === undefined ? configured : [group];
  }

  #terms(prepared: PrepareReconciliationResult, part: string): ComparisonTerms {
    const { policy, setAside, previousStartedAt } = prepared;
    const { clockSkewMs } = this.#state;
    const { since } = this.#state.scope;
    return {
      key: `${this.#seed}/${part}`,
      adoption: policy.adoption,
      groups: this.#groups(policy.groups),
      graceMs: policy.graceMs,
      failedSubjects: setAside.subjects,
      ...(since === undefined ? {} : { since }),
      ...(previousStartedAt === undefined ? {} : { newsSince: previousStartedAt }),
      ...(clockSkewMs === undefined ? {} : { clockSkewMs }),
    };
  }

  // ---------------------------------------------------------------- listings

  async #readSegment(prepared: PrepareReconciliationResult): Promise<void> {
    const segment = this.#state.segments[0];
    if (!segment) return;
    const inFlight: PagesInFlight[] = [];
    for (;;) {
      while (this.#mayAsk(prepared, inFlight)) {
        inFlight.push(this.#askNext(prepared, segment));
      }
      const asked = inFlight.shift();
      if (!asked) break;
      const answer = await asked.answer;
      // Another kind of listing was chosen: what is in flight is of no use.
      if (!(await this.#takePages(prepared, segment, asked.offsets[0], answer))) return;
      inFlight.unshift(...this.#askForRest(prepared, segment, asked, answer));
    }
    if (this.#mustContinueAsNew()) await this.#continueAsNew();
    if (this.#cursor(prepared).pages > 1) await this.#readFrontAgain(prepared, segment);
    this.#endSegment();
  }

  #endSegment(): void {
    const { cursor: _read, ...rest } = this.#state;
    const { cursor, segments, segmentNumber, listedBefore = 0 } = this.#state;
    this.#state = {
      ...rest,
      segments: segments.slice(1),
      segmentNumber: segmentNumber + 1,
      listedBefore: listedBefore + (cursor ? documentsIn(cursor) : 0),
    };
  }

  #cursor({ policy }: PrepareReconciliationResult): ListingCursor {
    return this.#state.cursor ?? newCursor(policy.pageSize);
  }

  #mayAsk(prepared: PrepareReconciliationResult, inFlight: readonly PagesInFlight[]): boolean {
    const pages = inFlight.reduce((sum, { offsets }) => sum + offsets.length, 0);
    const isBusy = inFlight.length >= READS_AT_ONCE || pages >= PAGES_AT_ONCE;
    if (isBusy || this.#mustContinueAsNew()) return false;
    const cursor = this.#cursor(prepared);
    if (hasMore(cursor, inFlight.length)) return true;
    if (!hasMoreThanTold(cursor, inFlight.length) || !patched(LISTING_END)) return false;
    return !isLostBehind(cursor) || !patched(LOST_BEHIND);
  }

  #askNext(prepared: PrepareReconciliationResult, segment: ListingSegment): PagesInFlight {
    const cursor = this.#cursor(prepared);
    const { offset } = cursor;
    const next = nextOffsets(cursor);
    const offsets: Offsets = next.length > 1 && patched(PAGES_TOGETHER) ? next : [offset];
    this.#state = { ...this.#state, cursor: withPagesAsked(cursor, offsets.length) };
    return this.#ask(prepared, segment, { offsets, part: this.#partAt(offset) });
  }

  /** Pages that their activity left to others: one each. */
  #askForRest(
    prepared: PrepareReconciliationResult,
    segment: ListingSegment,
    { offsets, part, askedMs }: PagesInFlight,
    answer: ReconcilePageResult | Error,
  ): PagesInFlight[] {
    const settled = answer instanceof Error ? 1 : pagesIn(answer);
    const isTouched = answer instanceof Error || answer.isRestTouched !== false;
    return offsets.slice(settled).map((offset, index) =>
      this.#ask(prepared, segment, {
        offsets: [offset],
        part: keyOfFurtherPage(part, settled + index),
        ...(isTouched ? { repairsSinceMs: askedMs } : {}),
      }),
    );
  }

  /** Another one whenever the same rows are read again. */
  #partAt(offset: number): string {
    const { segmentNumber, pages, pagesReadAgain } = this.#state;
    return `${segmentNumber}/${offset}/${pages + pagesReadAgain}`;
  }

  #ask(
    prepared: PrepareReconciliationResult,
    segment: ListingSegment,
    asked: Asked,
  ): PagesInFlight {
    const { offsets, part, repairsSinceMs } = asked;
    const [offset, ...furtherOffsets] = offsets;
    const pages = offsets.length;
    this.#pagesInThisRun += pages;
    const rows = `${nameOf(segment)}: rows from ${offset}`;
    const answer = reconcilePage
      .executeWithOptions(
        {
          summary: pages === 1 ? rows : `${rows}, ${pages} pages`,
          scheduleToCloseTimeout: prepared.policy.patienceMs,
        },
        [
          {
            ...this.#terms(prepared, part),
            ...{ segment, offset, limit: this.#cursor(prepared).limit, seed: this.#seed },
            ...(pages === 1 ? {} : { furtherOffsets }),
            ...(repairsSinceMs === undefined ? {} : { repairsSinceMs }),
          },
        ],
      )
      .catch(failureOf);
    return { ...asked, askedMs: Date.now(), answer };
  }

  /** @returns false where another kind of listing is read instead */
  async #takePages(
    prepared: PrepareReconciliationResult,
    segment: ListingSegment,
    offset: number,
    page: ReconcilePageResult | Error,
  ): Promise<boolean> {
    if (page instanceof Error) {
      this.#givePageUp(prepared, `${nameOf(segment)}, rows from ${offset}`, page.message);
      return true;
    }
    if (page.refused !== undefined) return this.#takeRefusal(prepared, segment, page.refused);
    const cursor = this.#cursor(prepared);
    const { tail = '' } = cursor;
    const isLonger = offset === 0 && rowsIn(page) > cursor.limit && patched(LONGER_PAGES);
    const read = withPageRead(cursor, offset, this.#withTotal(cursor, page), isLonger);
    this.#state = { ...this.#state, cursor: read };
    this.#fold(prepared, page);
    const shown = headOf(page.fingerprints, read.limit);
    if (!meets(tail, shown)) {
      this.#state = { ...this.#state, cursor: withGap(read) };
      await this.#closeGap(prepared, segment, { offset, tail, shown });
    }
    if (isIdle(read) && patched(LISTING_END)) this.#endIdle(prepared, segment, page);
    return true;
  }

  /** A page that says nothing of others is not the last one of a listing that told its length. */
  #withTotal({ total }: ListingCursor, page: ReconcilePageResult): ReconcilePageResult {
    const isSilent = page.total === undefined && !page.hasNext;
    return isSilent && total !== undefined && patched(LISTING_END) ? { ...page, total } : page;
  }

  /** What it counts is not there; where it says that more is, that is told. */
  #endIdle(
    prepared: PrepareReconciliationResult,
    segment: ListingSegment,
    page: ReconcilePageResult,
  ): void {
    this.#state = { ...this.#state, cursor: { ...this.#cursor(prepared), hasEnded: true } };
    if (rowsIn(page) === 0 && !page.hasNext) return;
    this.#fail(nameOf(segment), 'it shows the same rows again and again, wherever a page begins');
  }

  /** The rest goes on, unless nobody knows whether there is a rest. */
  #givePageUp(prepared: PrepareReconciliationResult, what: string, reason: string): void {
    const cursor = this.#cursor(prepared);
    const goesOn = cursor.total !== undefined || patched(PAST_THE_FIRST);
    const lost = goesOn ? withPageLost(cursor) : withPageLost(cursor, 1);
    const isListingLost = goesOn ? lost.hasEnded && !cursor.hasEnded : cursor.pages === 0;
    if (isListingLost) this.#lose(what, reason);
    else this.#fail(what, reason);
    this.#state = { ...this.#state, cursor: lost };
  }

  #takeRefusal(
    prepared: PrepareReconciliationResult,
    segment: ListingSegment,
    reason: string,
  ): boolean {
    if (prepared.policy.listing === 'auto' && segment.kind === 'cache') {
      const { cursor: _refused, ...rest } = this.#state;
      this.#state = rest;
      this.#choose('groups', prepared, ` (${nameOf(segment)} was refused: ${reason})`);
      return false;
    }
    this.#lose(nameOf(segment), reason);
    this.#state = { ...this.#state, cursor: withPageLost(this.#cursor(prepared), 1) };
    return true;
  }

  /** @returns how many of its documents no page had shown before */
  #fold(prepared: PrepareReconciliationResult, page: ReconcilePageResult, isAgain = false): number {
    const listed = this.#filter(prepared, page);
    const { state, newRows } = withPage(this.#state, page, { listed, isAgain });
    this.#state = withProviderTime(state, page, Date.now());
    this.#show();
    return newRows;
  }

  #filter(prepared: PrepareReconciliationResult, page: ReconcilePageResult): Uint8Array {
    const rows = Math.max(prepared.policy.pageSize, rowsIn(page));
    this.#listed ??= filterFor(page.total, rows);
    const documents = outgrown(this.#state, this.#cursor(prepared), this.#listed);
    if (documents !== undefined && patched(FILTER_GROWS)) {
      this.#listed = grownFilter(this.#listed, documents);
    }
    return this.#listed;
  }

  /**
   * Between two pages rows went away, or came while the later one was read first, more than pages
   * share: what lies between is read now.
   */
  async #closeGap(
    prepared: PrepareReconciliationResult,
    segment: ListingSegment,
    { offset, tail, shown }: { offset: number; tail: string; shown: string },
  ): Promise<void> {
    const stride = strideOf(this.#cursor(prepared));
    const goesForward = patched(GAPS_FORWARD);
    for (const pages of gapReads(this.#cursor(prepared), goesForward)) {
      const from = Math.max(offset - pages * stride, 0);
      const page = await this.#readAgain(prepared, segment, from);
      if (page instanceof Error) break;
      // The rows it should meet may have gone away themselves; before the first row is nothing.
      if (from > 0 && !meets(tail, page.fingerprints)) continue;
      if (!goesForward || (await this.#readUntil(prepared, segment, { from, page, shown }))) return;
      break;
    }
    const reason = 'it changed faster than it could be read; the next run reads it again';
    this.#fail(`${nameOf(segment)}, rows before ${offset}`, reason);
  }

  /** @returns whether this page, or one of the next, shows one of these rows or is the last */
  async #readUntil(
    prepared: PrepareReconciliationResult,
    segment: ListingSegment,
    { from, page, shown }: { from: number; page: ReconcilePageResult; shown: string },
  ): Promise<boolean> {
    const cursor = this.#cursor(prepared);
    const takesShort = patched(SHORT_PAGES);
    let [offset, last] = [from, page];
    for (let pages = 1; pages <= GAP_READS; pages += 1) {
      // An empty page meets every other one.
      const isMet = (shown !== '' || !takesShort) && meets(shown, last.fingerprints);
      if (isMet || !last.hasNext) return true;
      offset += takesShort ? strideBehind(cursor, last) : strideOf(cursor);
      const next = await this.#readAgain(prepared, segment, offset);
      if (next instanceof Error) return false;
      if (takesShort && rowsIn(next) === 0 && next.hasNext) return false;
      last = next;
    }
    return false;
  }

  async #readAgain(
    prepared: PrepareReconciliationResult,
    segment: ListingSegment,
    offset: number,
  ): Promise<ReconcilePageResult | Error> {
    const asked = this.#ask(prepared, segment, { offsets: [offset], part: this.#partAt(offset) });
    const page = await asked.answer;
    if (page instanceof Error) return page;
    if (page.refused !== undefined && patched(REFUSED_AGAIN)) return new Error(page.refused);
    this.#state = { ...this.#state, pagesReadAgain: this.#state.pagesReadAgain + 1 };
    this.#fold(prepared, page, true);
    return page;
  }

  /** Until a page from the front shows nothing new: what came or moved there meanwhile. */
  async #readFrontAgain(
    prepared: PrepareReconciliationResult,
    segment: ListingSegment,
  ): Promise<void> {
    const stride = strideOf(this.#cursor(prepared));
    for (let read = 0; read < FRONT_READS; read += 1) {
      const before = this.#state.documents;
      const page = await this.#readAgain(prepared, segment, read * stride);
      if (page instanceof Error) {
        this.#fail(`${nameOf(segment)}, its front once more`, page.message);
        return;
      }
      if (this.#state.documents === before) return;
    }
  }

  // ---------------------------------------------------------------- what no listing shows

  /** Where a listing failed as a whole, or showed changes only, absence from it means nothing. */
  async #findUnlisted(prepared: PrepareReconciliationResult): Promise<void> {
    const { policy } = prepared;
    const { listing, scope, counts, failedParts, hasLostListing } = this.#state;
    const showsAll = (listing === 'cache' || scope.since === undefined) && !hasLostListing;
    while (this.#listed && showsAll && !this.#state.unlisted.isFound) {
      // All of a large account's at once would not fit into a payload with the rest of the state.
      const { pending } = this.#state.unlisted;
      if (pending.length > 0 && patched(UNLISTED_BY_PARTS)) await this.#askForUnlisted(prepared);
      const wasQuiet = counts.repairedDocuments + failedParts.length === 0;
      const { after } = this.#state.unlisted;
      const { documentIds, next } = await findUnlisted.executeWithOptions(
        { summary: 'open documents that no listing showed' },
        [
          {
            seed: this.#seed,
            probes: probesOf(this.#state),
            ...(scope.group === undefined ? {} : { group: scope.group }),
            groups: this.#groups(policy.groups),
            ...(wasQuiet ? { openListed: this.#state.openListed } : {}),
            startedAt: this.#state.startedAt,
            ...(after === undefined ? {} : { after }),
          },
          this.#listed,
        ],
      );
      this.#find(documentIds, next);
    }
  }

  #find(documentIds: readonly string[], after?: string): void {
    const { pending, asked } = this.#state.unlisted;
    const unlisted = {
      pending: [...pending, ...documentIds],
      asked,
      isFound: after === undefined,
      ...(after === undefined ? {} : { after }),
    };
    this.#state = { ...this.#state, unlisted };
  }

  async #askForUnlisted(prepared: PrepareReconciliationResult): Promise<void> {
    for (;;) {
      const { pending, asked } = this.#state.unlisted;
      const documentIds = pending.slice(0, DOCUMENTS_AT_ONCE);
      if (documentIds.length === 0) return;
      await this.#askFor(prepared, documentIds);
      const left = { pending: pending.slice(DOCUMENTS_AT_ONCE), asked: asked + documentIds.length };
      this.#state = { ...this.#state, unlisted: { ...this.#state.unlisted, ...left } };
      this.#show();
      if (workflowInfo().continueAsNewSuggested) await this.#continueAsNew();
    }
  }

  async #askFor(
    prepared: PrepareReconciliationResult,
    documentIds: readonly string[],
  ): Promise<void> {
    const part = `documents/${this.#state.unlisted.asked}`;
    const findings = await reconcileDocuments
      .executeWithOptions(
        {
          summary: `ask for ${documentIds.length} documents one by one`,
          scheduleToCloseTimeout: 2 * prepared.policy.patienceMs,
        },
        [
          {
            ...this.#terms(prepared, part),
            documentIds,
            ...(showsFewOfOurs(this.#state) && { isAccountDoubtful: true }),
            ...(this.#state.scope.documentId !== undefined && { isNamed: true }),
          },
        ],
      )
      .catch(failureOf);
    if (findings instanceof Error) {
      this.#fail(`${documentIds.length} documents asked for one by one`, findings.message);
    } else this.#state = withFindings(this.#state, findings);
  }

  // ---------------------------------------------------------------- the end

  async #retrySetAside({ setAside }: PrepareReconciliationResult): Promise<void> {
    const { workflowIds, hasMore } = setAside;
    if (workflowIds.length === 0 || this.#state.scope.documentId !== undefined) return;
    const retried = await this.#retryDeliveries({ workflowIds });
    if (!retried) return;
    let [sum, after] = [retried, setAside.next];
    for (let page = 1; after !== undefined && patched(ALL_SET_ASIDE); page += 1) {
      const more = page < SET_ASIDE_PAGES ? await this.#retryDeliveries({ after }) : undefined;
      if (!more) break;
      sum = addSetAside(sum, more);
      after = more.next;
    }
    const { next: _told, ...report } = sum;
    const isMoreLeft = setAside.next === undefined ? hasMore : after !== undefined;
    this.#state = { ...this.#state, setAside: { ...report, hasMore: isMoreLeft } };
  }

  async #retryDeliveries(input: RetrySetAsideInput): Promise<RetrySetAsideResult | undefined> {
    const { workflowIds } = input;
    const which = workflowIds ? `${workflowIds.length} deliveries` : 'earlier deliveries';
    const retried = await retrySetAside
      .executeWithOptions({ summary: `entries set aside by ${which}` }, [input])
      .catch(failureOf);
    if (!(retried instanceof Error)) return retried;
    this.#fail('entries set aside', retried.message);
    return undefined;
  }

  async #conclude({ policy }: PrepareReconciliationResult): Promise<ReconciliationReport> {
    const tellsMore = patched(TELLS_MORE);
    const report = reportOf(this.#state, new Date().toISOString(), tellsMore);
    this.#show();
    count(report);
    const { scope, startedAt, providerStartedAt = startedAt, isComplete } = report;
    const memo: RunMemo = { scope, startedAt, providerStartedAt, isComplete };
    upsertMemo({ [RUN_MEMO]: memo });
    const { workflowId, firstExecutionRunId: runId } = workflowInfo();
    for (const announcement of announcementsOf(report, { workflowId, runId, tellsMore })) {
      const channels = channelsFor(policy, announcement.event);
      await Promise.all(channels.map((channel) => tell(channel, announcement)));
    }
    return report;
  }

  #fail(what: string, reason: string): void {
    this.#state = withFailedPart(this.#state, { what, reason });
  }

  /** A whole listing. */
  #lose(what: string, reason: string): void {
    this.#fail(what, reason);
    this.#state = { ...this.#state, hasLostListing: true };
  }

  #show(): void {
    setCurrentDetails(runDetails(this.#state, Date.now()));
  }

  #mustContinueAsNew(): boolean {
    return this.#pagesInThisRun >= PAGES_PER_RUN || workflowInfo().continueAsNewSuggested;
  }

  async #continueAsNew(): Promise<never> {
    return continueAsNew<typeof reconciliation>(this.#state.scope, this.#state, this.#listed);
  }
}

function nameOf({ kind, group, withArchived }: ListingSegment): string {
  if (kind === 'cache') return 'the listing of outstanding documents';
  return `the listing of group ${group ?? ''}${withArchived ? ', archived ones too' : ''}`;
}

function count(report: ReconciliationReport): void {
  const missed = metricMeter.createCounter('countersign_reconciliation_missed_changes');
  for (const kind of MISSED_KINDS) missed.add(report.counts.missed[kind], { kind });
  const documents = metricMeter.createCounter('countersign_reconciliation_documents');
  documents.add(report.documents + report.unlisted);
  const repaired = metricMeter.createCounter('countersign_reconciliation_repaired_documents');
  repaired.add(report.counts.repairedDocuments);
  const runs = metricMeter.createCounter('countersign_reconciliation_runs');
  runs.add(1, { complete: String(report.isComplete) });
}
