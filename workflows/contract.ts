/**
 * What processes other than the workflow may know: names, IDs, messages, the Activities interface
 * and failure types. Longer than most files because it is the one page that two processes agree on.
 */
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { ProgressView, SigningProgress } from './progress.js';
import type {
  ReconciliationActivities,
  ReconciliationExample,
  ReconciliationMark,
} from './reconciliation-contract.js';
import type { DocumentStatus, SignerStatus } from './statuses.js';

export * from './channels-for.js';
export { SIGNERS_MAX } from './progress.js';
export * from './reconciliation-contract.js';
export * from './statuses.js';

// ---------------------------------------------------------------- names and IDs

/** The task queue used when `COUNTERSIGN_TASK_QUEUE` names no other. */
export const DEFAULT_TASK_QUEUE = 'countersign';

/** Workflow Types, by the names under which `workflows/index.ts` exports them. */
export const WORKFLOW_TYPES = {
  documentSigning: 'documentSigning',
  callbackDelivery: 'callbackDelivery',
  reconciliation: 'reconciliation',
  reconciliationWatch: 'reconciliationWatch',
} as const;

/** What a document's or signer's ID may look like: UUIDs, and nothing that means more in a path. */
export const ID_PATTERN = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

const UUID_PATTERN = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** An ID in its one spelling, since a UUID means the same in capitals; undefined if it is none. */
export function canonicalId(id: string): string | undefined {
  if (UUID_PATTERN.test(id)) return id.toLowerCase();
  // A word that every object knows would be found where nothing was noted.
  return ID_PATTERN.test(id) && !(id in Object.prototype) ? id : undefined;
}

/** The Workflow ID of a document's `documentSigning`. */
export function documentWorkflowId(documentId: string): string {
  return `document:${documentId}`;
}

/**
 * The Workflow ID of a callback's `callbackDelivery`.
 * @param digest SHA-256 of the signed data in hex, so that a redelivery finds the first delivery;
 *   for an unsigned hint `hint-`, the document's ID and a number of its own
 * @param part counts from 1; only a callback too large for one payload has more than one
 */
export function callbackWorkflowId(digest: string, part = 1): string {
  return part === 1 ? `callback:${digest}` : `callback:${digest}:${part}`;
}

/** Search attributes. No personal data: IDs, groups and tags only. */
export const SEARCH_ATTRIBUTES = {
  documentStatus: defineSearchAttributeKey('DocumentStatus', SearchAttributeType.KEYWORD),
  documentOutcome: defineSearchAttributeKey('DocumentOutcome', SearchAttributeType.KEYWORD),
  documentGroup: defineSearchAttributeKey('DocumentGroup', SearchAttributeType.KEYWORD),
  documentTag: defineSearchAttributeKey('DocumentTag', SearchAttributeType.KEYWORD),
  documentDeadline: defineSearchAttributeKey('DocumentDeadline', SearchAttributeType.DATETIME),
  /** The failure type that a document waits on until someone sends it `retry`. */
  documentAttention: defineSearchAttributeKey('DocumentAttention', SearchAttributeType.KEYWORD),
  /**
   * The digest of what the workflow knows, or nothing: it is taken away by the first change and set
   * again only along with others, since setting it costs. The memo always has it.
   */
  documentDigest: defineSearchAttributeKey('DocumentDigest', SearchAttributeType.KEYWORD),
  signerIds: defineSearchAttributeKey('SignerIds', SearchAttributeType.KEYWORD_LIST),
  /** The signers that a late document waits for: one who was reminded, or one that stalled. */
  waitingFor: defineSearchAttributeKey('WaitingFor', SearchAttributeType.KEYWORD_LIST),
  /** Since when a late document waits for them. */
  waitingSince: defineSearchAttributeKey('WaitingSince', SearchAttributeType.DATETIME),
  /** How many entries of a callback ended set aside. Not set where none did. */
  entriesSetAside: defineSearchAttributeKey('EntriesSetAside', SearchAttributeType.INT),
} as const;

// ---------------------------------------------------------------- status changes

/** Where a status became known. */
export type ChangeSource = 'batch' | 'realtime' | 'provider' | 'reconciliation';

interface ChangeTime {
  /** When it happened, by the provider's clock: ISO 8601 in UTC, second resolution or finer. */
  readonly at: string;
  /** Its place in the signed list, the only order among changes of one second; else 0. */
  readonly position: number;
}

export interface DocumentStatusChange extends ChangeTime {
  readonly subject: 'document';
  readonly id: string;
  readonly status: DocumentStatus;
}

export interface SignerStatusChange extends ChangeTime {
  readonly subject: 'signer';
  readonly id: string;
  readonly status: SignerStatus;
}

export type StatusChange = DocumentStatusChange | SignerStatusChange;

export interface SignerSnapshot {
  readonly id: string;
  readonly status: SignerStatus;
  /** Signing order, as the provider counts it, where it says it. */
  readonly order?: number;
  /** `signer`, `approver` or `witness`, where the provider says it. */
  readonly role?: string;
  readonly rejectionReason?: string;
}

/** A document as the provider showed it at one moment. Carries no names and no e-mail addresses. */
export interface DocumentSnapshot {
  readonly documentId: string;
  readonly status: DocumentStatus;
  /** The final PDF can be fetched (`download_final`). */
  readonly finalPdf: boolean;
  /** Last modification by the provider's clock, ISO 8601 UTC; empty where it is not said. */
  readonly modified: string;
  /** SHA-256 of the final PDF, lower-case hex. */
  readonly hash?: string;
  readonly group?: string;
  readonly tag?: string;
  readonly signers: readonly SignerSnapshot[];
}

/** Mail to a signer came back. The bounce's own words stay outside: they name addresses. */
export interface SignerBounce {
  readonly signerId: string;
  /** ISO 8601 UTC. */
  readonly at: string;
}

/** News of one document: changes, or a picture of the whole, or both. */
export interface StatusReport {
  readonly source: ChangeSource;
  readonly changes: readonly StatusChange[];
  readonly bounces?: readonly SignerBounce[];
  readonly snapshot?: DocumentSnapshot;
  /** Of a repair: what it found missing. */
  readonly reconciliation?: ReconciliationMark;
}

// ---------------------------------------------------------------- documentSigning

/** How a document is chased; what is left out follows the configuration. */
export interface ChasingTerms {
  /** ISO 8601 UTC: after it, an open document is announced as `expired`. `null`: never. */
  readonly deadline?: string | null;
  /** How long after it became a signer's turn they are reminded: `['3d', '7d']`. `[]`: never. */
  readonly reminders?: readonly string[];
  /** After how long without any movement the document is announced as stalled. `null`: never. */
  readonly stalledAfter?: string | null;
}

/** What the starter of a document's workflow asks for. */
export interface TrackingTerms extends ChasingTerms {
  readonly group?: string;
  readonly tag?: string;
  /** Known signers; without them the workflow asks the provider first. */
  readonly signers?: readonly SignerSnapshot[];
}

export interface DocumentSigningInput extends TrackingTerms {
  readonly documentId: string;
  /** The starter's configuration, in force until a worker tells its own. */
  readonly followUp?: FollowUpPolicy;
  /**
   * What a reconciliation that adopts it was shown. Instead of `signers`: a worker that does not
   * know of it yet asks the provider.
   */
  readonly news?: StatusReport;
  /** Set by continue-as-new alone; its shape is the workflow's own business. */
  readonly carried?: unknown;
}

/** `stopped`: by operations, whatever the provider says. */
export const OUTCOME_KINDS = ['completed', 'rejected', 'removed', 'expired', 'stopped'] as const;
export type OutcomeKind = (typeof OUTCOME_KINDS)[number];

/** How a document ended: the result of `documentSigning`. */
export interface SigningOutcome {
  readonly documentId: string;
  readonly kind: OutcomeKind;
  readonly status: DocumentStatus;
  /** When the workflow concluded, ISO 8601 UTC. */
  readonly concludedAt: string;
  readonly signers: readonly { readonly id: string; readonly status: SignerStatus }[];
  readonly archive?: ReceiptSummary;
  readonly rejection?: { readonly signerId: string; readonly reason: string };
  /** Why operations stopped it. */
  readonly stopReason?: string;
  /** An earlier run had archived and announced this document: nothing was done again. */
  readonly alreadyArchived?: true;
}

/** What `progressQuery` and the Updates answer. */
export type { ProgressView, SigningProgress };

/** News of a document. Any order, any number of times. */
export const statusChangedSignal = defineSignal<[StatusReport]>('statusChanged');
/** The provider says that something happened, not what: ask it. */
export const noticeReceivedSignal = defineSignal('noticeReceived');
/** Somebody tracks a document whose workflow a callback had already started. */
export const trackingRequestedSignal = defineSignal<[TrackingTerms]>('trackingRequested');
/** Operations removed the cause of a failure: try again. */
export const retrySignal = defineSignal('retry');
/** Operations want the provider to be asked now. */
export const refreshSignal = defineSignal('refresh');
/** Operations give the document up, for a reason in a sentence. */
export const stopSignal = defineSignal<[reason: string]>('stop');
/** Other terms from now on; what is left out stays. Refused, with reasons, where they are wrong. */
export const changeTermsUpdate = defineUpdate<ProgressView, [ChasingTerms]>('changeTerms');
/** Progress now. */
export const progressQuery = defineQuery<ProgressView>('progress');
/** Answers once the document has its outcome; undefined: ask again (the workflow moved on). */
export const waitForOutcomeUpdate = defineUpdate<SigningOutcome | undefined>('waitForOutcome');
/** Answers once anything changed after the given revision. */
export const waitForChangeUpdate = defineUpdate<ProgressView, [{ afterRevision: number }]>(
  'waitForChange',
);

// ---------------------------------------------------------------- callbackDelivery

/** A callback's entry that was not delivered, and why. */
export interface SetAsideEntry {
  readonly reason: string;
  /** The entry as it came, cut to a sane length. */
  readonly entry: string;
}

/** What one callback said of its document, in a delivery that several callbacks share. */
export interface NamedNews {
  readonly documentId: string;
  readonly group?: string;
  readonly tag?: string;
  /** Positions in the delivery's `changes`. */
  readonly changes: readonly number[];
  /** Positions in its `hints`: verified here, so nobody needs to be asked whether it exists. */
  readonly hints: readonly number[];
  readonly snapshot?: DocumentSnapshot;
}

export interface CallbackDeliveryInput {
  readonly source: ChangeSource | 'hint';
  /** When the webhook took it, ISO 8601 UTC. */
  readonly receivedAt: string;
  readonly changes: readonly StatusChange[];
  /** Documents of which an unsigned callback spoke: the provider is asked before one starts. */
  readonly hints?: readonly string[];
  /**
   * Of callbacks stored together: whose the changes and hints are, as far as it was said. A worker
   * that does not know of it yet routes the changes and asks about the hints: it loses nothing.
   */
  readonly named?: readonly NamedNews[];
  /** What parsing could not understand: shown, never delivered. */
  readonly setAside: readonly SetAsideEntry[];
  /** Why nothing of it is delivered (too old, say). */
  readonly held?: string;
  /** Of a callback split by payload size. */
  readonly part?: { readonly number: number; readonly of: number };
}

export interface CallbackDeliveryResult {
  readonly changes: number;
  /** Changes handed to a document's workflow. */
  readonly delivered: number;
  /** Documents signalled. */
  readonly documents: number;
  /** Documents that already had their outcome. */
  readonly closedDocuments: number;
  readonly setAside: readonly SetAsideGroup[];
}

/** Entries set aside for one reason. */
export interface SetAsideGroup {
  readonly reason: string;
  readonly count: number;
  /** The first few, to look at. */
  readonly examples: readonly string[];
  /** Of readable changes: their positions in the input's `changes`, so that all can be redone. */
  readonly indexes?: readonly number[];
}

// ---------------------------------------------------------------- archive and announcements

export interface ArchivedFile {
  readonly name: string;
  readonly bytes: number;
  /** SHA-256, lower-case hex, computed while it was written. */
  readonly sha256: string;
}

/** One line of a document's history. */
export interface TimelineEntry {
  readonly subject: 'document' | 'signer';
  readonly id: string;
  readonly status: DocumentStatus | SignerStatus;
  readonly number: number;
  readonly at: string;
  readonly sources: readonly ChangeSource[];
}

/** `receipt.json`: written last, and what makes an archived document valid. */
export interface ArchiveReceipt {
  readonly documentId: string;
  readonly archivedAt: string;
  readonly files: readonly ArchivedFile[];
  /** The provider's `hash_value`: the SHA-256 of `document.pdf`; a tombstone's may be empty. */
  readonly providerHash: string;
  readonly changes: readonly TimelineEntry[];
  /** Once everything else was erased, ISO 8601 UTC: the receipt stays, as a tombstone. */
  readonly erasedAt?: string;
  /** Of a tombstone: how the document had ended; where it is not told, completed. */
  readonly outcome?: OutcomeKind;
  /** The workflow that archived it: tells its own retry from a second life of the document. */
  readonly workflow: { readonly workflowId: string; readonly firstExecutionRunId: string };
}

/** A receipt as workflows hold it: the changes are many, and theirs already. */
export type ReceiptSummary = Omit<ArchiveReceipt, 'changes'>;

/** What an announcement says of the archive. */
export type ArchivedSummary = Pick<ArchiveReceipt, 'files' | 'providerHash' | 'archivedAt'>;

export const ANNOUNCEMENT_EVENTS = [
  'document.completed',
  'document.rejected',
  'document.removed',
  'document.expired',
  /** Operations gave it up. */
  'document.stopped',
  /** Nothing has moved for as long as the terms say. Once for each time it stalls. */
  'document.stalled',
  'signer.signed',
  'signer.rejected',
  /** Mail to a signer came back. */
  'signer.bounced',
  /** The downloaded PDF is not the one whose hash the provider names: quarantined. */
  'document.integrityFailed',
  /** Something failed for good, and the workflow waits for `retry`. */
  'document.needsAttention',
  /** After its outcome, the provider said something that contradicts it. */
  'document.contradicted',
] as const;
export type AnnouncementEvent = (typeof ANNOUNCEMENT_EVENTS)[number];

/** Events of single signers: announced where they are asked for, once for each signer. */
export const SIGNER_EVENTS = ['signer.signed', 'signer.rejected', 'signer.bounced'] as const;
export type SignerEvent = (typeof SIGNER_EVENTS)[number];

export const OPERATIONS_EVENTS = [
  /** Callbacks missed more than they may. */
  'reconciliation.alarm',
  /** A run left something out. */
  'reconciliation.failed',
  /** No run has covered everything for too long. */
  'reconciliation.overdue',
  /** A callback that should be registered at the provider was not, and is again. */
  'subscription.healed',
  /** Somebody tries the channels out: `countersign doctor --send-test`. */
  'countersign.test',
] as const;
export type OperationsEvent = (typeof OPERATIONS_EVENTS)[number];

/** Every event that a channel can be told of. */
export const ANNOUNCED_EVENTS = [...ANNOUNCEMENT_EVENTS, ...OPERATIONS_EVENTS] as const;

/** What a channel tells the world. No names, no e-mail addresses. */
export type Announcement = DocumentAnnouncement | OperationsAnnouncement;

/** An event of Countersign itself. */
export interface OperationsAnnouncement {
  readonly event: OperationsEvent;
  /** Which run or gap it is about: the same for every repetition. */
  readonly subject: string;
  /** ISO 8601 UTC. */
  readonly occurredAt: string;
  /** In a sentence, with what to do. */
  readonly reason: string;
  readonly figures?: Readonly<Record<string, number>>;
  readonly examples?: readonly ReconciliationExample[];
}

/** An event of one document. */
export interface DocumentAnnouncement {
  readonly event: AnnouncementEvent;
  readonly documentId: string;
  /** Tells events of one kind apart: a signer's ID, or since when the document stalls. */
  readonly occasion?: string;
  readonly group?: string;
  readonly tag?: string;
  /** ISO 8601 UTC. */
  readonly occurredAt: string;
  readonly status: DocumentStatus;
  /** All; in an event of one signer, where there are more than 50, this one alone. */
  readonly signers: SigningOutcome['signers'];
  readonly archive?: ArchivedSummary;
  readonly rejection?: SigningOutcome['rejection'];
  /** Of failures and contradictions, in a sentence. */
  readonly reason?: string;
}

export type ChannelName = 'log' | 'http' | 'email' | 'slack';

/** The worker's settings of where announcements go; `channelsFor` decides by it. */
export interface ChannelPolicy {
  readonly channels: readonly ChannelName[];
  /** Patterns of the events that a channel takes; one not named here takes the default. */
  readonly events?: Readonly<Partial<Record<ChannelName, readonly string[]>>>;
}

/** The key under which a receiver can drop repetitions: every message of the event carries it. */
export function idempotencyKey(
  announcement:
    | Pick<DocumentAnnouncement, 'documentId' | 'event' | 'occasion'>
    | Pick<OperationsAnnouncement, 'subject' | 'event'>,
): string {
  if ('subject' in announcement) return `${announcement.subject}/${announcement.event}`;
  return `${announcement.documentId}/${occasionOf(announcement)}`;
}

/** What is announced once for each document: the event, or its occasion where it has one. */
export function occasionOf({
  event,
  occasion,
}: Pick<DocumentAnnouncement, 'event' | 'occasion'>): string {
  return occasion === undefined ? event : `${event}/${occasion}`;
}

// ---------------------------------------------------------------- activities

/** Settings of what is done about an open document, by default. Nothing said means nothing done. */
export interface FollowUpPolicy {
  /** After a document's creation; of one that others created, after it became known here. */
  readonly deadlineMs?: number;
  /** After it became a signer's turn, in rising order. */
  readonly remindersMs?: readonly number[];
  /** Without any movement. */
  readonly stalledMs?: number;
  readonly signerEvents?: readonly SignerEvent[];
}

/** The worker's settings that a workflow needs; as an activity's result they are in history. */
export interface OutcomePolicy extends ChannelPolicy {
  readonly lingerMs: number;
  readonly followUp?: FollowUpPolicy;
}

export interface RemindSignersInput {
  readonly documentId: string;
  /** Whose reminder is due. */
  readonly signerIds: readonly string[];
}

/** What became of one signer's reminder. */
export interface ReminderResult {
  readonly signerId: string;
  /** `notNeeded`: by the provider's own answer it is not their turn any more. */
  readonly kind: 'sent' | 'refused' | 'notNeeded';
  /** Of a refusal, in the provider's words. */
  readonly reason?: string;
}

export interface RemindSignersResult {
  /** Signers of the input without a result wait for another attempt. */
  readonly results: readonly ReminderResult[];
  /** ISO 8601 UTC: for those another attempt is of use from then on. */
  readonly notBefore?: string;
  /** What the provider said before anybody was reminded; missing where it was not asked. */
  readonly lookUp?: LookUpDocumentResult;
}

export interface LookUpDocumentInput {
  readonly documentId: string;
  /** Fail, to be retried, until the final PDF can be fetched or the document ended otherwise. */
  readonly awaitFinalPdf: boolean;
}

export interface LookUpDocumentResult {
  /** Undefined: the provider does not know the document (any more). */
  readonly snapshot?: DocumentSnapshot;
  /** Of the archive's receipt, where there is one. */
  readonly receipt?: ReceiptSummary;
  readonly policy: OutcomePolicy;
}

export interface ArchiveDocumentInput {
  readonly documentId: string;
  /** Goes into the receipt, with what the provider adds to it. */
  readonly progress: SigningProgress;
  /** Goes into the receipt. */
  readonly workflow: ArchiveReceipt['workflow'];
}

export interface ArchiveDocumentResult {
  readonly lookUp: LookUpDocumentResult;
  /** Undefined: there was a receipt before (see `lookUp`), or the provider shows no final PDF. */
  readonly receipt?: ReceiptSummary;
}

export interface AnnounceInput {
  readonly channel: ChannelName;
  readonly announcement: Announcement;
}

export interface DeliverChangesInput {
  readonly source: ChangeSource;
  readonly changes: readonly StatusChange[];
  readonly hints: readonly string[];
  /** Whose they are, as far as it was said. */
  readonly named?: readonly NamedNews[];
  /** Ask the provider for signers that neither memory nor visibility can route. */
  readonly askProvider: boolean;
}

/** An entry that was not delivered. */
export interface UndeliveredEntry {
  readonly index: number;
  /** Its position in `reasons`; in results of older workers the reason itself. */
  readonly reason: number | string;
  /** Trying again is of no use. */
  readonly isFinal?: boolean;
}

export interface DeliverChangesResult {
  readonly delivered: number;
  readonly documents: number;
  readonly closedDocuments: number;
  /** Of what was not delivered, each once. Missing in results of older workers. */
  readonly reasons?: readonly string[];
  /** Left to try again: positions into the input's `changes`. */
  readonly undeliveredChanges: readonly UndeliveredEntry[];
  /** Left: positions into the input's `hints`. */
  readonly undeliveredHints: readonly UndeliveredEntry[];
  /** The worker's setting: pauses before what is left is asked for again; then it is set aside. */
  readonly retryPausesMs: readonly number[];
}

/** Effects. Every one may run twice: each is idempotent. */
export interface Activities extends ReconciliationActivities {
  /** Asks the provider for one document, with the reasons of rejecting signers; and the archive. */
  lookUpDocument(input: LookUpDocumentInput): Promise<LookUpDocumentResult>;
  /** Asks once more, downloads PDF and audit log, checks the hash, archives. */
  archiveDocument(input: ArchiveDocumentInput): Promise<ArchiveDocumentResult>;
  /** Asks once more, then reminds those whose turn it still is; never outside the set hours. */
  remindSigners(input: RemindSignersInput): Promise<RemindSignersResult>;
  /** The settings alone. */
  readPolicy(): Promise<OutcomePolicy>;
  /** Tells one channel of one event. */
  announce(input: AnnounceInput): Promise<void>;
  /** Routes signers to documents, then one signalWithStart per document. */
  deliverChanges(input: DeliverChangesInput): Promise<DeliverChangesResult>;
}

/** `type` of the ApplicationFailures that activities throw. */
export const FAILURE_TYPES = {
  /** The provider, a channel or storage does not answer, or not now. Retried. */
  unavailable: 'Unavailable',
  /** 429. Retried, after the provider's `Retry-After` where it gave one. */
  throttled: 'Throttled',
  /** The provider refuses our credentials. Retried slowly: a mended key heals everything. */
  credentialsRefused: 'CredentialsRefused',
  /** The final PDF, its hash or its audit log does not exist yet. Retried. */
  notFinalYet: 'NotFinalYet',
  /** The PDF is being de-archived. Retried after four hours. */
  deArchiving: 'DeArchiving',
  /** The request can never succeed as it is. Not retried. */
  requestRefused: 'RequestRefused',
  /** The PDF's hash is not the provider's, on fresh downloads too. Not retried. */
  integrityFailed: 'IntegrityFailed',
  /** An ID that is not one. Not retried. */
  invalidId: 'InvalidId',
} as const;
export type FailureType = (typeof FAILURE_TYPES)[keyof typeof FAILURE_TYPES];
