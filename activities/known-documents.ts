import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import {
  DIGEST_MEMO,
  documentWorkflowId,
  SEARCH_ATTRIBUTES,
  WORKFLOW_TYPES,
} from '../workflows/contract.js';
import type { DocumentSnapshot } from '../workflows/contract.js';
import { snapshotDigest } from '../workflows/status-digest.js';

/** What Temporal knows of a document. */
export type KnownDocument =
  | { readonly kind: 'open'; readonly isInStep: boolean }
  | { readonly kind: 'closed'; readonly isInStep: boolean; readonly outcome: string | undefined }
  | { readonly kind: 'unknown' };

/** With IDs of 45 characters a query has 25 kB. */
const DOCUMENTS_PER_QUERY = 500;

const VISIBILITY_DEADLINE_MS = 30_000;

// A workflow that was terminated or failed may be begun anew: it counts as none.
const ALIVE = `WorkflowType = '${WORKFLOW_TYPES.documentSigning}' AND ExecutionStatus IN ('Running','Completed')`;

/**
 * Looks documents up in Temporal's visibility, many at a time. Where all of a query's documents are
 * open and in step, one count of their digests says so; only otherwise are they listed.
 */
export async function knownDocuments(
  client: Client,
  snapshots: readonly DocumentSnapshot[],
): Promise<ReadonlyMap<string, KnownDocument>> {
  const known = new Map<string, KnownDocument>();
  const digests = new Map(snapshots.map((shown) => [shown.documentId, snapshotDigest(shown)]));
  const all = [...digests];
  for (let start = 0; start < all.length; start += DOCUMENTS_PER_QUERY) {
    const part = all.slice(start, start + DOCUMENTS_PER_QUERY);
    await client.withDeadline(Date.now() + VISIBILITY_DEADLINE_MS, () => look(client, part, known));
  }
  return known;
}

async function look(
  client: Client,
  digests: readonly (readonly [documentId: string, digest: string])[],
  known: Map<string, KnownDocument>,
): Promise<void> {
  if ((await openInStep(client, digests)) === digests.length) {
    for (const [id] of digests) known.set(id, { kind: 'open', isInStep: true });
    return;
  }
  for (const [id] of digests) known.set(id, { kind: 'unknown' });
  const wanted = new Map(digests.map(([id, digest]) => [documentWorkflowId(id), { id, digest }]));
  const query = `${ALIVE} AND WorkflowId IN (${quoted([...wanted.keys()])})`;
  for await (const execution of client.workflow.list({ query, pageSize: DOCUMENTS_PER_QUERY })) {
    const document = wanted.get(execution.workflowId);
    if (document) known.set(document.id, asKnown(execution, document.digest));
  }
}

/** A document has one run at the most that is running: what is counted here are documents. */
async function openInStep(
  client: Client,
  digests: readonly (readonly [string, string])[],
): Promise<number> {
  const { name } = SEARCH_ATTRIBUTES.documentDigest;
  const values = quoted(digests.map(([, digest]) => digest));
  const query = `WorkflowType = '${WORKFLOW_TYPES.documentSigning}' AND ExecutionStatus = 'Running' AND ${name} IN (${values})`;
  return (await client.workflow.count(query)).count;
}

function quoted(texts: readonly string[]): string {
  return texts.map((text) => `'${text}'`).join(',');
}

/** A document's workflow as a look-up or description shows it. */
export function asKnown(
  execution: Pick<WorkflowExecutionInfo, 'status' | 'memo' | 'typedSearchAttributes'>,
  digest: string,
): KnownDocument {
  const isInStep = execution.memo?.[DIGEST_MEMO] === digest;
  switch (execution.status.name) {
    case 'RUNNING':
      return { kind: 'open', isInStep };
    case 'COMPLETED': {
      const outcome = execution.typedSearchAttributes.get(SEARCH_ATTRIBUTES.documentOutcome);
      return { kind: 'closed', isInStep, outcome };
    }
    default:
      return { kind: 'unknown' };
  }
}
