/**
 * How far a document's signing has come: pure, and the only place that knows what "finished" means.
 *
 * Applying news is a join: any permutation, repetition or splitting of the same news ends in the
 * same progress, but for which signers are followed where there are more than 300. Each subject
 * (the document, each signer) keeps the changes it has heard of and the latest picture the provider
 * gave; its status is derived from both, never stored.
 */
import type {
  ChangeSource,
  DocumentSnapshot,
  MissedChange,
  OutcomeKind,
  SignerBounce,
  SignerSnapshot,
  SigningOutcome,
  StatusChange,
  StatusReport,
  TimelineEntry,
} from './contract.js';
import { documentStatusNumber, signerStatusNumber } from './statuses.js';
import type { DocumentStatus, SignerStatus } from './statuses.js';

/** A change as recorded: told twice, it is one change with two sources. */
export interface RecordedChange<Status> {
  readonly status: Status;
  readonly at: string;
  readonly position: number;
  readonly sources: readonly ChangeSource[];
}

/** What the provider last showed of a subject. */
export interface PicturedStatus<Status> {
  readonly status: Status;
  /** The document's last modification in that picture, ISO 8601 UTC, or empty. */
  readonly modified: string;
  readonly source: ChangeSource;
}

export interface SubjectProgress<Status> {
  /** In order of time, position and status; the last one is the latest. */
  readonly changes: readonly RecordedChange<Status>[];
  /** The largest status number that any change has named; -1 before the first. */
  readonly peak: number;
  readonly picture?: PicturedStatus<Status>;
}

export interface SignerProgress extends SubjectProgress<SignerStatus> {
  readonly order?: number;
  readonly role?: string;
  readonly rejectionReason?: string;
  /** The document's last modification in the picture with that reason. */
  readonly reasonModified?: string;
  /** When mail to them last came back, ISO 8601 UTC. */
  readonly bouncedAt?: string;
}

export interface SigningProgress {
  readonly document: SubjectProgress<DocumentStatus>;
  readonly signers: Readonly<Record<string, SignerProgress>>;
  /** Anything said that the final PDF exists. Never unsaid. */
  readonly finalPdf: boolean;
}

export interface SignerView {
  readonly id: string;
  readonly status: SignerStatus;
  readonly number: number;
  /** When this status was reached, ISO 8601 UTC; empty where the provider does not say. */
  readonly at: string;
  readonly sources: readonly ChangeSource[];
  readonly order?: number;
  readonly role?: string;
  readonly rejectionReason?: string;
  /** When mail to them last came back, ISO 8601 UTC. */
  readonly bouncedAt?: string;
}

/** A signer whose turn it is. */
export interface WaitingSigner {
  readonly signerId: string;
  /** ISO 8601 UTC: by the invitation, or since this workflow knows of it. */
  readonly since: string;
  /** Reminders sent in this turn. */
  readonly reminders: number;
}

/** A document's progress as shown to people and programs. */
export interface ProgressView {
  readonly documentId: string;
  /** Grows with everything that changes what this view shows. */
  readonly revision: number;
  readonly status: DocumentStatus;
  readonly number: number;
  readonly group?: string;
  readonly tag?: string;
  readonly deadline?: string;
  /** Whose turn it is. */
  readonly waitingFor: readonly WaitingSigner[];
  readonly signers: readonly SignerView[];
  readonly timeline: readonly TimelineEntry[];
  readonly outcome?: SigningOutcome;
  /** Why it waits for `retry`. */
  readonly attention?: string;
  /** What was announced, or is owed still; the revision does not count deliveries. */
  readonly announcements?: readonly AnnouncementView[];
}

export interface AnnouncementView {
  readonly event: string;
  /** Channels that have not taken it yet; empty: all have. */
  readonly owedTo: readonly string[];
}

/**
 * Changes kept per subject, the latest ones. Eleven statuses are known; three rounds of them leave
 * room for resets.
 */
const CHANGES_KEPT = 32;

/**
 * Signers followed one by one: 300 signers × 32 changes × 120 bytes, and what is owed to channels
 * at a time, stay below a payload's 2 MB. A document with more is followed all the same, by its own
 * status; the first 300 that are heard of stay.
 */
export const SIGNERS_MAX = 300;

const NOTHING: SubjectProgress<never> = { changes: [], peak: -1 };

/** Before anything is known. */
export const INITIAL_PROGRESS: SigningProgress = {
  document: NOTHING,
  signers: {},
  finalPdf: false,
};

/** Progress after some news. */
export function applyReport(progress: SigningProgress, report: StatusReport): SigningProgress {
  const changed = report.changes.reduce(
    (reached, change) => applyChange(reached, change, report.source),
    progress,
  );
  const bounced = (report.bounces ?? []).reduce(applyBounce, changed);
  return report.snapshot ? applySnapshot(bounced, report.snapshot, report.source) : bounced;
}

/** A bounce is no status: mail may come back and the signer sign all the same. */
function applyBounce(progress: SigningProgress, { signerId, at }: SignerBounce): SigningProgress {
  if (!isFollowed(progress.signers, signerId)) return progress;
  const known = signerOf(progress, signerId);
  const bouncedAt = greater(known.bouncedAt, at) ?? at;
  return { ...progress, signers: { ...progress.signers, [signerId]: { ...known, bouncedAt } } };
}

/** Progress after one change. */
export function applyChange(
  progress: SigningProgress,
  change: StatusChange,
  source: ChangeSource,
): SigningProgress {
  if (change.subject === 'document') {
    const document = record(progress.document, change, source, documentStatusNumber);
    return { ...progress, document, finalPdf: progress.finalPdf || change.status === 'finalised' };
  }
  if (!isFollowed(progress.signers, change.id)) return progress;
  const signer = record(signerOf(progress, change.id), change, source, signerStatusNumber);
  return { ...progress, signers: { ...progress.signers, [change.id]: signer } };
}

/** Progress after the provider showed the whole document. */
export function applySnapshot(
  progress: SigningProgress,
  snapshot: DocumentSnapshot,
  source: ChangeSource,
): SigningProgress {
  const signers = { ...progress.signers };
  for (const signer of snapshot.signers) {
    if (!isFollowed(signers, signer.id)) continue;
    signers[signer.id] = picture(signerOf(progress, signer.id), signer, snapshot.modified, source);
  }
  const shown = { status: snapshot.status, modified: snapshot.modified, source };
  return {
    document: {
      ...progress.document,
      picture: later(progress.document.picture, shown, documentStatusNumber),
    },
    signers,
    finalPdf: progress.finalPdf || snapshot.finalPdf || snapshot.status === 'finalised',
  };
}

/** The document's status, and since when, as far as anything is known. */
export function documentReading(
  progress: SigningProgress,
): RecordedChange<DocumentStatus> | undefined {
  const reading = read(progress.document, documentStatusNumber);
  if (!progress.finalPdf || reading?.status === 'finalised') return reading;
  return {
    status: 'finalised',
    at: reading?.at ?? '',
    position: 0,
    sources: reading?.sources ?? [],
  };
}

/** A signer's status, and since when. */
export function signerReading(signer: SignerProgress): RecordedChange<SignerStatus> | undefined {
  return read(signer, signerStatusNumber);
}

/** The document's status in a word. A document of which nothing is known exists at least. */
export function documentStatus(progress: SigningProgress): DocumentStatus {
  return documentReading(progress)?.status ?? 'created';
}

/** How the document ended, if it has. A final PDF outweighs everything else that was said. */
export function outcomeOf(progress: SigningProgress): OutcomeKind | undefined {
  const status = documentStatus(progress);
  if (status === 'finalised') return 'completed';
  return status === 'rejected' || status === 'removed' ? status : undefined;
}

/** What only the provider can answer: everybody signed but no PDF, or a signer refused. */
export type OpenQuestion = 'signedWithoutFinalPdf' | 'signerRejected';

/** The question that the statuses leave open, if they do. */
export function openQuestion(progress: SigningProgress): OpenQuestion | undefined {
  if (outcomeOf(progress) !== undefined) return undefined;
  if (documentStatus(progress) === 'signed') return 'signedWithoutFinalPdf';
  const refused = Object.values(progress.signers).some(
    (signer) => signerReading(signer)?.status === 'rejected',
  );
  return refused ? 'signerRejected' : undefined;
}

/** The document and the signers whose status would be another one after this picture. */
export function missedChanges(
  documentId: string,
  progress: SigningProgress,
  snapshot: DocumentSnapshot,
): MissedChange[] {
  const repaired = applySnapshot(progress, snapshot, 'reconciliation');
  const status = documentReading(repaired)?.status;
  const isMissed = status !== undefined && status !== documentReading(progress)?.status;
  const document = isMissed ? [{ subject: 'document' as const, id: documentId, status }] : [];
  return [
    ...document,
    ...snapshot.signers.flatMap(({ id }) => missedOfSigner(progress, repaired, id)),
  ];
}

function missedOfSigner(
  progress: SigningProgress,
  repaired: SigningProgress,
  id: string,
): MissedChange[] {
  // A signer of whom nothing has been heard is unsent: no callback tells of that.
  const known = signerReading(signerOf(progress, id))?.status ?? 'unsent';
  const status = signerReading(signerOf(repaired, id))?.status ?? 'unsent';
  return status === known ? [] : [{ subject: 'signer', id, status }];
}

/** A sentence, if what is known contradicts the outcome that was acted on. */
export function contradictionOf(progress: SigningProgress, kind: OutcomeKind): string | undefined {
  // Who stops a document knows that the provider may go on with it.
  if (kind === 'stopped') return undefined;
  const status = read(progress.document, documentStatusNumber)?.status;
  if (kind === 'completed') {
    return status === 'rejected' || status === 'removed'
      ? `completed, but the provider now says ${status}`
      : undefined;
  }
  const now = outcomeOf(progress);
  return now !== undefined && now !== kind
    ? `${kind}, but the provider now says ${documentStatus(progress)}`
    : undefined;
}

/** Every recorded change, and every status that is known by a picture only, in order of time. */
export function timelineOf(documentId: string, progress: SigningProgress): TimelineEntry[] {
  const entries = subjectTimeline(progress.document, documentStatusNumber).map((entry) => ({
    subject: 'document' as const,
    id: documentId,
    ...entry,
  }));
  const signers = Object.entries(progress.signers).flatMap(([id, signer]) =>
    subjectTimeline(signer, signerStatusNumber).map((entry) => ({
      subject: 'signer' as const,
      id,
      ...entry,
    })),
  );
  return [...signers, ...entries].sort((a, b) => secondsOf(a.at) - secondsOf(b.at));
}

/** The signers as shown, in signing order. */
export function signerViews(progress: SigningProgress): SignerView[] {
  return Object.entries(progress.signers)
    .map(([id, signer]) => signerView(id, signer))
    .sort((a, b) => (a.order ?? 0) - (b.order ?? 0) || (a.id < b.id ? -1 : 1));
}

function signerView(id: string, signer: SignerProgress): SignerView {
  const reading = signerReading(signer);
  const status = reading?.status ?? 'unsent';
  return {
    id,
    status,
    number: signerStatusNumber(status),
    at: reading?.at ?? '',
    sources: reading?.sources ?? [],
    ...described(signer),
    ...(signer.rejectionReason === undefined ? {} : { rejectionReason: signer.rejectionReason }),
    ...(signer.bouncedAt === undefined ? {} : { bouncedAt: signer.bouncedAt }),
  };
}

function isFollowed(known: SigningProgress['signers'], id: string): boolean {
  return Object.hasOwn(known, id) || Object.keys(known).length < SIGNERS_MAX;
}

type NumberOf<Status> = (status: Status) => number;

function signerOf(progress: SigningProgress, id: string): SignerProgress {
  // `constructor` is a possible ID, hence not a bare look-up.
  return Object.hasOwn(progress.signers, id) ? (progress.signers[id] ?? NOTHING) : NOTHING;
}

function record<Status, Progress extends SubjectProgress<Status>>(
  progress: Progress,
  change: { readonly status: Status; readonly at: string; readonly position: number },
  source: ChangeSource,
  number: NumberOf<Status>,
): Progress {
  const isSame = (known: RecordedChange<Status>): boolean =>
    known.status === change.status && known.at === change.at;
  const known = progress.changes.find(isSame);
  const merged: RecordedChange<Status> = {
    status: change.status,
    at: change.at,
    position: Math.max(known?.position ?? 0, change.position),
    sources: [...new Set([...(known?.sources ?? []), source])].sort(),
  };
  const changes = [...progress.changes.filter((other) => !isSame(other)), merged];
  changes.sort((a, b) => compare(a, b, number));
  return {
    ...progress,
    changes: changes.slice(-CHANGES_KEPT),
    peak: Math.max(progress.peak, number(change.status)),
  };
}

/** By time, then by place in the signed list, then by how far the status is. */
function compare<Status>(
  a: RecordedChange<Status>,
  b: RecordedChange<Status>,
  number: NumberOf<Status>,
): number {
  return (
    secondsOf(a.at) - secondsOf(b.at) ||
    a.position - b.position ||
    number(a.status) - number(b.status) ||
    // Two unknown words of equal rank: any order, but always the same one.
    compareTexts(String(a.status), String(b.status)) ||
    compareTexts(a.at, b.at)
  );
}

function picture(
  signer: SignerProgress,
  shown: SignerSnapshot,
  modified: string,
  source: ChangeSource,
): SignerProgress {
  const { status } = shown;
  const latest = later(signer.picture, { status, modified, source }, signerStatusNumber);
  return {
    ...signer,
    picture: latest,
    ...described(signer, shown),
    ...latestReason(signer, shown, modified),
  };
}

type Description = Pick<SignerSnapshot, 'order' | 'role'>;

function described(known: Description, shown: Description = {}): Description {
  const order = greater(known.order, shown.order);
  const role = greater(known.role, shown.role);
  return {
    ...(order === undefined ? {} : { order }),
    ...(role === undefined ? {} : { role }),
  };
}

/** Who rejects once more, after a reset, may do so for another reason. */
function latestReason(
  { rejectionReason: known, reasonModified = '' }: SignerProgress,
  { rejectionReason }: SignerSnapshot,
  modified: string,
): Pick<SignerProgress, 'rejectionReason' | 'reasonModified'> {
  if (rejectionReason === undefined) return {};
  const aheadS = secondsOf(modified) - secondsOf(reasonModified);
  const isKept = known !== undefined && (aheadS < 0 || (aheadS === 0 && known >= rejectionReason));
  return isKept ? {} : { rejectionReason, reasonModified: modified };
}

/** What is said wins over what is not; of two different sayings always the same one. */
function greater<Value extends number | string>(
  a: Value | undefined,
  b: Value | undefined,
): Value | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a > b ? a : b;
}

function later<Status>(
  known: PicturedStatus<Status> | undefined,
  shown: PicturedStatus<Status>,
  number: NumberOf<Status>,
): PicturedStatus<Status> {
  if (!known) return shown;
  const difference =
    secondsOf(shown.modified) - secondsOf(known.modified) ||
    number(shown.status) - number(known.status) ||
    compareTexts(known.source, shown.source) ||
    compareTexts(String(shown.status), String(known.status)) ||
    compareTexts(shown.modified, known.modified);
  return difference > 0 ? shown : known;
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/**
 * The latest change, or the picture where it is newer, or where it shows a status further on than
 * any change has ever named: such a change was missed. A picture further on than the latest change
 * but not than an earlier one is from before a reset, and does not undo it.
 */
function read<Status>(
  progress: SubjectProgress<Status>,
  number: NumberOf<Status>,
): RecordedChange<Status> | undefined {
  const latest = progress.changes.at(-1);
  const shown = progress.picture;
  if (!shown) return latest;
  const { status, modified, source } = shown;
  const pictured = { status, at: modified, position: 0, sources: [source] };
  if (!latest) return pictured;
  const aheadS = secondsOf(modified) - secondsOf(latest.at);
  const wasMissed = number(status) > progress.peak;
  // Two batches can share a second, and positions compare only within one of them.
  const settlesTie = aheadS === 0 && number(status) > number(latest.status);
  const isShown = aheadS > 0 || wasMissed || settlesTie;
  return status !== latest.status && isShown ? pictured : latest;
}

function subjectTimeline<Status>(
  progress: SubjectProgress<Status>,
  number: NumberOf<Status>,
): { status: Status; number: number; at: string; sources: readonly ChangeSource[] }[] {
  const reading = read(progress, number);
  const known =
    reading && !progress.changes.includes(reading)
      ? [...progress.changes, reading]
      : progress.changes;
  return known.map(({ status, at, sources }) => ({ status, number: number(status), at, sources }));
}

/** Callbacks have second resolution: nothing finer is compared. An unsaid time is the earliest. */
function secondsOf(at: string): number {
  const timeMs = Date.parse(at);
  return Number.isNaN(timeMs) ? 0 : Math.floor(timeMs / 1000);
}
