import { Context } from '@temporalio/activity';
import PQueue from 'p-queue';
import type { DocumentListingQuery } from '../provider/document-listing.js';
import type { ProviderClient } from '../provider/provider-client.js';
import { ProviderError } from '../provider/provider-error.js';
import {
  addCounts,
  FAILURE_TYPES,
  keyOfFurtherPage,
  NO_COUNTS,
  REASON_MAX_LENGTH,
  ROW_MARKS,
} from '../workflows/contract.js';
import type {
  Activities,
  DocumentSnapshot,
  ListingSegment,
  ReconcilePageInput,
  ReconcilePageResult,
} from '../workflows/contract.js';
import { fingerprintOf, formatFingerprints, meets, tailOf } from '../workflows/listed-documents.js';
import { allAtOnce } from './all-at-once.js';
import {
  comparedAtOnce,
  compareDocument,
  type Compared,
  type Comparison,
} from './compare-document.js';
import { isBusy, permanent, retryable, withFailures } from './failures.js';
import { createFollowedDocuments, type FollowedDocuments } from './followed-documents.js';
import { withHeartbeat } from './heartbeat.js';
import { knownDocuments, type KnownDocument, type LookUpMemory } from './known-documents.js';
import { findingOf, sumOfFindings } from './missed-figures.js';
import { SIGNALS_AT_ONCE } from './signal-document.js';

/** What the activity works with. */
export interface ReconcilePageDependencies extends Comparison {
  readonly provider: Pick<ProviderClient, 'listDocuments'>;
}

/** Pages that one worker asks the provider for at a time; it has others to serve as well. */
const LISTINGS_AT_ONCE = 2;

/** Rows of one page that fit into a payload's 2 MB. Asked for are 1,000 at the most. */
const ROWS_MAX = 100_000;

/** What is not done after as long, in ms, is left to activities of its own. */
const READ_ON_MS = 2_000;

/** Of one result, beyond its first page: 170 kB. */
const ROWS_TOGETHER = 10_000;

/** After as many attempts, a document that cannot be compared is left out of the page. */
const WHOLE_PAGE_ATTEMPTS = 3;

/** The same where Temporal or its workers have too much to do: five minutes or more. */
const WHOLE_PAGE_ATTEMPTS_WHEN_BUSY = 9;

/**
 * The activity that reads one page of the provider's listing, compares each document with what is
 * known, and repairs what was missed; then it goes on with the next ones, if it was asked to. One
 * that fails, or does not meet the one before, needs an activity of its own. Whoever reads a page
 * once more finds the first one's repairs by their key and counts them alike.
 */
export function createReconcilePage(
  dependencies: ReconcilePageDependencies,
): Activities['reconcilePage'] {
  const listings = new PQueue({ concurrency: LISTINGS_AT_ONCE });
  const turns = new PQueue({ concurrency: SIGNALS_AT_ONCE });
  const memory: LookUpMemory = { areMostUnknown: false };
  const followed = createFollowedDocuments(dependencies.client);
  const read: ReadPage = (input, signal) =>
    listings.add(() => readPage(dependencies.provider, input, signal));
  const more = { ...dependencies, read, turns, memory, followed };
  return (input) => withFailures(() => withHeartbeat((note) => reconcilePages(more, input, note)));
}

type Page = NonNullable<Awaited<ReturnType<ProviderClient['listDocuments']>>>;
type ReadPage = (input: ReconcilePageInput, signal: AbortSignal) => Promise<Page | string>;
type Note = (details: unknown) => void;

interface PageDependencies extends ReconcilePageDependencies {
  readonly read: ReadPage;
  /**
   * For documents that are asked or told, whatever their page: each page with as many of its own
   * would make their workflows' answers come too late, and each attempt at a page begins anew.
   */
  readonly turns: PQueue;
  readonly memory: LookUpMemory;
  readonly followed: FollowedDocuments;
}

async function reconcilePages(
  dependencies: PageDependencies,
  input: ReconcilePageInput,
  note: Note,
): Promise<ReconcilePageResult> {
  const beganMs = performance.now();
  const first = await readAndReconcile(dependencies, input, { note });
  if (typeof first === 'string') return refusedPage(first);
  const firstEndedMs = performance.now();
  let result = first;
  let pagesRead = 1;
  const { info, cancellationSignal, log } = Context.current();
  // What an earlier attempt did beyond its first page is for the pages' own activities to find.
  let isRestTouched = info.attempt > 1;
  for (const offset of isRestTouched ? [] : (input.furtherOffsets ?? [])) {
    const leftMs = READ_ON_MS - Math.ceil(performance.now() - beganMs);
    if (leftMs < 1 || result.rows.length > ROWS_TOGETHER) break;
    const further = { ...input, offset, key: keyOfFurtherPage(input.key, pagesRead) };
    const tail = tailOf(result.fingerprints);
    const onCompare = (): void => {
      isRestTouched = true;
    };
    try {
      const next = await readAndReconcile(dependencies, further, { note, tail, leftMs, onCompare });
      if (typeof next === 'string') break;
      result = together(result, next);
      isRestTouched = false;
      pagesRead += 1;
    } catch (error) {
      cancellationSignal.throwIfAborted();
      const why = { offset, error: String(error) };
      log.warn('a further page is left to an activity of its own', why);
      break;
    }
  }
  const endedMs = performance.now();
  const ageMs = Math.round((first.providerTimeAgeMs ?? 0) + endedMs - firstEndedMs);
  const tookMs = Math.round(endedMs - beganMs);
  return { ...result, providerTimeAgeMs: ageMs, pagesRead, isRestTouched, tookMs };
}

interface Reading {
  readonly note: Note;
  /** Of the page before, which this one has to meet. */
  readonly tail?: string;
  readonly leftMs?: number;
  readonly onCompare?: () => void;
}

/** A page on its own, so that nothing keeps it once it is compared. @returns why it is not */
async function readAndReconcile(
  dependencies: PageDependencies,
  input: ReconcilePageInput,
  { note, tail = '', leftMs, onCompare }: Reading,
): Promise<ReconcilePageResult | string> {
  note({ phase: 'listing', offset: input.offset });
  const page = await within(leftMs, (signal) => dependencies.read(input, signal));
  if (typeof page === 'string') return page;
  const fingerprints = fingerprintsOf(page, input);
  // Rows may go away meanwhile: what lies between is for the workflow to find.
  if (!meets(tail, fingerprints)) return 'it does not meet the page before';
  onCompare?.();
  return reconcile(dependencies, input, { page, fingerprints, note });
}

/** By hand: composed signals and `AbortSignal.timeout` would keep what was read for seconds. */
async function within<Result>(
  ms: number | undefined,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const { cancellationSignal } = Context.current();
  if (ms === undefined) return work(cancellationSignal);
  const late = new AbortController();
  const giveUp = (): void => {
    late.abort(cancellationSignal.reason ?? new Error(`not read within ${ms} ms`));
  };
  const timer = setTimeout(giveUp, ms);
  cancellationSignal.addEventListener('abort', giveUp);
  try {
    return await work(late.signal);
  } finally {
    clearTimeout(timer);
    cancellationSignal.removeEventListener('abort', giveUp);
  }
}

/** Two pages' results as one's. */
function together(a: ReconcilePageResult, b: ReconcilePageResult): ReconcilePageResult {
  return {
    ...b,
    fingerprints: a.fingerprints + b.fingerprints,
    rows: a.rows + b.rows,
    unreadable: a.unreadable + b.unreadable,
    ...(a.providerTime !== undefined && { providerTime: a.providerTime }),
    counts: addCounts(a.counts, b.counts),
    examples: [...a.examples, ...b.examples],
  };
}

async function reconcile(
  dependencies: PageDependencies,
  input: ReconcilePageInput,
  { page, fingerprints, note }: { page: Page; fingerprints: string; note: Note },
): Promise<ReconcilePageResult> {
  const { documents, unreadable, hasNext, total, providerTime } = page;
  const { offset } = input;
  const answeredMs = performance.now();
  note({ phase: 'visibility', offset, documents: documents.length });
  const compared = await compareAll(dependencies, documents, {
    terms: { ...input, nowMs: clockMs(providerTime) },
    input,
    onProgress: (count) => {
      note({ phase: 'comparing', offset, count });
    },
  });
  return {
    fingerprints,
    rows: compared.map(({ mark }) => mark).join(''),
    unreadable,
    hasNext,
    ...(total !== undefined && { total }),
    ...(providerTime !== undefined && { providerTime }),
    providerTimeAgeMs: performance.now() - answeredMs,
    ...sumOfFindings(compared),
  };
}

function fingerprintsOf({ documents }: Page, { seed }: ReconcilePageInput): string {
  return formatFingerprints(documents.map(({ documentId }) => fingerprintOf(seed, documentId)));
}

/** The provider's clock, where it tells it: to the end of the second that its header names. */
function clockMs(providerTime: string | undefined): number {
  const ms = Date.parse(providerTime ?? '');
  return Number.isNaN(ms) ? Date.now() : ms + 1000;
}

/** @returns why, where the account has no such listing */
async function readPage(
  provider: ReconcilePageDependencies['provider'],
  { segment, offset, limit }: ReconcilePageInput,
  signal: AbortSignal,
): Promise<Page | string> {
  try {
    const page = await provider.listDocuments(queryOf(segment, { offset, limit }), { signal });
    if (!page) return noPage(offset);
    const rows = page.documents.length + page.unreadable;
    requireRows(rows, limit);
    if (rows === 0 && page.hasNext) requireAnotherLook(offset);
    return page;
  } catch (error) {
    // Only the first page can tell: a later one that is refused is a failure of its own.
    const isRefused = error instanceof ProviderError && error.kind === 'refused' && offset === 0;
    if (isRefused) return error.message;
    throw error;
  }
}

/**
 * Behind a first page that it gave, the provider's 404 is a lag, or a fault on the way. A first one
 * is believed where it stays.
 */
function noPage(offset: number): string {
  const isBelieved = offset === 0 && Context.current().info.attempt >= WHOLE_PAGE_ATTEMPTS;
  if (isBelieved) return 'the provider has no such listing (404)';
  const message = `The provider does not know the rows from ${offset} of its listing (404).`;
  throw retryable(FAILURE_TYPES.unavailable, message);
}

/** No row, but more of them behind: a fault that passes, as a rule. Where it stays, it is so. */
function requireAnotherLook(offset: number): void {
  if (Context.current().info.attempt >= WHOLE_PAGE_ATTEMPTS) return;
  const message = `The provider shows no rows from ${offset} of its listing, but says that more follow.`;
  throw retryable(FAILURE_TYPES.unavailable, message);
}

function requireRows(rows: number, limit: number): void {
  if (rows <= ROWS_MAX) return;
  throw permanent(
    FAILURE_TYPES.requestRefused,
    `The provider answered a page of ${limit} rows with ${rows}: more than ${ROWS_MAX} are not ` +
      'taken. It does not heed `limit`; see RECONCILE_LISTING for another listing.',
  );
}

function queryOf(
  { kind, group = '', modifiedSince, withArchived }: ListingSegment,
  page: { offset: number; limit: number },
): DocumentListingQuery {
  return kind === 'cache'
    ? { kind, ...page }
    : { kind, group, modifiedSince, withArchived, ...page };
}

function refusedPage(refused: string): ReconcilePageResult {
  const nothing = { fingerprints: '', rows: '', unreadable: 0, hasNext: false, examples: [] };
  return { ...nothing, counts: NO_COUNTS, refused };
}

const UNKNOWN: KnownDocument = { kind: 'unknown' };

interface Comparing {
  readonly input: Pick<ReconcilePageInput, 'seed' | 'repairsSinceMs'>;
  readonly terms: Parameters<typeof compareDocument>[3];
  readonly onProgress: (count: number) => void;
}

/** In the documents' order. */
async function compareAll(
  dependencies: PageDependencies,
  documents: readonly DocumentSnapshot[],
  { terms, input, onProgress }: Comparing,
): Promise<Compared[]> {
  const { attempt, scheduledTimestampMs } = Context.current().info;
  const repairsSinceMs = input.repairsSinceMs ?? (attempt > 1 ? scheduledTimestampMs : undefined);
  const { client, turns, memory, followed } = dependencies;
  const isIgnored = (snapshot: DocumentSnapshot): boolean =>
    comparedAtOnce(snapshot, UNKNOWN, terms)?.mark === ROW_MARKS.unknownIgnored;
  const lookUp = { memory, followed, run: input.seed, isIgnored, repairsSinceMs };
  const known = await knownDocuments(client, documents, lookUp);
  const unknown = { ...UNKNOWN, mayBeRepaired: repairsSinceMs !== undefined };
  const nowOf = ({ documentId }: DocumentSnapshot): KnownDocument =>
    known.get(documentId) ?? unknown;
  let count = 0;
  const compare = async (snapshot: DocumentSnapshot): Promise<Compared> => {
    Context.current().cancellationSignal.throwIfAborted();
    const compared = await orLeftOut(snapshot.documentId, () =>
      compareDocument(dependencies, snapshot, nowOf(snapshot), terms),
    );
    onProgress((count += 1));
    return compared;
  };
  const compared = documents.map((snapshot) => comparedAtOnce(snapshot, nowOf(snapshot), terms));
  // Few documents need a call, and so a promise and a turn in the queue.
  const calls = documents.flatMap((snapshot, row) => {
    if (compared[row]) return [];
    return () =>
      turns.add(async () => {
        compared[row] = await compare(snapshot);
      });
  });
  await allAtOnce(calls, SIGNALS_AT_ONCE);
  return compared.filter((each) => each !== undefined);
}

/** One document's trouble is the page's for a few attempts, then its own. */
export async function orLeftOut(
  documentId: string,
  compare: () => Promise<Compared>,
): Promise<Compared> {
  try {
    return await compare();
  } catch (error) {
    const { info, cancellationSignal } = Context.current();
    cancellationSignal.throwIfAborted();
    const attempts = isBusy(error) ? WHOLE_PAGE_ATTEMPTS_WHEN_BUSY : WHOLE_PAGE_ATTEMPTS;
    if (info.attempt < attempts) throw error;
    const what = `could not be compared: ${reasonsOf(error).slice(0, REASON_MAX_LENGTH)}`;
    const finding = findingOf('failed', documentId, what);
    return { ...finding, mark: ROW_MARKS.failed };
  }
}

/** The SDK says what it was about; why, the causes tell. */
function reasonsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${reasonsOf(error.cause)}`;
}
