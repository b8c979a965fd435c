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

/** All that is kept of one document in one place, as it lies there: nothing of it is believed. */
export interface StoredDocument {
  readonly documentId: string;
  /** `quarantine`: what failed its check, beside the documents. */
  readonly place: 'documents' | 'quarantine';
  /** The receipt among them, in no order. */
  readonly files: readonly StoredFile[];
}

/** A file as it lies there. */
export interface StoredFile {
  readonly name: string;
  readonly bytes: number;
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
  /**
   * Everything that is kept, or what is kept of one document; changes nothing. What is no
   * document's ID, and attempts under way, are passed over.
   */
  list(documentId?: string): AsyncIterable<StoredDocument>;
  /** A document's file or receipt, piece by piece; undefined where it is not there. */
  openFile(documentId: string, name: string): Promise<AsyncIterable<Uint8Array> | undefined>;
  /**
   * Whether documents could be archived now: leaves nothing behind.
   * @returns `readable` where writing could not be tried without leaving something
   * @throws what archiving would fail with
   */
  tryOut(): Promise<'writable' | 'readable'>;
  /** Names of the files that `erase` would remove, the receipt not among them. */
  listErasable(documentId: string): Promise<readonly string[]>;
  /**
   * Puts the tombstone in the receipt's place and then removes everything else of the document,
   * also what is under quarantine. May be repeated. Fails as `RequestRefused` where the archive
   * does not erase.
   */
  erase(documentId: string, tombstone: ArchiveReceipt): Promise<void>;
}
