import { Client } from '@temporalio/client';
import type { WorkflowExecutionInfo } from '@temporalio/client';
import { lookUpOptions } from '../codec/data-converter.js';
import {
  DIGEST_MEMO,
  documentWorkflowId,
  SEARCH_ATTRIBUTES,
  WORKFLOW_TYPES,
} from '../workflows/contract.js';
import type { DocumentSnapshot } from '../workflows/contract.js';
import { snapshotDigest } from '../workflows/status-digest.js';
import type { FollowedDocuments } from './followed-documents.js';
import { countWorkflows, VISIBILITY_DEADLINE_MS } from './listed-workflows.js';

/** What Temporal knows of a document. */
export type KnownDocument = (
  | { readonly kind: 'open'; readonly isInStep: boolean }
  | { readonly kind: 'closed'; readonly isInStep: boolean; readonly outcome: string | undefined }
  | { readonly kind: 'unknown' }
) & {
  /** An earlier attempt at the same page may have told it what it knows. */
  readonly mayBeRepaired?: boolean;
};

/** With IDs of 45 characters a query has 25 kB. */
const DOCUMENTS_PER_QUERY = 500;

/** A workflow that was terminated or failed may be begun anew: it counts as none. */
export const FOLLOWED_QUERY = `WorkflowType = '${WORKFLOW_TYPES.documentSigning}' AND ExecutionStatus IN ('Running','Completed')`;

/**
 * Says nothing, and takes the place of the server's own condition on this attribute. With that one,
 * SQLite reads every workflow of the namespace for each query that names Workflow IDs.
 */
const ANY_DIVISION = '(TemporalNamespaceDivision IS NULL OR TemporalNamespaceDivision IS NOT NULL)';

const NOT_CLOSED = `ExecutionStatus NOT IN ('Completed','Failed','Canceled','Terminated','ContinuedAsNew','TimedOut')`;

/** What the last look-up found: neighbours in a listing are often alike. */
export interface LookUpMemory {
  areMostUnknown: boolean;
}

/** How documents are looked up. */
export interface LookUpTerms {
  readonly memory: LookUpMemory;
  readonly followed: FollowedDocuments;
  /** The run that asks. */
  readonly run: string;
  /** Nothing is done about the document where it has no workflow. */
  readonly isIgnored: (snapshot: DocumentSnapshot) => boolean;
  /**
   * When an earlier attempt may have begun to repair: what it may have told is in step by now, and
   * is marked to be asked for that repair.
   */
  readonly repairsSinceMs: number | undefined;
}

/**
 * Looks documents up in Temporal's visibility, many at a time. Where all of a query's documents are
 * open and in step, one count of their digests says so; only otherwise are they listed. Where the
 * last ones were mostly unknown, another count says whether any is known; and of those of which
 * nothing would follow, what the run read once says so, where it could be read. Who begins to
 * follow one of them meanwhile has it compared by the next run.
 */
export async function knownDocuments(
  client: Client,
  snapshots: readonly DocumentSnapshot[],
  terms: LookUpTerms,
): Promise<ReadonlyMap<string, KnownDocument>> {
  const known = new Map<string, KnownDocument>();
  for (let start = 0; start < snapshots.length; start += DOCUMENTS_PER_QUERY) {
    const part = snapshots.slice(start, start + DOCUMENTS_PER_QUERY);
    const before = known.size;
    const wanted = await worthAsking(part, terms);
    if (wanted.length > 0) {
      await client.withDeadline(Date.now() + VISIBILITY_DEADLINE_MS, () =>
        look(client, wanted, { ...terms, known }),
      );
    }
    terms.memory.areMostUnknown = known.size - before < part.length / 2;
  }
  return known;
}

async function worthAsking(
  snapshots: readonly DocumentSnapshot[],
  { memory, followed, run, isIgnored, repairsSinceMs }: LookUpTerms,
): Promise<readonly DocumentSnapshot[]> {
  if (!memory.areMostUnknown || repairsSinceMs !== undefined) return snapshots;
  const ignored = new Set(snapshots.filter(isIgnored));
  const workflowIds = ignored.size > 0 ? await followed.of(run) : undefined;
  if (!workflowIds) return snapshots;
  return snapshots.filter(
    (shown) => !ignored.has(shown) || workflowIds.has(documentWorkflowId(shown.documentId)),
  );
}

interface Looking extends LookUpTerms {
  readonly known: Map<string, KnownDocument>;
}

async function look(
  client: Client,
  snapshots: readonly DocumentSnapshot[],
  { known, memory, repairsSinceMs }: Looking,
): Promise<void> {
  const wanted = new Map(snapshots.map((shown) => [documentWorkflowId(shown.documentId), shown]));
  const isWanted = `WorkflowId IN (${quoted([...wanted.keys()])})`;
  // Counts cost a fraction of a list, an empty one included.
  const isKnown = `${isWanted} AND ${ANY_DIVISION}`;
  if (memory.areMostUnknown && (await countWorkflows(client, isKnown)) === 0) return;
  const isFirst = repairsSinceMs === undefined;
  if (isFirst && (await areInStep(client, snapshots))) {
    for (const { documentId } of snapshots) {
      known.set(documentId, { kind: 'open', isInStep: true });
    }
    return;
  }
  const begunMs = new Map<string, number>();
  // A digest that does not decrypt is not in step: its workflow is asked.
  const { workflow } = new Client(lookUpOptions(client));
  const query = `${FOLLOWED_QUERY} AND ${isWanted}`;
  for await (const execution of workflow.list({ query, pageSize: DOCUMENTS_PER_QUERY })) {
    const shown = wanted.get(execution.workflowId);
    if (!shown) continue;
    // A document that began anew has several, of which the last one counts.
    const startedMs = execution.startTime.getTime();
    if (startedMs < (begunMs.get(execution.workflowId) ?? 0)) continue;
    begunMs.set(execution.workflowId, startedMs);
    const mayBeRepaired = !isFirst && mayHaveChanged(execution, repairsSinceMs);
    const now = { ...asKnown(execution, snapshotDigest(shown)), mayBeRepaired };
    known.set(shown.documentId, now);
  }
}

/** Its first change takes the digest out of the search attributes. */
function mayHaveChanged(
  { startTime, typedSearchAttributes }: WorkflowExecutionInfo,
  sinceMs: number,
): boolean {
  const isUnchanged = typedSearchAttributes.get(SEARCH_ATTRIBUTES.documentDigest) !== undefined;
  return !isUnchanged || startTime.getTime() >= sinceMs;
}

/**
 * A document has one run at the most that is running: what is counted here are documents. Asked for
 * that status, a server on SQLite goes through all open workflows, for every page.
 */
async function areInStep(client: Client, snapshots: readonly DocumentSnapshot[]): Promise<boolean> {
  const digests = new Map(snapshots.map((shown) => [shown.documentId, snapshotDigest(shown)]));
  const { name } = SEARCH_ATTRIBUTES.documentDigest;
  const values = quoted([...digests.values()]);
  const query = `WorkflowType = '${WORKFLOW_TYPES.documentSigning}' AND ${NOT_CLOSED} AND ${name} IN (${values})`;
  return (await countWorkflows(client, query)) === digests.size;
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
