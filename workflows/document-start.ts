/** How a document's workflow is started, whoever starts it. Pure. */
import { WorkflowIdReusePolicy } from '@temporalio/common';
import type { SearchAttributePair } from '@temporalio/common';
import {
  DIGEST_MEMO,
  documentStatusNumber,
  documentWorkflowId,
  SEARCH_ATTRIBUTES,
} from './contract.js';
import type { DocumentSigningInput, DocumentStatus, StatusReport } from './contract.js';
import { initialState } from './document-state.js';
import { progressDigest } from './status-digest.js';

/** What a document can be found by. */
export interface SearchableDocument {
  readonly status?: DocumentStatus;
  readonly group?: string;
  readonly tag?: string;
  readonly deadline?: string | null;
  readonly signerIds?: readonly string[];
  readonly digest?: string | undefined;
}

/** The server refuses a value beyond 2 kB; about 50 signers' IDs fit. The rest is asked for. */
const SIGNER_IDS_MAX_BYTES = 1900;

/** A keyword longer than this is refused by visibility on SQL. */
const KEYWORD_MAX_LENGTH = 255;

/** A document's search attributes, as far as they are known, each within the server's limits. */
export function documentSearchAttributes(document: SearchableDocument): SearchAttributePair[] {
  const { status, group, tag, deadline, digest, signerIds = [] } = document;
  const { documentStatus, documentGroup, documentTag, documentDeadline } = SEARCH_ATTRIBUTES;
  const ids = fittingIds(signerIds, SIGNER_IDS_MAX_BYTES);
  return [
    ...(status === undefined ? [] : [{ key: documentStatus, value: keyword(status) }]),
    ...(group ? [{ key: documentGroup, value: keyword(group) }] : []),
    ...(tag ? [{ key: documentTag, value: keyword(tag) }] : []),
    ...(deadline ? [{ key: documentDeadline, value: new Date(deadline) }] : []),
    ...(ids.length === 0 ? [] : [{ key: SEARCH_ATTRIBUTES.signerIds, value: ids }]),
    ...(digest === undefined ? [] : [{ key: SEARCH_ATTRIBUTES.documentDigest, value: digest }]),
  ];
}

function keyword(text: string): string {
  return text.slice(0, KEYWORD_MAX_LENGTH);
}

/** As many of the IDs as fit into a search attribute's value of so many bytes, sorted. */
export function fittingIds(signerIds: readonly string[], maxBytes: number): string[] {
  let room = maxBytes;
  // Quotes and a comma around each.
  return [...new Set(signerIds)].sort().filter((id) => (room -= id.length + 3) >= 0);
}

/** Options with which `documentSigning` is started; the task queue is the starter's to say. */
export interface DocumentStart {
  readonly workflowId: string;
  readonly args: [DocumentSigningInput];
  readonly workflowIdReusePolicy: WorkflowIdReusePolicy;
  readonly typedSearchAttributes: SearchAttributePair[];
  readonly memo: Readonly<Record<string, string>>;
  readonly staticSummary: string;
}

/**
 * @param input the document, with what its starter knows of it
 * @param report the news for whose sake it is started, where there is any
 */
export function documentStart(
  input: DocumentSigningInput,
  report: StatusReport | undefined = input.news,
): DocumentStart {
  const { documentId } = input;
  const signerIds = [...(input.signers ?? []).map(({ id }) => id), ...signerIdsOf(report)];
  const status = furthestStatus(report);
  const digest = startDigest(input, report);
  return {
    workflowId: documentWorkflowId(documentId),
    args: [input],
    // A closed document stays closed: its second life would announce everything again.
    workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
    typedSearchAttributes: documentSearchAttributes({ ...input, status, signerIds, digest }),
    memo: digest === undefined ? {} : { [DIGEST_MEMO]: digest },
    staticSummary: `document ${documentId}`,
  };
}

/** Set at the start it is free, and right until the first change. Changes alone have none. */
function startDigest(input: DocumentSigningInput, report?: StatusReport): string | undefined {
  if (!input.signers && !report?.snapshot) return undefined;
  const { progress } = initialState(report ? { ...input, news: report } : input);
  return progressDigest(input.documentId, progress);
}

function signerIdsOf(report: StatusReport | undefined): string[] {
  if (!report) return [];
  const changed = report.changes.flatMap((change) =>
    change.subject === 'signer' ? [change.id] : [],
  );
  return [...changed, ...(report.snapshot?.signers ?? []).map(({ id }) => id)];
}

function furthestStatus(report: StatusReport | undefined): DocumentStatus {
  const told = (report?.changes ?? []).flatMap((change) =>
    change.subject === 'document' ? [change.status] : [],
  );
  const shown = report?.snapshot ? [report.snapshot.status] : [];
  return [...told, ...shown].reduce<DocumentStatus>(
    (a, b) => (documentStatusNumber(b) > documentStatusNumber(a) ? b : a),
    'created',
  );
}
