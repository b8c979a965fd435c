import { ApplicationFailure } from '@temporalio/common';
import { FAILURE_TYPES, ID_PATTERN } from '../../workflows/contract.js';

/** The folder beside the documents that holds what failed its check; no document's ID. */
export const QUARANTINE = 'quarantine';

/** Returns the ID. @throws ApplicationFailure `InvalidId`, never retried, where it is none */
export function requireDocumentId(documentId: string): string {
  // Compared without case: file systems may not tell `Quarantine` from `quarantine`.
  if (ID_PATTERN.test(documentId) && documentId.toLowerCase() !== QUARANTINE) return documentId;
  const shown = JSON.stringify(documentId.slice(0, 64));
  throw ApplicationFailure.create({
    type: FAILURE_TYPES.invalidId,
    message: `${shown} is not a document's ID.`,
    nonRetryable: true,
  });
}
