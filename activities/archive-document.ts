import type { Activities } from '../workflows/contract.js';
import { applySnapshot, timelineOf } from '../workflows/progress.js';
import type { ArchiveFiles } from './archive-files.js';
import { receiptSummary } from './archive/receipt.js';
import { startHeartbeat } from './heartbeat.js';

/** What the activity is made of. */
export interface ArchiveDocumentParts {
  readonly lookUpDocument: Activities['lookUpDocument'];
  readonly archiveFiles: ArchiveFiles;
}

/**
 * The activity that asks the provider for its last word on a final document, so that the receipt is
 * complete, and then archives it. One activity for both: every document pays for it.
 */
export function createArchiveDocument({
  lookUpDocument,
  archiveFiles,
}: ArchiveDocumentParts): Activities['archiveDocument'] {
  return async ({ documentId, progress, workflow }) => {
    const heartbeat = startHeartbeat();
    try {
      const lookUp = await lookUpDocument({ documentId, awaitFinalPdf: true });
      const { snapshot } = lookUp;
      if (lookUp.receipt || snapshot?.hash === undefined || !snapshot.finalPdf) return { lookUp };
      const changes = timelineOf(documentId, applySnapshot(progress, snapshot, 'provider'));
      const providerHash = snapshot.hash;
      const receipt = await archiveFiles({ documentId, providerHash, changes, workflow });
      return { lookUp, receipt: receiptSummary(receipt) };
    } finally {
      heartbeat.stop();
    }
  };
}
