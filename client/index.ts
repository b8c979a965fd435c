/**
 * What application developers import: send a document for signing, follow it, wait for its outcome.
 *
 * ```ts
 * const countersign = await connect();
 * const { documentId } = await countersign.createDocument({ name: 'Lease', group, signers, text });
 * const outcome = await countersign.waitForOutcome(documentId);
 * ```
 */
import { Client, Connection } from '@temporalio/client';
import { createDataConverter } from '../codec/data-converter.js';
import { createProviderClient } from '../provider/provider-client.js';
import type { AnswerOptions } from './answer-limit.js';
import { readConfiguration } from './configuration.js';
import type { ClientConfiguration } from './configuration.js';
import { createDocument } from './create-document.js';
import type { CreatedDocument, DocumentRequest } from './create-document.js';
import { followDocument, waitForChange, waitForOutcome } from './follow-document.js';
import type { WaitOptions } from './follow-document.js';
import { listDocuments } from './list-documents.js';
import type { DocumentFilter, ListedDocument } from './list-documents.js';
import { lastReconciliation, reconcile } from './reconcile.js';
import type { ReconcileOptions, ReconciliationRun } from './reconcile.js';
import { changeTerms, refresh, retry, stop } from './repair-document.js';
import { trackDocument } from './track-document.js';
import type {
  ChasingTerms,
  ProgressView,
  ReconciliationScope,
  SigningOutcome,
  TrackingTerms,
} from '../workflows/contract.js';

export { ConfigurationError } from '../configuration/settings.js';
export { ProviderError } from '../provider/provider-error.js';
export type {
  ChasingTerms,
  ProgressView,
  ReconciliationProgress,
  ReconciliationReport,
  ReconciliationScope,
  SigningOutcome,
  TrackingTerms,
} from '../workflows/contract.js';
export { NoAnswerError } from './answer-limit.js';
export type { AnswerOptions } from './answer-limit.js';
export { readConfiguration } from './configuration.js';
export type { ClientConfiguration } from './configuration.js';
export type { CreatedDocument, DocumentRequest } from './create-document.js';
export { DocumentClosedError, NotTrackedError } from './follow-document.js';
export type { WaitOptions } from './follow-document.js';
export type { DocumentFilter, ListedDocument } from './list-documents.js';
export type { ReconcileOptions, ReconciliationRun } from './reconcile.js';
export { TermsRefusedError } from './repair-document.js';
export { TrackingFailedError } from './track-document.js';

/** A connection to Countersign, which is to say to Temporal and to the provider. */
export interface Countersign {
  /**
   * Sends a document for signing and starts its workflow. The provider has no idempotency key: a
   * failure that may have created the document is thrown as a ProviderError of kind `ambiguous`,
   * never repeated. A document that exists but could not be tracked: TrackingFailedError. Terms
   * that are none: RangeError, before anything is sent.
   */
  createDocument(request: DocumentRequest, terms?: TrackingTerms): Promise<CreatedDocument>;
  /**
   * Starts the workflow of a document that exists at the provider. Any number of times; one that
   * was stopped begins anew.
   */
  trackDocument(documentId: string, terms?: TrackingTerms): Promise<void>;
  /**
   * Progress now.
   * @throws NotTrackedError, NoAnswerError; DocumentClosedError where the workflow was terminated
   *   before it began
   */
  progress(documentId: string, options?: AnswerOptions): Promise<ProgressView>;
  /**
   * Resolves as soon as anything changes after `afterRevision` (see `progress`).
   * @throws NotTrackedError; RangeError for a revision that is no number; DocumentClosedError where
   *   the workflow was terminated, after its last change
   */
  waitForChange(
    documentId: string,
    afterRevision: number,
    options?: WaitOptions,
  ): Promise<ProgressView>;
  /**
   * Resolves once archived, rejected, removed, expired or stopped. Temporal takes ten such waits
   * (and waits for a change) at a time on one document: share one where more wait.
   * @throws NotTrackedError; DocumentClosedError where the workflow was terminated without one
   */
  waitForOutcome(documentId: string, options?: WaitOptions): Promise<SigningOutcome>;
  /**
   * Other terms from now on; what is left out stays, `null` is never.
   * @throws TermsRefusedError, NotTrackedError, DocumentClosedError; NoAnswerError, and then it may
   *   still be made
   */
  changeTerms(
    documentId: string,
    terms: ChasingTerms,
    options?: AnswerOptions,
  ): Promise<ProgressView>;
  /** Has the provider asked now. @throws NotTrackedError, DocumentClosedError */
  refresh(documentId: string): Promise<void>;
  /** Gives the document up here; at the provider it stays as it is. @throws as `refresh` */
  stop(documentId: string, reason: string): Promise<void>;
  /** Documents, newest first, as visibility has them: a second or so behind. @throws RangeError */
  listDocuments(filter?: DocumentFilter): AsyncIterable<ListedDocument>;
  /**
   * Tells a document that waits for someone that the cause is removed: it tries again. One that
   * waits for nobody is not disturbed. @throws NotTrackedError, DocumentClosedError
   */
  retry(documentId: string): Promise<void>;
  /** Compares with the provider now, and repairs what was missed; resolves with the report. */
  reconcile(scope?: ReconciliationScope, options?: ReconcileOptions): Promise<ReconciliationRun>;
  /** The report of the latest run that ended; undefined before the first. */
  lastReconciliation(): Promise<ReconciliationRun | undefined>;
  close(): Promise<void>;
}

/**
 * Connects to the Temporal server that the environment or a profile names (`TEMPORAL_ADDRESS` …),
 * and to the provider when `LEGALESIGN_API_KEY` is set.
 * @throws ConfigurationError with every problem at once
 */
export async function connect(
  configuration: ClientConfiguration = readConfiguration(),
): Promise<Countersign> {
  const { temporal, taskQueue } = configuration;
  const { namespace = 'default', connectionOptions } = temporal;
  const connection = await Connection.connect(connectionOptions);
  const dataConverter = createDataConverter(configuration.encryptionKeys);
  const client = new Client({ connection, namespace, dataConverter });
  const provider = configuration.provider && createProviderClient(configuration.provider);
  const start = { client, taskQueue, followUp: configuration.followUp };
  return {
    createDocument: (request, terms = {}) => createDocument({ ...start, provider }, request, terms),
    trackDocument: (documentId, terms = {}) => trackDocument(start, documentId, terms),
    progress: (documentId, options) => followDocument(client, documentId, options),
    waitForChange: (documentId, afterRevision, options) =>
      waitForChange(client, documentId, afterRevision, options),
    waitForOutcome: (documentId, options) => waitForOutcome(client, documentId, options),
    changeTerms: (documentId, terms, options) => changeTerms(client, documentId, terms, options),
    refresh: (documentId) => refresh(client, documentId),
    stop: (documentId, reason) => stop(client, documentId, reason),
    listDocuments: (filter) => listDocuments(client, filter),
    retry: (documentId) => retry(client, documentId),
    reconcile: (scope = {}, options) => reconcile(start, scope, options),
    lastReconciliation: () => lastReconciliation(client),
    close: async () => {
      provider?.close();
      await connection.close();
    },
  };
}
