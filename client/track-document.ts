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
import { tagOf } from '../provider/resource-uri.js';
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
  given: TrackingTerms,
): Promise<void> {
  const documentId = checkedId(id);
  const terms = checkedTerms(given);
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

/** With a zone: without one it would mean another time on another machine. */
const ZONED_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

/** @throws RangeError for a deadline or a tag that is none */
function checkedTerms(terms: TrackingTerms): TrackingTerms {
  const { deadline, tag } = terms;
  if (tag !== undefined && tagOf(tag) === undefined) {
    throw new RangeError(`not a tag as the provider takes it, such as lease-12: ${tag}`);
  }
  if (deadline === undefined) return terms;
  const time = ZONED_TIME.test(deadline) ? Date.parse(deadline) : NaN;
  if (Number.isNaN(time)) {
    throw new RangeError(`the deadline is no time such as 2030-01-31T12:00:00Z: ${deadline}`);
  }
  return { ...terms, deadline: new Date(time).toISOString() };
}
