/** What operations, and applications on their behalf, tell an open document. */
import { WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { maskEmailAddresses } from '../provider/error-reason.js';
import {
  changeTermsUpdate,
  documentWorkflowId,
  refreshSignal,
  retrySignal,
  stopSignal,
} from '../workflows/contract.js';
import type { ChasingTerms, ProgressView } from '../workflows/contract.js';
import { answeredWithin } from './answer-limit.js';
import type { AnswerOptions } from './answer-limit.js';
import { closedError } from './follow-document.js';
import { checkedId } from './track-document.js';

/** The workflow refuses what it was told; the message says why. */
export class TermsRefusedError extends Error {
  override readonly name = 'TermsRefusedError';
}

/** Has the provider asked now. @throws NotTrackedError, DocumentClosedError */
export function refresh(client: Client, documentId: string): Promise<void> {
  return tell(client, documentId, (handle) => handle.signal(refreshSignal));
}

/** Tries everything that waits again, at once. @throws NotTrackedError, DocumentClosedError */
export function retry(client: Client, documentId: string): Promise<void> {
  return tell(client, documentId, (handle) => handle.signal(retrySignal));
}

/** Gives the document up. @throws NotTrackedError, DocumentClosedError; RangeError for no reason */
export async function stop(client: Client, documentId: string, reason: string): Promise<void> {
  if (reason.trim() === '') throw new RangeError('a document is stopped for a reason: give one');
  // Histories hold no addresses.
  const masked = maskEmailAddresses(reason);
  await tell(client, documentId, (handle) => handle.signal(stopSignal, masked));
}

/** @throws TermsRefusedError, NotTrackedError, DocumentClosedError, NoAnswerError */
export async function changeTerms(
  client: Client,
  documentId: string,
  terms: ChasingTerms,
  options: AnswerOptions = {},
): Promise<ProgressView> {
  try {
    return await tell(client, documentId, (handle) =>
      answeredWithin(client, documentId, options, () =>
        handle.executeUpdate(changeTermsUpdate, { args: [terms] }),
      ),
    );
  } catch (error) {
    if (!(error instanceof WorkflowUpdateFailedError)) throw error;
    throw new TermsRefusedError(error.cause?.message ?? error.message, { cause: error });
  }
}

async function tell<Answer>(
  client: Client,
  id: string,
  send: (handle: WorkflowHandle) => Promise<Answer>,
): Promise<Answer> {
  const documentId = checkedId(id);
  const handle = client.workflow.getHandle(documentWorkflowId(documentId));
  try {
    return await send(handle);
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    throw await closedError(client, documentId, error);
  }
}
