import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdConflictPolicy,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { Client } from '@temporalio/client';
import {
  canonicalId,
  documentWorkflowId,
  trackingRequestedSignal,
  WORKFLOW_TYPES,
} from '../workflows/contract.js';
import type { TrackingTerms } from '../workflows/contract.js';
import { documentStart } from '../workflows/document-start.js';

/** Where workflows are started. */
export interface Start {
  readonly client: Client;
  readonly taskQueue: string;
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
 * terms; where the document has its outcome, there is nothing to do.
 * @throws RangeError for an ID or a deadline that is none
 */
export async function trackDocument(
  { client, taskQueue }: Start,
  id: string,
  terms: TrackingTerms,
): Promise<void> {
  const documentId = checkedId(id);
  checkTerms(terms);
  const call = <Result>(make: () => Promise<Result>): Promise<Result> =>
    client.withDeadline(Date.now() + START_DEADLINE_MS, make);
  try {
    await call(() =>
      client.workflow.start(WORKFLOW_TYPES.documentSigning, {
        ...documentStart({ documentId, ...terms }),
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
        taskQueue,
      }),
    );
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    await call(() => tellTerms(client, documentId, terms));
  }
}

async function tellTerms(client: Client, documentId: string, terms: TrackingTerms): Promise<void> {
  try {
    const handle = client.workflow.getHandle(documentWorkflowId(documentId));
    await handle.signal(trackingRequestedSignal, terms);
  } catch (error) {
    // Closed: the document has its outcome.
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}

/** @throws RangeError for what cannot be a document's ID */
export function checkedId(documentId: string): string {
  const id = canonicalId(documentId);
  if (id === undefined) throw new RangeError(`not a document's ID: ${documentId}`);
  return id;
}

function checkTerms({ deadline }: TrackingTerms): void {
  if (deadline !== undefined && Number.isNaN(Date.parse(deadline))) {
    throw new RangeError(`the deadline is not an ISO 8601 time: ${deadline}`);
  }
}
