import type { ArchivedFile, ArchiveReceipt } from '../../workflows/contract.js';

/** The files of an archived document beside its receipt. */
export type ArchiveFileName = 'document.pdf' | 'audit-log.pdf';

/** How a file is written. */
export interface WriteOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called as bytes arrive, with the file's bytes so far. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
  /** A longer stream ends with a `RequestRefused` failure. */
  readonly maxBytes?: number | undefined;
}

/** Why a file was quarantined; kept beside it. */
export interface QuarantineNote {
  readonly reason: string;
  /** SHA-256 that the provider names, lower-case hex. */
  readonly expected: string;
  /** ISO 8601 UTC. */
  readonly quarantinedAt: string;
  readonly workflow: ArchiveReceipt['workflow'];
}

/**
 * One attempt at archiving a document. Nothing of it shows in the archive until `commit`, which
 * shows all of it at once; an attempt that is given up is discarded.
 */
export interface ArchiveAttempt {
  /** Writes and hashes a stream, durably; a file of that name written before is replaced. */
  writeFile(
    name: ArchiveFileName,
    content: AsyncIterable<Uint8Array>,
    options?: WriteOptions,
  ): Promise<ArchivedFile>;
  /**
   * Makes the attempt the archived document, receipt last. Where another attempt came first, that
   * one's receipt stands and is returned.
   */
  commit(receipt: ArchiveReceipt): Promise<ArchiveReceipt>;
  /** Puts a written file under quarantine, with a note why; says where. */
  quarantine(file: ArchivedFile, note: QuarantineNote): Promise<string>;
  /** Removes what the attempt wrote and did not commit. May be called at any time, repeatedly. */
  discard(): Promise<void>;
}

/**
 * Where finished documents are kept. A document is archived exactly when it has a receipt, and then
 * all its files are there. Failures of storage are thrown as the system's errors, or as failures of
 * the contract's types; an ID that is not one as an `InvalidId` failure.
 */
export interface Archive {
  /** The document's receipt; undefined where it is not archived, or its receipt is not valid. */
  readReceipt(documentId: string): Promise<ArchiveReceipt | undefined>;
  /** Begins an attempt; any number may run at once, also in other processes. */
  begin(documentId: string): Promise<ArchiveAttempt>;
}
