import { ApplicationFailure } from '@temporalio/common';
import { FAILURE_TYPES, ID_PATTERN } from '../../workflows/contract.js';

/** The folder beside the documents that holds what failed its check; no document's ID. */
export const QUARANTINE = 'quarantine';

/** Whether a name in the archive is a document's. */
export function isDocumentId(name: string): boolean {
  // Compared without case: file systems may not tell `Quarantine` from `quarantine`.
  return ID_PATTERN.test(name) && name.toLowerCase() !== QUARANTINE;
}

/** Returns the ID. @throws ApplicationFailure `InvalidId`, never retried, where it is none */
export function requireDocumentId(documentId: string): string {
  if (isDocumentId(documentId)) return documentId;
  const shown = JSON.stringify(documentId.slice(0, 64));
  throw ApplicationFailure.create({
    type: FAILURE_TYPES.invalidId,
    message: `${shown} is not a document's ID.`,
    nonRetryable: true,
  });
}
