import { Client, WorkflowNotFoundError } from '@temporalio/client';
import type { WorkflowExecutionDescription } from '@temporalio/client';
import { lookUpOptions } from '../codec/data-converter.js';
import {
  documentWorkflowId,
  missedChangesQuery,
  NEWS_MARGIN_MS,
  noticeReceivedSignal,
  ROW_MARKS,
} from '../workflows/contract.js';
import type {
  ComparisonTerms,
  DocumentSigningInput,
  DocumentSnapshot,
  FollowUpPolicy,
  MissedChangesAnswer,
  OutcomeKind,
  ReconciliationMark,
  RowMark,
  StatusReport,
} from '../workflows/contract.js';
import { INITIAL_PROGRESS, missedChanges } from '../workflows/progress.js';
import { snapshotDigest } from '../workflows/status-digest.js';
import type { Archive } from './archive/archive.js';
import { asKnown, type KnownDocument } from './known-documents.js';
import { findingOf, NO_FINDING, repairFinding, type Finding } from './missed-figures.js';
import {
  CALL_DEADLINE_MS,
  signalDocument,
  startDocument,
  type Documents,
  type StartOptions,
} from './signal-document.js';

/** What comparing needs. */
export interface Comparison extends Documents {
  readonly archive: Pick<Archive, 'readReceipt'>;
  /** How an adopted document is followed up. */
  readonly followUp?: FollowUpPolicy | undefined;
}

/** The terms, and the provider's clock. */
export interface ComparisonNow extends ComparisonTerms {
  readonly nowMs: number;
}

/** A document compared. */
export interface Compared extends Finding {
  readonly mark: RowMark;
}

/** Of most documents there is nothing to tell but this: one object for all of them. */
function nothingFound(mark: RowMark): Compared {
  return { ...NO_FINDING, mark };
}

const OUTSIDE = nothingFound(ROW_MARKS.outside);
const OPEN = nothingFound(ROW_MARKS.open);
const CLOSED = nothingFound(ROW_MARKS.closed);
const IGNORED = nothingFound(ROW_MARKS.unknownIgnored);

/** Compares what the provider shows with what is known, and repairs what was missed. */
export async function compareDocument(
  comparison: Comparison,
  snapshot: DocumentSnapshot,
  known: KnownDocument,
  terms: ComparisonNow,
): Promise<Compared> {
  const compared = comparedAtOnce(snapshot, known, terms);
  if (compared) return compared;
  if (known.kind === 'unknown') return adoptUnlessKnown(comparison, snapshot, known, terms);
  if (known.kind === 'closed') {
    const mayBeOurs = known.mayBeRepaired === true || isSignedAfterAll(snapshot, known);
    const earlier = mayBeOurs ? await findEarlierRepair(comparison, snapshot, terms) : undefined;
    if (earlier) return { ...earlier, mark: ROW_MARKS.closed };
    return afterItsEnd(comparison, snapshot, known, terms);
  }
  if (known.isInStep) {
    const earlier = await findEarlierRepair(comparison, snapshot, terms);
    return { ...(earlier ?? NO_FINDING), mark: ROW_MARKS.open };
  }
  return { ...(await repair(comparison, snapshot, terms)), mark: ROW_MARKS.open };
}

/** What follows from what is known already; undefined where somebody has to be asked or told. */
export function comparedAtOnce(
  snapshot: DocumentSnapshot,
  known: KnownDocument,
  terms: ComparisonNow,
): Compared | undefined {
  if (isOutside(snapshot, terms)) return OUTSIDE;
  switch (known.kind) {
    case 'open':
      if (!known.isInStep || known.mayBeRepaired) return undefined;
      return OPEN;
    case 'closed':
      if (known.mayBeRepaired || isSignedAfterAll(snapshot, known)) return undefined;
      return contradiction(snapshot, known.outcome, terms) === NO_FINDING ? CLOSED : undefined;
    case 'unknown':
      return unlessAdopted(snapshot, terms);
  }
}

function isOutside({ group, modified }: DocumentSnapshot, terms: ComparisonNow): boolean {
  const { groups, since } = terms;
  if (groups.length > 0 && group !== undefined && !groups.includes(group)) return true;
  // Where the provider does not say when, it is looked at.
  return since !== undefined && modified !== '' && Date.parse(modified) < Date.parse(since);
}

/** The workflow itself says what it did not know: visibility lags behind it. */
async function repair(
  comparison: Comparison,
  snapshot: DocumentSnapshot,
  terms: ComparisonNow,
): Promise<Finding> {
  const { documentId } = snapshot;
  const { key } = terms;
  const { missed, repaired } = await askDocument(comparison.client, documentId, { snapshot, key });
  // An earlier attempt at the same page was here.
  if (repaired) return repairFinding(snapshot, repaired, terms, terms.nowMs);
  if (missed.length === 0) return findingOf('falseAlarms', documentId);
  await tell(comparison, snapshot, { key, missed });
  return findRepair(comparison, snapshot, terms);
}

/** What an earlier attempt at the same page told it, before its worker died. */
async function findEarlierRepair(
  { client }: Comparison,
  snapshot: DocumentSnapshot,
  terms: ComparisonNow,
): Promise<Finding | undefined> {
  const { repaired } = await askDocument(client, snapshot.documentId, { key: terms.key });
  return repaired && repairFinding(snapshot, repaired, terms, terms.nowMs);
}

/** Counts what the workflow holds for ours: another page may have told it the same meanwhile. */
async function findRepair(
  { client }: Comparison,
  snapshot: DocumentSnapshot,
  terms: ComparisonNow,
): Promise<Finding> {
  const { documentId } = snapshot;
  try {
    const { repaired } = await askDocument(client, documentId, { key: terms.key });
    if (!repaired) return findingOf('falseAlarms', documentId);
    return repairFinding(snapshot, repaired, terms, terms.nowMs);
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    return NO_FINDING;
  }
}

async function askDocument(
  client: Client,
  documentId: string,
  question: { readonly snapshot?: DocumentSnapshot; readonly key: string },
): Promise<MissedChangesAnswer> {
  return client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
    client.workflow.getHandle(documentWorkflowId(documentId)).query(missedChangesQuery, question),
  );
}

function tell(
  comparison: Comparison,
  snapshot: DocumentSnapshot,
  mark: ReconciliationMark,
): Promise<boolean> {
  const input = { ...startInput(comparison, snapshot), signers: snapshot.signers };
  return signalDocument(comparison, input, reportOf(snapshot, mark));
}

function startInput(
  { followUp }: Comparison,
  { documentId, group, tag }: DocumentSnapshot,
): DocumentSigningInput {
  const labels = { ...(group ? { group } : {}), ...(tag ? { tag } : {}) };
  return { documentId, ...labels, ...(followUp ? { followUp } : {}) };
}

function reportOf(snapshot: DocumentSnapshot, reconciliation: ReconciliationMark): StatusReport {
  return { source: 'reconciliation', changes: [], snapshot, reconciliation };
}

type Closed = Extract<KnownDocument, { kind: 'closed' }>;

/** Here only our own patience ended; the provider let people sign. */
function isSignedAfterAll(snapshot: DocumentSnapshot, { outcome }: Closed): boolean {
  return outcome === 'expired' && endAtProvider(snapshot) === 'completed';
}

/** How a document ended at the provider; undefined where it is open there. */
export function endAtProvider({ status, finalPdf }: DocumentSnapshot): OutcomeKind | undefined {
  if (finalPdf || status === 'finalised') return 'completed';
  return status === 'rejected' || status === 'removed' ? status : undefined;
}

/** A signed contract is worth its archive also after the deadline: the document begins anew. */
async function afterItsEnd(
  comparison: Comparison,
  snapshot: DocumentSnapshot,
  known: Closed,
  terms: ComparisonNow,
): Promise<Compared> {
  const { documentId } = snapshot;
  // Visibility lags: it may have begun anew a moment ago, and may have ended again.
  const now = isSignedAfterAll(snapshot, known)
    ? await describeDocument(comparison.client, snapshot)
    : known;
  if (now.kind !== 'closed') return OPEN;
  if (!isSignedAfterAll(snapshot, now)) {
    const finding = contradiction(snapshot, now.outcome, terms);
    if (finding === NO_FINDING) return CLOSED;
    // Who erases it here removes it there as well.
    const isErased = (await comparison.archive.readReceipt(documentId))?.erasedAt !== undefined;
    return isErased ? CLOSED : { ...finding, mark: markOf(finding) };
  }
  const begun = await adopt(comparison, snapshot, terms, { beginsAnew: true });
  if (!begun) return OPEN;
  if (begun.mark !== ROW_MARKS.adopted) return begun;
  return { ...begun, example: { documentId, what: 'expired here, signed since: begun anew' } };
}

/** A closed document stays closed; what the provider says against its outcome is for people. */
function contradiction(
  snapshot: DocumentSnapshot,
  outcome: string | undefined,
  terms: ComparisonTerms,
): Finding {
  // Who stopped it knows that the provider may go on with it; and what expired may well go.
  if (outcome === 'stopped' || outcome === 'expired') return NO_FINDING;
  const { documentId, status } = snapshot;
  const end = endAtProvider(snapshot);
  const isOpenAgain = end === undefined && (outcome === 'removed' || outcome === 'rejected');
  const isOtherEnd = end !== undefined && outcome !== undefined && end !== outcome;
  if (!isOtherEnd && !isOpenAgain) return NO_FINDING;
  const what = `ended here as ${outcome}, but the provider says ${end ?? status}`;
  const finding = findingOf('contradicted', documentId, what);
  if (!isNews(snapshot, terms)) return finding;
  return { ...finding, counts: { ...finding.counts, newlyContradicted: 1 } };
}

function markOf({ counts }: Finding): RowMark {
  return counts.newlyContradicted === 1 ? ROW_MARKS.newlyContradicted : ROW_MARKS.contradicted;
}

/** Changed at the provider since the last run; also where either does not say when. */
function isNews({ modified }: DocumentSnapshot, { newsSince }: ComparisonTerms): boolean {
  if (newsSince === undefined || modified === '') return true;
  return Date.parse(modified) >= Date.parse(newsSince);
}

function unlessAdopted(
  { group = '', documentId, status }: DocumentSnapshot,
  { adoption }: ComparisonTerms,
): Compared | undefined {
  const mode = Object.hasOwn(adoption.byGroup, group)
    ? adoption.byGroup[group]
    : adoption.otherwise;
  if (mode === 'ignore') return IGNORED;
  if (mode !== 'report') return undefined;
  const example = { documentId, what: `has no workflow; ${status} at the provider` };
  return { ...NO_FINDING, example, mark: ROW_MARKS.unknownReported };
}

async function adoptUnlessKnown(
  comparison: Comparison,
  snapshot: DocumentSnapshot,
  { mayBeRepaired }: KnownDocument,
  terms: ComparisonNow,
): Promise<Compared> {
  const adopted = await adopt(comparison, snapshot, terms);
  if (adopted?.mark === ROW_MARKS.adopted) return adopted;
  // Visibility lags, and an earlier attempt may have started it a moment ago.
  const known = await describeDocument(comparison.client, snapshot);
  if (known.kind === 'closed') return afterItsEnd(comparison, snapshot, known, terms);
  if (known.kind === 'open') {
    // The page that shares this row adopted it. Its answer would come after all first tasks.
    if (known.isInStep && !mayBeRepaired) return OPEN;
    return { ...(await repair(comparison, snapshot, terms)), mark: ROW_MARKS.open };
  }
  return adopted ?? CLOSED;
}

/** @returns why it is not adopted, or that it is; undefined where it has a workflow */
async function adopt(
  comparison: Comparison,
  snapshot: DocumentSnapshot,
  terms: ComparisonNow,
  options?: StartOptions,
): Promise<Compared | undefined> {
  const { documentId } = snapshot;
  if ((await comparison.archive.readReceipt(documentId)) !== undefined) {
    return { ...findingOf('alreadyArchived', documentId), mark: ROW_MARKS.alreadyArchived };
  }
  if (isLongOver(snapshot, terms)) {
    return { ...findingOf('longOver', documentId), mark: ROW_MARKS.longOver };
  }
  const missed = missedChanges(documentId, INITIAL_PROGRESS, snapshot);
  const mark: ReconciliationMark = { key: terms.key, missed, isAdoption: true };
  const input = { ...startInput(comparison, snapshot), news: reportOf(snapshot, mark) };
  if (!(await startDocument(comparison, input, options))) return undefined;
  return { ...repairFinding(snapshot, mark, terms, terms.nowMs), mark: ROW_MARKS.adopted };
}

/** A signed contract is always worth its archive; an old rejection is no news to anybody. */
function isLongOver(snapshot: DocumentSnapshot, { newsSince }: ComparisonNow): boolean {
  const { status, modified } = snapshot;
  if (status !== 'rejected' && status !== 'removed') return false;
  if (newsSince === undefined || modified === '') return true;
  return Date.parse(modified) < Date.parse(newsSince) - NEWS_MARGIN_MS;
}

/** By the workflow's own record, which does not lag. */
export async function describeDocument(
  client: Client,
  snapshot: DocumentSnapshot,
): Promise<KnownDocument> {
  try {
    return asKnown(await describe(client, snapshot.documentId), snapshotDigest(snapshot));
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { kind: 'unknown' };
    throw error;
  }
}

/** The provider does not know the document: its workflow looks into it by itself, if it runs. */
export async function tellOfAbsence(client: Client, documentId: string): Promise<Finding> {
  try {
    // What has ended here may go there.
    if (await hasEnded(client, documentId)) return NO_FINDING;
    const { isAskingAlready } = await askDocument(client, documentId, { key: '' });
    if (!isAskingAlready) {
      await client.workflow.getHandle(documentWorkflowId(documentId)).signal(noticeReceivedSignal);
    }
    return findingOf('gone', documentId, 'the provider does not know it (any more)');
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    return findingOf('gone', documentId, 'neither the provider nor a workflow knows it');
  }
}

/** Whether its workflow came to its end; false where there is none. */
export async function hasEnded(client: Client, documentId: string): Promise<boolean> {
  try {
    return (await describe(client, documentId)).status.name === 'COMPLETED';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

function describe(client: Client, documentId: string): Promise<WorkflowExecutionDescription> {
  const { workflow } = new Client(lookUpOptions(client));
  const handle = workflow.getHandle(documentWorkflowId(documentId));
  return client.withDeadline(Date.now() + CALL_DEADLINE_MS, () => handle.describe());
}
