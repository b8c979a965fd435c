import { WorkflowExecutionAlreadyStartedError, WorkflowIdReusePolicy } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import {
  noticeReceivedSignal,
  statusChangedSignal,
  WORKFLOW_TYPES,
} from '../workflows/contract.js';
import type { DocumentSigningInput, StatusReport } from '../workflows/contract.js';
import { documentStart } from '../workflows/document-start.js';

/** Where documents' workflows run. */
export interface Documents {
  readonly client: Client;
  readonly taskQueue: string;
}

/** A development server takes some hundred signals a second, from this many callers or more. */
export const SIGNALS_AT_ONCE = 16;

/** Of one call to Temporal. */
export const CALL_DEADLINE_MS = 10_000;

/**
 * The one way in for news of a document: signals its workflow, and starts it where there is none.
 * @returns whether the document is open; one that has its outcome needs nothing more
 */
export function signalDocument(
  { client, taskQueue }: Documents,
  input: DocumentSigningInput,
  report: StatusReport,
): Promise<boolean> {
  return unlessStarted(client, () =>
    client.workflow.signalWithStart(WORKFLOW_TYPES.documentSigning, {
      ...documentStart(input, report),
      taskQueue,
      signal: statusChangedSignal,
      signalArgs: [report],
    }),
  );
}

/** Tells a document's workflow to ask the provider, and starts it where there is none. */
export function notifyDocument(
  { client, taskQueue }: Documents,
  input: DocumentSigningInput,
): Promise<boolean> {
  return unlessStarted(client, () =>
    client.workflow.signalWithStart(WORKFLOW_TYPES.documentSigning, {
      ...documentStart(input),
      taskQueue,
      signal: noticeReceivedSignal,
    }),
  );
}

/** How a document is adopted. */
export interface StartOptions {
  /** Also where the document has its outcome already. */
  readonly beginsAnew?: boolean;
}

/**
 * Starts the workflow of a document that has none, with what there is to tell: a third of the calls
 * that asking, signalling and asking once more would take.
 * @returns whether it was started; false where there is one, open or with its outcome
 */
export function startDocument(
  { client, taskQueue }: Documents,
  input: DocumentSigningInput,
  { beginsAnew = false }: StartOptions = {},
): Promise<boolean> {
  const workflowIdReusePolicy = WorkflowIdReusePolicy.ALLOW_DUPLICATE;
  return unlessStarted(client, () =>
    client.workflow.start(WORKFLOW_TYPES.documentSigning, {
      ...documentStart(input),
      ...(beginsAnew && { workflowIdReusePolicy }),
      taskQueue,
    }),
  );
}

async function unlessStarted(client: Client, call: () => Promise<unknown>): Promise<boolean> {
  try {
    await client.withDeadline(Date.now() + CALL_DEADLINE_MS, call);
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}
