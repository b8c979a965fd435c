import {
  ActivityFailure,
  ApplicationFailure,
  continueAsNew,
  isCancellation,
  log,
  metricMeter,
  patched,
  proxyActivities,
  setCurrentDetails,
  TimeoutFailure,
  upsertMemo,
  workflowInfo,
} from '@temporalio/workflow';
import { channelsFor } from './channels-for.js';
import { canonicalId, keyOfFurtherPage, MISSED_KINDS, RUN_MEMO } from './contract.js';
import type {
  Activities,
  ComparisonTerms,
  ListingKind,
  ListingSegment,
  OperationsAnnouncement,
  PrepareReconciliationResult,
  ReconcilePageResult,
  ReconciliationInput,
  ReconciliationReport,
  RunMemo,
} from './contract.js';
import { lastFailureBefore } from './failure-text.js';
import { announcementsOf, reportOf, runDetails } from './reconciliation-report.js';
import { meets } from './listed-documents.js';
import {
  filterFor,
  hasMore,
  initialReconciliation,
  newCursor,
  nextOffsets,
  pagesIn,
  rowsIn,
  segmentsOf,
  strideOf,
  withFailedPart,
  withFindings,
  withPage,
  withPageLost,
  withPageRead,
  withPagesAsked,
  withProviderTime,
} from './reconciliation-state.js';
import type { ListingCursor, ReconciliationState } from './reconciliation-state.js';

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
/** A channel that is away for longer must not hold up the next night's run. */
const { announce } = proxyActivities<Activities>({
  startToCloseTimeout: '1m',
  scheduleToCloseTimeout: '1h',
  retry: RETRY,
});

/**
 * Enough that the provider always has one to make: while it does, one is compared and two are on
 * their way through the server. How many it makes at once is the activity's to bound.
 */
const READS_AT_ONCE = 4;

/** Pages in one history: some 1,500 events and 2 MB. */
const PAGES_PER_RUN = 200;

/** Each of them begins a page further back; rows go away more slowly than that. */
const GAP_READS = 10;

/** New documents come to the front while the rest is read. */
const FRONT_READS = 20;

/** Runs from before a provider that gives more rows than asked for was followed in that. */
const LONGER_PAGES = 'longer-pages';

/** Runs from before that read every page with an activity of its own. */
const PAGES_TOGETHER = 'pages-together';

/** Runs from before that found all open documents that no listing showed before they asked. */
const UNLISTED_BY_PARTS = 'unlisted-by-parts';

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
  readonly offset: number;
  readonly furtherOffsets: readonly number[];
  /** Of this part of the run. */
  readonly part: string;
  /** When they were first asked for, where they are asked for again. */
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

  #choose(kind: ListingKind, { policy, previousStartedAt }: PrepareReconciliationResult): void {
    const { since } = this.#state.scope;
    const groups = this.#groups(policy.groups);
    if (kind === 'groups' && groups.length === 0) {
      this.#lose('the listing by groups', 'it needs the groups by name: set RECONCILE_GROUPS');
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
      while (this.#mayAsk(prepared, inFlight.length)) {
        inFlight.push(this.#askNext(prepared, segment));
      }
      const asked = inFlight.shift();
      if (!asked) break;
      const taken = await this.#takePages(prepared, segment, asked);
      // Another kind of listing was chosen: what is in flight is of no use.
      if (taken === 0) return;
      inFlight.unshift(...this.#askForRest(prepared, segment, asked, taken));
    }
    if (this.#mustContinueAsNew()) await this.#continueAsNew();
    if (this.#cursor(prepared).pages > 1) await this.#readFrontAgain(prepared, segment);
    this.#endSegment();
  }

  #endSegment(): void {
    const { cursor: _read, ...rest } = this.#state;
    const { segments, segmentNumber } = this.#state;
    this.#state = { ...rest, segments: segments.slice(1), segmentNumber: segmentNumber + 1 };
  }

  #cursor({ policy }: PrepareReconciliationResult): ListingCursor {
    return this.#state.cursor ?? newCursor(policy.pageSize);
  }

  #mayAsk(prepared: PrepareReconciliationResult, inFlight: number): boolean {
    if (inFlight >= READS_AT_ONCE || this.#mustContinueAsNew()) return false;
    return hasMore(this.#cursor(prepared), inFlight);
  }

  #askNext(prepared: PrepareReconciliationResult, segment: ListingSegment): PagesInFlight {
    const cursor = this.#cursor(prepared);
    const offsets = nextOffsets(cursor);
    const furtherOffsets = offsets.length > 1 && patched(PAGES_TOGETHER) ? offsets.slice(1) : [];
    const pages = 1 + furtherOffsets.length;
    this.#state = { ...this.#state, cursor: withPagesAsked(cursor, pages) };
    const { offset } = cursor;
    return this.#ask(prepared, segment, { offset, furtherOffsets, part: this.#partAt(offset) });
  }

  /** Pages that their activity left to others: one each. */
  #askForRest(
    prepared: PrepareReconciliationResult,
    segment: ListingSegment,
    { offset, furtherOffsets, part, askedMs }: PagesInFlight,
    taken: number,
  ): PagesInFlight[] {
    return [offset, ...furtherOffsets].slice(taken).map((left, index) =>
      this.#ask(prepared, segment, {
        offset: left,
        furtherOffsets: [],
        part: keyOfFurtherPage(part, taken + index),
        repairsSinceMs: askedMs,
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
    const { offset, furtherOffsets, part, repairsSinceMs } = asked;
    const pages = 1 + furtherOffsets.length;
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

  /** @returns how many pages that settles; none where the account has no such listing */
  async #takePages(
    prepared: PrepareReconciliationResult,
    segment: ListingSegment,
    { offset, answer }: PagesInFlight,
  ): Promise<number> {
    const page = await answer;
    if (page instanceof Error) {
      const what = `${nameOf(segment)}, rows from ${offset}`;
      if (offset === 0) this.#lose(what, page.message);
      else this.#fail(what, page.message);
      this.#state = { ...this.#state, cursor: withPageLost(this.#cursor(prepared)) };
      return 1;
    }
    if (page.refused !== undefined) {
      return this.#takeRefusal(prepared, segment, page.refused) ? 1 : 0;
    }
    const cursor = this.#cursor(prepared);
    const { tail } = cursor;
    const isLonger = offset === 0 && rowsIn(page) > cursor.limit && patched(LONGER_PAGES);
    const read = withPageRead(cursor, offset, page, isLonger);
    this.#state = { ...this.#state, cursor: read };
    this.#fold(prepared, page);
    if (!meets(tail, page.fingerprints)) {
      await this.#closeGap(prepared, segment, { offset, tail: tail ?? '' });
    }
    return pagesIn(page);
  }

  /** @returns false where another kind of listing is read instead */
  #takeRefusal(
    prepared: PrepareReconciliationResult,
    segment: ListingSegment,
    reason: string,
  ): boolean {
    if (prepared.policy.listing === 'auto' && segment.kind === 'cache') {
      const { cursor: _refused, ...rest } = this.#state;
      this.#state = rest;
      this.#choose('groups', prepared);
      return false;
    }
    this.#lose(nameOf(segment), reason);
    this.#state = { ...this.#state, cursor: withPageLost(this.#cursor(prepared)) };
    return true;
  }

  /** @returns how many of its documents no page had shown before */
  #fold({ policy }: PrepareReconciliationResult, page: ReconcilePageResult): number {
    this.#listed ??= filterFor(page.total, Math.max(policy.pageSize, rowsIn(page)));
    const { state, newRows } = withPage(this.#state, page, this.#listed);
    this.#state = withProviderTime(state, page.providerTime, Date.now());
    this.#show();
    return newRows;
  }

  /** Rows went away before this page, more than pages share: what lies between is read now. */
  async #closeGap(
    prepared: PrepareReconciliationResult,
    segment: ListingSegment,
    { offset, tail }: { offset: number; tail: string },
  ): Promise<void> {
    const stride = strideOf(this.#cursor(prepared));
    for (let read = 1; read <= GAP_READS; read += 1) {
      const from = Math.max(offset - read * stride, 0);
      const page = await this.#readAgain(prepared, segment, from);
      if (page instanceof Error) break;
      // The rows it should meet may have gone away themselves; before the first row is nothing.
      if (from === 0 || meets(tail, page.fingerprints)) return;
    }
    const reason = 'it changed faster than it could be read; the next run reads it again';
    this.#fail(`${nameOf(segment)}, rows before ${offset}`, reason);
  }

  async #readAgain(
    prepared: PrepareReconciliationResult,
    segment: ListingSegment,
    offset: number,
  ): Promise<ReconcilePageResult | Error> {
    const asked = { offset, furtherOffsets: [], part: this.#partAt(offset) };
    const page = await this.#ask(prepared, segment, asked).answer;
    if (page instanceof Error) return page;
    this.#state = { ...this.#state, pagesReadAgain: this.#state.pagesReadAgain + 1 };
    this.#fold(prepared, page);
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
        [{ ...this.#terms(prepared, part), documentIds }],
      )
      .catch(failureOf);
    if (findings instanceof Error) {
      this.#fail(`${documentIds.length} documents asked for one by one`, findings.message);
    } else this.#state = withFindings(this.#state, findings);
  }

  // ---------------------------------------------------------------- the end

  async #retrySetAside({ setAside }: PrepareReconciliationResult): Promise<void> {
    const { workflowIds, hasMore: hasMoreDeliveries } = setAside;
    if (workflowIds.length === 0 || this.#state.scope.documentId !== undefined) return;
    const report = await retrySetAside
      .executeWithOptions({ summary: `entries set aside by ${workflowIds.length} deliveries` }, [
        { workflowIds },
      ])
      .catch(failureOf);
    if (report instanceof Error) this.#fail('entries set aside', report.message);
    else this.#state = { ...this.#state, setAside: { ...report, hasMore: hasMoreDeliveries } };
  }

  async #conclude({ policy }: PrepareReconciliationResult): Promise<ReconciliationReport> {
    const report = reportOf(this.#state, new Date().toISOString());
    this.#show();
    count(report);
    const { scope, startedAt, providerStartedAt = startedAt, isComplete } = report;
    const memo: RunMemo = { scope, startedAt, providerStartedAt, isComplete };
    upsertMemo({ [RUN_MEMO]: memo });
    const { workflowId, firstExecutionRunId: runId } = workflowInfo();
    for (const announcement of announcementsOf(report, { workflowId, runId })) {
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

/** A failure for good; a cancellation ends the run. */
function failureOf(error: unknown): Error {
  if (isCancellation(error)) throw error;
  if (!(error instanceof ActivityFailure)) throw error;
  // A time-out tells less than what was tried last.
  const { cause = error } = error;
  const last = cause instanceof TimeoutFailure ? lastFailureBefore(cause) : undefined;
  return new Error(last ?? cause.message);
}

async function tell(
  channel: Parameters<Activities['announce']>[0]['channel'],
  announcement: OperationsAnnouncement,
): Promise<void> {
  const summary = `announce ${announcement.event} by ${channel}`;
  const failure = await announce
    .executeWithOptions({ summary }, [{ channel, announcement }])
    .catch(failureOf);
  // The report has it as well, and the next run tells what is still wrong.
  if (failure instanceof Error) log.warn(`could not ${summary}: ${failure.message}`);
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
