import type { Readable } from 'node:stream';
import { Context } from '@temporalio/activity';
import type { ArchivedFile, ArchiveReceipt } from '../workflows/contract.js';
import { FAILURE_TYPES } from '../workflows/contract.js';
import type { ProviderClient } from '../provider/provider-client.js';
import type { Archive, ArchiveAttempt, ArchiveFileName } from './archive/archive.js';
import { requireDocumentId } from './archive/document-id.js';
import { DE_ARCHIVING_RETRY_MS, permanent, retryable, withFailures } from './failures.js';
import { startHeartbeat, type Heartbeat } from './heartbeat.js';
import { pdfChunks } from './pdf-chunks.js';

/** A contract with scanned annexes has tens of megabytes; more than this is a mistake. */
const DEFAULT_MAX_FILE_BYTES = 512 * 1024 * 1024;

/** What is archived, and what goes into the receipt beside the files. */
export type ArchiveFilesInput = Pick<
  ArchiveReceipt,
  'documentId' | 'providerHash' | 'changes' | 'workflow'
>;

/** The archiving part of an activity. */
export type ArchiveFiles = (input: ArchiveFilesInput) => Promise<ArchiveReceipt>;

/** What archiving works with. */
export interface ArchiveFilesDependencies {
  readonly provider: Pick<ProviderClient, 'openPdf' | 'openAuditLog'>;
  readonly archive: Archive;
  /** Fresh downloads before a wrong hash counts as the provider's, not the network's. */
  readonly downloadAttempts?: number;
  /** Of one file; more is refused for good. */
  readonly maxFileBytes?: number;
}

/** One run of the activity. */
interface Run extends Required<ArchiveFilesDependencies> {
  readonly input: ArchiveFilesInput;
  readonly attempt: ArchiveAttempt;
  readonly heartbeat: Heartbeat;
  readonly signal: AbortSignal;
}

/**
 * Downloads a document's final PDF and its audit log, compares the PDF's SHA-256 with the
 * provider's, and archives both. A document that has its receipt already is left alone.
 */
export function createArchiveFiles(dependencies: ArchiveFilesDependencies): ArchiveFiles {
  const settings = {
    downloadAttempts: 3,
    maxFileBytes: DEFAULT_MAX_FILE_BYTES,
    ...dependencies,
  };
  return (input) => withFailures(() => archiveOnce(settings, input));
}

async function archiveOnce(
  settings: Required<ArchiveFilesDependencies>,
  input: ArchiveFilesInput,
): Promise<ArchiveReceipt> {
  const { archive } = settings;
  const documentId = requireDocumentId(input.documentId);
  requireHash(input.providerHash);
  const existing = await archive.readReceipt(documentId);
  if (existing !== undefined) return existing;
  const attempt = await archive.begin(documentId);
  const heartbeat = startHeartbeat();
  try {
    const signal = Context.current().cancellationSignal;
    return await archiveFiles({ ...settings, input, attempt, heartbeat, signal });
  } catch (error) {
    // Another attempt that came first has swept ours away: its receipt is as good as our own.
    const others = await archive.readReceipt(documentId);
    if (others === undefined) throw error;
    return others;
  } finally {
    heartbeat.stop();
    await attempt.discard();
  }
}

function requireHash(providerHash: string): void {
  if (/^[0-9a-f]{64}$/.test(providerHash)) return;
  throw permanent(FAILURE_TYPES.requestRefused, 'The input names no SHA-256 to compare with.');
}

async function archiveFiles(run: Run): Promise<ArchiveReceipt> {
  const pdf = await downloadChecked(run);
  const auditLog = await downloadAuditLog(run);
  run.heartbeat.report('commit', auditLog.bytes);
  run.signal.throwIfAborted();
  return run.attempt.commit({
    documentId: run.input.documentId,
    archivedAt: new Date().toISOString(),
    files: [pdf, auditLog],
    providerHash: run.input.providerHash,
    changes: run.input.changes,
    workflow: run.input.workflow,
  });
}

async function downloadChecked(run: Run): Promise<ArchivedFile> {
  const { providerHash } = run.input;
  for (let download = 1; ; download += 1) {
    const file = await downloadPdf(run);
    if (file.sha256 === providerHash) return file;
    if (download >= run.downloadAttempts) throw await integrityFailure(run, file);
  }
}

async function integrityFailure(run: Run, file: ArchivedFile): Promise<Error> {
  const expected = run.input.providerHash;
  const reason = `not the PDF whose hash the provider names, ${run.downloadAttempts} times`;
  const place = await run.attempt.quarantine(file, {
    reason,
    expected,
    quarantinedAt: new Date().toISOString(),
    workflow: run.input.workflow,
  });
  const message = `Downloaded ${reason}: quarantined as ${place}. Expected ${expected}, got ${file.sha256}.`;
  const details = { expected, actual: file.sha256, bytes: file.bytes };
  return permanent(FAILURE_TYPES.integrityFailed, message, details);
}

async function downloadPdf(run: Run): Promise<ArchivedFile> {
  run.heartbeat.report('document', 0);
  const download = await run.provider.openPdf(run.input.documentId, { signal: run.signal });
  switch (download.kind) {
    case 'pdf':
      return write(run, 'document', 'document.pdf', download.stream);
    case 'deArchiving': {
      const message = 'The provider is de-archiving the PDF; it says that this takes 4 hours.';
      throw retryable(FAILURE_TYPES.deArchiving, message, DE_ARCHIVING_RETRY_MS);
    }
    case 'absent':
      throw retryable(FAILURE_TYPES.notFinalYet, 'The provider has no PDF of the document yet.');
  }
}

async function downloadAuditLog(run: Run): Promise<ArchivedFile> {
  run.heartbeat.report('auditLog', 0);
  const { documentId } = run.input;
  const stream = await run.provider.openAuditLog(documentId, { signal: run.signal });
  if (stream !== undefined) return write(run, 'auditLog', 'audit-log.pdf', stream);
  throw retryable(FAILURE_TYPES.notFinalYet, 'The provider has no audit log of the document yet.');
}

async function write(
  run: Run,
  phase: 'document' | 'auditLog',
  name: ArchiveFileName,
  stream: Readable,
): Promise<ArchivedFile> {
  try {
    return await run.attempt.writeFile(name, pdfChunks(stream), {
      signal: run.signal,
      maxBytes: run.maxFileBytes,
      onBytes: (bytes) => {
        run.heartbeat.note(phase, bytes);
      },
    });
  } finally {
    // Where no file could be opened nobody has read of it, and its connection would stay open.
    stream.destroy();
  }
}
