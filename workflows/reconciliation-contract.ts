/** What two processes agree on about the reconciliation. Reached through contract.ts. */
import { defineQuery } from '@temporalio/workflow';
import type { ChannelPolicy, DocumentSnapshot } from './contract.js';
import type { DocumentStatus, SignerStatus } from './statuses.js';

/** The Schedule's ID, and the prefix of the Workflow IDs that it makes. */
export const RECONCILIATION_SCHEDULE_ID = 'reconciliation';

/** The Workflow ID of the one that notices when no reconciliation has happened. */
export const RECONCILIATION_WATCH_WORKFLOW_ID = 'reconciliation-watch';

/** The memo's field in which a document's workflow keeps the digest of what it knows. */
export const DIGEST_MEMO = 'digest';

/** The memo's field in which a run tells the next ones about itself. */
export const RUN_MEMO = 'reconciliation';

/** What a run looks at. Everything, unless something is named; no two together but with `since`. */
export interface ReconciliationScope {
  readonly documentId?: string;
  /** A group's slug. */
  readonly group?: string;
  /** ISO 8601 UTC: documents modified at the provider since then. */
  readonly since?: string;
}

export type ReconciliationInput = ReconciliationScope;

/** A run's mark in its memo. */
export interface RunMemo {
  readonly startedAt: string;
  /** The same moment by the provider's clock. */
  readonly providerStartedAt: string;
  /** Nothing was left out for a failure. */
  readonly isComplete: boolean;
  readonly scope: ReconciliationScope;
}

// ---------------------------------------------------------------- what was missed

/**
 * Of why a document or a part of a run was left out, in characters: enough for a sentence, where
 * the server quotes whole queries.
 */
export const REASON_MAX_LENGTH = 500;

/**
 * Why a change was missed: no callback brought it; one did, and its entry ended set aside; nobody
 * here knew the document.
 */
export const MISSED_KINDS = ['neverArrived', 'arrivedAndFailed', 'documentUnknown'] as const;
export type MissedKind = (typeof MISSED_KINDS)[number];

/** A document or signer whose status at the provider was not known here. */
export interface MissedChange {
  readonly subject: 'document' | 'signer';
  readonly id: string;
  readonly status: DocumentStatus | SignerStatus;
}

/** What a repair tells a document's workflow of itself, so that a repeated attempt counts alike. */
export interface ReconciliationMark {
  /** Of the run and its part: the same for every attempt at the same page. */
  readonly key: string;
  readonly missed: readonly MissedChange[];
  /** Nobody here knew the document. */
  readonly isAdoption?: true;
}

/** A document's own answer to what the provider shows. */
export interface MissedChangesAnswer {
  readonly missed: readonly MissedChange[];
  /** An earlier attempt with the same key has repaired this. */
  readonly repaired?: ReconciliationMark;
  /** The workflow asks the provider by itself whether the document is still there. */
  readonly isAskingAlready: boolean;
}

/** What would change if the document learned of this picture. Changes nothing. */
export const missedChangesQuery = defineQuery<
  MissedChangesAnswer,
  [{ readonly snapshot?: DocumentSnapshot; readonly key: string }]
>('missedChanges');

// ---------------------------------------------------------------- how far a run is

/** So far, over all that was read. */
export interface ReconciliationProgress {
  readonly documents: number;
  readonly pages: number;
  readonly repairedDocuments: number;
  readonly adopted: number;
  /** Documents that could not be compared. */
  readonly failed: number;
  /** Documents of the listing that is being read; absent where none is, or it counts none. */
  readonly listing?: { readonly read: number; readonly total: number };
  /** Open documents that no listing showed. */
  readonly unlisted: { readonly asked: number; readonly pending: number };
}

export const reconciliationProgressQuery = defineQuery<ReconciliationProgress>('progress');

// ---------------------------------------------------------------- listings and policy

/** `cache`: all outstanding documents at once; `groups`: the newer listing, group by group. */
export type ListingKind = 'cache' | 'groups';

/** One listing to read from its first page to its last. */
export interface ListingSegment {
  readonly kind: ListingKind;
  /** Of `groups`. */
  readonly group?: string;
  /** ISO 8601 UTC, by the provider's clock; documents modified before are not shown. */
  readonly modifiedSince?: string;
  /** Of `groups`: archived documents too. */
  readonly withArchived?: true;
}

/** Modifications a little before the last run began may not have been listed by it. */
export const NEWS_MARGIN_MS = 10 * 60_000;

/** What is done about a document that has no workflow. */
export const ADOPTION_MODES = ['adopt', 'report', 'ignore'] as const;
export type AdoptionMode = (typeof ADOPTION_MODES)[number];

/** The worker's settings; as an activity's result they are in history. */
export interface ReconciliationPolicy extends ChannelPolicy {
  /** `auto`: whichever the account answers. */
  readonly listing: 'auto' | ListingKind;
  /** Slugs; none: every group. */
  readonly groups: readonly string[];
  readonly adoption: {
    readonly otherwise: AdoptionMode;
    readonly byGroup: Readonly<Record<string, AdoptionMode>>;
  };
  readonly pageSize: number;
  /** How long a page or a document is tried before the rest goes on without it, in ms. */
  readonly patienceMs: number;
  /** A change younger than this is repaired, but not counted as missed, in ms. */
  readonly graceMs: number;
  /** More than either is announced: a share of the documents, a number of changes. */
  readonly alarm: { readonly share: number; readonly changes: number };
}

// ---------------------------------------------------------------- figures

/** Sums of what was done. Each is additive, so that parts of a run can be added up. */
export interface ReconciliationCounts {
  /** Documents told of something, and their changes; those of a callback under way included. */
  readonly repairedDocuments: number;
  readonly repairedChanges: number;
  /** Changes missed by the callbacks, by kind. */
  readonly missed: Readonly<Record<MissedKind, number>>;
  readonly missedDocuments: number;
  /** Changes repaired that are younger than the grace: a callback may be under way. */
  readonly youngChanges: number;
  /** Documents whose workflow was started. */
  readonly adopted: number;
  /** Documents without a workflow, finished and in the archive: left as they are. */
  readonly alreadyArchived: number;
  /** Documents without a workflow, rejected or removed before the last run: no news. */
  readonly longOver: number;
  /** Documents that looked different by visibility's lag alone. */
  readonly falseAlarms: number;
  /** Documents whose workflow has ended otherwise than the provider says now. */
  readonly contradicted: number;
  /** Of them, those that changed at the provider since the last run, which are announced. */
  readonly newlyContradicted?: number;
  /** Documents that the provider does not know (any more); their workflows look into it. */
  readonly gone: number;
  /** Documents that could not be compared. */
  readonly failed: number;
}

export const NO_COUNTS: ReconciliationCounts = {
  repairedDocuments: 0,
  repairedChanges: 0,
  missed: { neverArrived: 0, arrivedAndFailed: 0, documentUnknown: 0 },
  missedDocuments: 0,
  youngChanges: 0,
  adopted: 0,
  alreadyArchived: 0,
  longOver: 0,
  falseAlarms: 0,
  contradicted: 0,
  newlyContradicted: 0,
  gone: 0,
  failed: 0,
};

/** Figures that every version has counted, one by one. */
export type CountName = keyof Omit<ReconciliationCounts, 'missed' | 'newlyContradicted'>;

/** A sum of sums. */
export function addCounts(a: ReconciliationCounts, b: ReconciliationCounts): ReconciliationCounts {
  const sum = (name: CountName): number => a[name] + b[name];
  return {
    repairedDocuments: sum('repairedDocuments'),
    repairedChanges: sum('repairedChanges'),
    missed: {
      neverArrived: a.missed.neverArrived + b.missed.neverArrived,
      arrivedAndFailed: a.missed.arrivedAndFailed + b.missed.arrivedAndFailed,
      documentUnknown: a.missed.documentUnknown + b.missed.documentUnknown,
    },
    missedDocuments: sum('missedDocuments'),
    youngChanges: sum('youngChanges'),
    adopted: sum('adopted'),
    alreadyArchived: sum('alreadyArchived'),
    longOver: sum('longOver'),
    falseAlarms: sum('falseAlarms'),
    contradicted: sum('contradicted'),
    newlyContradicted: (a.newlyContradicted ?? 0) + (b.newlyContradicted ?? 0),
    gone: sum('gone'),
    failed: sum('failed'),
  };
}

/** One document that is worth a look. */
export interface ReconciliationExample {
  readonly documentId: string;
  /** What about it, in a few words. */
  readonly what: string;
}

/** A part of the work that was given up. */
export interface FailedPart {
  readonly what: string;
  readonly reason: string;
}

// ---------------------------------------------------------------- activities

export interface PrepareReconciliationInput {
  readonly scope: ReconciliationScope;
}

/** The provider's registered callbacks beside those that there should be. No secrets. */
export interface SubscriptionReport {
  /** Undefined: `WEBHOOK_PUBLIC_URL` is not set, so nothing was compared. */
  readonly url?: string;
  readonly created: readonly string[];
  readonly inactive: readonly string[];
  readonly duplicates: readonly string[];
  readonly strangers: readonly string[];
  /** Why it could not be compared or created. */
  readonly problem?: string;
}

export interface PrepareReconciliationResult {
  readonly policy: ReconciliationPolicy;
  readonly subscriptions: SubscriptionReport;
  /** When the last complete run over everything began, by the provider's clock. */
  readonly previousStartedAt?: string;
  /** Deliveries that ended with entries set aside, and whom these are about. */
  readonly setAside: SetAsideDeliveries;
}

export interface SetAsideDeliveries {
  /** Workflow IDs, the latest first. */
  readonly workflowIds: readonly string[];
  /** Documents and signers of their entries, each with the status told of it. */
  readonly subjects: readonly string[];
  /** There are more deliveries than are named here. */
  readonly hasMore: boolean;
  /** Where the rest of them begins. */
  readonly next?: string;
}

/** A status told of a document or signer, as one text to be looked up by. */
export function subjectOf({ id, status }: Pick<MissedChange, 'id' | 'status'>): string {
  return `${id} ${status}`;
}

/** What every comparison needs to know. */
export interface ComparisonTerms {
  /** Of this part of the run. */
  readonly key: string;
  readonly adoption: ReconciliationPolicy['adoption'];
  readonly groups: readonly string[];
  readonly graceMs: number;
  /** As `subjectOf` writes them. */
  readonly failedSubjects: readonly string[];
  /** Documents modified before are not looked at. */
  readonly since?: string;
  /** Documents without a workflow that ended before this are no news. */
  readonly newsSince?: string;
  /** How far the provider's clock is ahead of ours, in ms, where a listing told it. */
  readonly clockSkewMs?: number;
}

export interface ReconcilePageInput extends ComparisonTerms {
  readonly segment: ListingSegment;
  readonly offset: number;
  /** Of the pages to go on with, as long as that takes no time to speak of. */
  readonly furtherOffsets?: readonly number[];
  readonly limit: number;
  /** When an earlier reading of this page may have begun to repair, in ms since 1970. */
  readonly repairsSinceMs?: number;
  /** Of the run: fingerprints differ from one to the next. */
  readonly seed: string;
}

/** The key of one of an activity's pages, which stays its own where another activity reads it. */
export function keyOfFurtherPage(key: string, index: number): string {
  return index === 0 ? key : `${key}+${index}`;
}

/** What each row of a page turned out to be, a letter per row. */
export const ROW_MARKS = {
  open: 'o',
  closed: 'c',
  /** Closed, and ended otherwise than the provider says. */
  contradicted: 'd',
  newlyContradicted: 'n',
  adopted: 'a',
  unknownReported: 'u',
  unknownIgnored: 'i',
  /** Nothing to do and nothing to follow; workers from before told both alike. */
  over: 'r',
  alreadyArchived: 'b',
  longOver: 'l',
  /** Of another group, or not modified since. */
  outside: 'x',
  failed: 'f',
} as const;
export type RowMark = (typeof ROW_MARKS)[keyof typeof ROW_MARKS];

/** Of one page, or of the first ones of those that were asked for together. */
export interface ReconcilePageResult {
  /** How many there are of them; histories from before they could be several have one. */
  readonly pagesRead?: number;
  /** Repairs may have begun on those that were asked for and are not among them. */
  readonly isRestTouched?: boolean;
  /** What reading and comparing took, in ms. */
  readonly tookMs?: number;
  /** In the listing's order, as listed-documents.ts writes them. */
  readonly fingerprints: string;
  /** A RowMark for each row. */
  readonly rows: string;
  /** Rows that could not be read. */
  readonly unreadable: number;
  readonly hasNext: boolean;
  /** How many documents the listing says there are. */
  readonly total?: number;
  /** The provider's clock, ISO 8601 UTC. */
  readonly providerTime?: string;
  /** How long ago it said that, in ms; results of older workers take it for just said. */
  readonly providerTimeAgeMs?: number;
  readonly counts: ReconciliationCounts;
  readonly examples: readonly ReconciliationExample[];
  /** The account does not answer this kind of listing: why. */
  readonly refused?: string;
}

export interface ReconcileDocumentsInput extends ComparisonTerms {
  readonly documentIds: readonly string[];
  /** No listing showed most of what is open here: it may be another account's. */
  readonly isAccountDoubtful?: true;
  /** Somebody asked for it by its ID, and is told why nothing was done about it. */
  readonly isNamed?: true;
}

export interface ReconcileDocumentsResult {
  readonly counts: ReconciliationCounts;
  readonly examples: readonly ReconciliationExample[];
}

export interface FindUnlistedInput {
  readonly seed: string;
  /** How the filter was written, as listed-documents.ts has it; four, where it is not told. */
  readonly probes?: number;
  /** Only this group's. */
  readonly group?: string;
  readonly groups: readonly string[];
  /** How many open workflows were seen in the listing; with as many there is nothing to find. */
  readonly openListed?: number;
  /** When the run began, ISO 8601 UTC. */
  readonly startedAt: string;
  /** Where an earlier call stopped. */
  readonly after?: string;
}

export interface FindUnlistedResult {
  readonly documentIds: readonly string[];
  readonly open: number;
  /** Where to go on. */
  readonly next?: string;
}

export interface RetrySetAsideInput {
  /** Deliveries by name, or those of a page of visibility. */
  readonly workflowIds?: readonly string[];
  readonly after?: string;
}

export interface RetrySetAsideResult extends Omit<SetAsideReport, 'hasMore'> {
  /** Where the next page begins. */
  readonly next?: string;
}

export interface SetAsideReport {
  readonly deliveries: number;
  /** Entries handed to a delivery of their own now. */
  readonly redelivered: number;
  /** Entries that still have no document, or cannot be read. */
  readonly remaining: number;
  readonly examples: readonly string[];
  /** There are more deliveries than one run looks at. */
  readonly hasMore: boolean;
}

/** For the watch: when a run last covered everything. */
export interface LastReconciliationResult extends ChannelPolicy {
  readonly succeededAt?: string;
  /** After how long without one it is announced, in ms. */
  readonly maxAgeMs: number;
}

export interface ReconciliationActivities {
  /** Settings, subscriptions (created again where missing), what was set aside. */
  prepareReconciliation(input: PrepareReconciliationInput): Promise<PrepareReconciliationResult>;
  /** One page of the provider's listing, or a few quick ones: compared, repaired, counted. */
  reconcilePage(input: ReconcilePageInput): Promise<ReconcilePageResult>;
  /** Documents asked for one by one. */
  reconcileDocuments(input: ReconcileDocumentsInput): Promise<ReconcileDocumentsResult>;
  /** Open workflows whose document no page showed. */
  findUnlisted(input: FindUnlistedInput, listed: Uint8Array): Promise<FindUnlistedResult>;
  /** Entries that ended set aside and can be routed now are delivered. */
  retrySetAside(input: RetrySetAsideInput): Promise<RetrySetAsideResult>;
  lastReconciliation(): Promise<LastReconciliationResult>;
}

// ---------------------------------------------------------------- the report

/** What a run found and did: the result of `reconciliation`. */
export interface ReconciliationReport {
  readonly scope: ReconciliationScope;
  readonly startedAt: string;
  readonly finishedAt: string;
  /** The beginning by the provider's clock, where any page told it. */
  readonly providerStartedAt?: string;
  /** How far the provider's clock is ahead of ours, in ms. */
  readonly clockSkewMs?: number;
  readonly isComplete: boolean;
  readonly listing?: ListingKind;
  readonly pages: number;
  /** Pages read once more because the listing changed meanwhile. */
  readonly pagesReadAgain: number;
  /** Documents in the listings, each once. */
  readonly documents: number;
  readonly unknownReported: number;
  readonly unknownIgnored: number;
  /** Rows of the listings that could not be read; reports from before have no such figure. */
  readonly unreadable?: number;
  /** Open documents that no listing showed, asked for one by one. */
  readonly unlisted: number;
  readonly counts: ReconciliationCounts;
  /** Changes missed by callbacks, of all kinds. */
  readonly missedChanges: number;
  /** Documents with a missed change, of all documents looked at. */
  readonly missedShare: number;
  readonly subscriptions: SubscriptionReport;
  readonly setAside: SetAsideReport;
  readonly failedParts: readonly FailedPart[];
  readonly examples: readonly ReconciliationExample[];
  /** Why it was announced as an alarm. */
  readonly alarm?: string;
}
