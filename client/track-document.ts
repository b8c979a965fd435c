import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { Client } from '@temporalio/client';
import {
  canonicalId,
  documentWorkflowId,
  SEARCH_ATTRIBUTES,
  SIGNERS_MAX,
  trackingRequestedSignal,
  WORKFLOW_TYPES,
} from '../workflows/contract.js';
import { tagOf } from '../provider/resource-uri.js';
import type { DocumentSigningInput, FollowUpPolicy, TrackingTerms } from '../workflows/contract.js';
import { chasingProblems } from '../workflows/chasing-terms.js';
import { documentStart } from '../workflows/document-start.js';
import type { DocumentStart } from '../workflows/document-start.js';
import { describeDocument } from './describe-document.js';

/** Where workflows are started. */
export interface Start {
  readonly client: Client;
  readonly taskQueue: string;
  readonly followUp?: FollowUpPolicy | undefined;
}

/** The document exists at the provider, but its workflow could not be started. */
export class TrackingFailedError extends Error {
  override readonly name = 'TrackingFailedError';
  readonly documentId: string;

  constructor(documentId: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(
      `document ${documentId} was created but is not tracked yet (${why}): ` +
        `call trackDocument('${documentId}'), or leave it to its first callback`,
      { cause },
    );
    this.documentId = documentId;
  }
}

const START_DEADLINE_MS = 10_000;

/**
 * Starts a document's workflow. Where a callback was faster and it runs already, it is told the
 * terms; where the document has its outcome, there is nothing to do, unless operations stopped it:
 * then it begins anew, which nobody else can make it do.
 * @throws RangeError for an ID or terms that are none
 */
export async function trackDocument(start: Start, id: string, given: TrackingTerms): Promise<void> {
  const documentId = checkedId(id);
  const terms = checkedTerms(given);
  const begun = documentStart(startInput(documentId, terms, start.followUp, Date.now()));
  if (await hasBegun(start, begun)) return;
  if (await isTold(start.client, documentId, terms)) return;
  if (!(await isStopped(start.client, documentId))) return;
  const again = { ...begun, workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE };
  if (!(await hasBegun(start, again))) await isTold(start.client, documentId, terms);
}

/** With the configured deadline, which costs nothing where it is said at the start. */
function startInput(
  documentId: string,
  terms: TrackingTerms,
  followUp: FollowUpPolicy | undefined,
  nowMs: number,
): DocumentSigningInput {
  const { deadlineMs } = followUp ?? {};
  const deadline =
    deadlineMs === undefined ? undefined : new Date(nowMs + deadlineMs).toISOString();
  return { documentId, ...(deadline ? { deadline } : {}), ...terms, ...(followUp && { followUp }) };
}

function call<Result>(client: Client, make: () => Promise<Result>): Promise<Result> {
  return client.withDeadline(Date.now() + START_DEADLINE_MS, make);
}

async function hasBegun({ client, taskQueue }: Start, start: DocumentStart): Promise<boolean> {
  const workflowIdConflictPolicy = WorkflowIdConflictPolicy.FAIL;
  try {
    await call(client, () =>
      client.workflow.start(WORKFLOW_TYPES.documentSigning, {
        ...start,
        workflowIdConflictPolicy,
        taskQueue,
      }),
    );
    return true;
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    return false;
  }
}

/** False: closed, the document has its outcome. */
async function isTold(client: Client, documentId: string, terms: TrackingTerms): Promise<boolean> {
  const handle = client.workflow.getHandle(documentWorkflowId(documentId));
  try {
    await call(client, () => handle.signal(trackingRequestedSignal, terms));
    return true;
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    return false;
  }
}

async function isStopped(client: Client, documentId: string): Promise<boolean> {
  const { typedSearchAttributes } = await call(client, () => describeDocument(client, documentId));
  return typedSearchAttributes.get(SEARCH_ATTRIBUTES.documentOutcome) === 'stopped';
}

/** @throws RangeError for what cannot be a document's ID */
export function checkedId(documentId: string): string {
  const id = canonicalId(documentId);
  if (id === undefined) throw new RangeError(`not a document's ID: ${documentId}`);
  return id;
}

/**
 * @throws RangeError for more signers than are followed, and for a tag, a deadline, reminders or a
 *   stall that are none
 */
export function checkedTerms(given: TrackingTerms): TrackingTerms {
  const terms = saidTerms(given);
  const { deadline, signers = [], tag } = terms;
  if (signers.length > SIGNERS_MAX) {
    throw new RangeError(
      `${signers.length} signers: more than ${SIGNERS_MAX} are not followed one by one. Leave ` +
        '`signers` out, and the document is followed by its own status.',
    );
  }
  if (tag !== undefined && tagOf(tag) === undefined) {
    throw new RangeError(`not a tag as the provider takes it, such as lease-12: ${tag}`);
  }
  const [problem] = chasingProblems(terms);
  if (problem !== undefined) throw new RangeError(problem);
  return deadline ? { ...terms, deadline: new Date(deadline).toISOString() } : terms;
}

/** What is `undefined` is not said, and takes the place of nothing that is. */
export function saidTerms(terms: TrackingTerms): TrackingTerms {
  const said = Object.entries(terms).filter(([, value]) => value !== undefined);
  return Object.fromEntries(said);
}
