import { WorkflowNotFoundError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import { documentWorkflowId, retrySignal } from '../workflows/contract.js';
import { NotTrackedError } from './follow-document.js';
import { checkedId } from './track-document.js';

/** The document's workflow is closed: it takes no messages any more. */
export class DocumentClosedError extends Error {
  override readonly name = 'DocumentClosedError';
  readonly documentId: string;

  constructor(documentId: string, cause: unknown) {
    super(`document ${documentId} has its outcome, and its workflow is closed`, { cause });
    this.documentId = documentId;
  }
}

/** Tells a document that the cause of its failure is removed: it tries again. */
export async function retryDocument(client: Client, documentId: string): Promise<void> {
  const id = checkedId(documentId);
  const handle = client.workflow.getHandle(documentWorkflowId(id));
  try {
    await handle.signal(retrySignal);
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    const isKnown = await handle.describe().then(
      () => true,
      () => false,
    );
    throw isKnown ? new DocumentClosedError(id, error) : new NotTrackedError(id, error);
  }
}
