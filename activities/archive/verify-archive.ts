/** Every document of an archive against its receipt, from the bytes. Changes nothing. */
import { createHash } from 'node:crypto';
import type { ArchivedFile, ArchiveReceipt } from '../../workflows/contract.js';
import type { Archive, StoredDocument, StoredFile } from './archive.js';
import { RECEIPT_NAME } from './receipt-file.js';
import { parseReceipt } from './receipt.js';

/** What is wrong with a document. */
export type Flaw =
  | { readonly kind: 'missingFile'; readonly file: string }
  | {
      readonly kind: 'wrongSize' | 'wrongHash';
      readonly file: string;
      /** What the receipt says. */
      readonly expected: string;
      readonly actual: string;
    }
  /** A file that the receipt does not name. */
  | { readonly kind: 'unlistedFile'; readonly file: string }
  | { readonly kind: 'noReceipt'; readonly files: readonly string[] }
  | { readonly kind: 'receiptDamaged'; readonly why: string }
  /** It is in quarantine, and nothing of it is archived as good. */
  | { readonly kind: 'quarantined'; readonly files: readonly string[] }
  /** The document was erased, and this is there all the same: by its tombstone or in quarantine. */
  | { readonly kind: 'notErased'; readonly file: string }
  /** Storage failed on it: whether it is whole is not known. */
  | { readonly kind: 'unreadable'; readonly why: string };

/** What was found of one document. */
export interface DocumentVerdict {
  readonly documentId: string;
  readonly place: StoredDocument['place'];
  /** Empty: all as the receipt says. */
  readonly flaws: readonly Flaw[];
  /** Hashed. */
  readonly bytes: number;
}

/** How an archive is verified. */
export interface VerifyOptions {
  /** This one alone. */
  readonly documentId?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called as files are hashed, with the bytes of one piece. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** A receipt has a few kilobytes; what is longer is none. */
const MAX_RECEIPT_BYTES = 16 * 1024 * 1024;

/** A receipt that was not valid and has been moved aside (receipt-file.ts): another stands now. */
const RECEIPT_ASIDE = /^receipt\.json\.damaged-\d+$/;

/** Told by what is there and what is not: so looks, too, what is being archived or erased. */
const PERHAPS_PASSING: ReadonlySet<Flaw['kind']> = new Set([
  'missingFile',
  'wrongSize',
  'unlistedFile',
  'noReceipt',
  'notErased',
]);

/**
 * Hashes every file anew: one document after the other, never a whole file in memory. What may have
 * been caught in the middle is looked at once more, after all others.
 * @throws what listing the archive fails with, or the signal's reason
 */
export async function* verifyArchive(
  archive: Archive,
  { documentId, signal, onBytes }: VerifyOptions = {},
): AsyncGenerator<DocumentVerdict> {
  const again: DocumentVerdict[] = [];
  for await (const stored of archive.list(documentId)) {
    const verdict = await verdictOf(archive, stored, { signal, onBytes });
    if (verdict.flaws.some(({ kind }) => PERHAPS_PASSING.has(kind))) again.push(verdict);
    else yield verdict;
  }
  for (const before of again) {
    for await (const stored of archive.list(before.documentId)) {
      if (stored.place !== before.place) continue;
      yield await verdictOf(archive, stored, { signal, onBytes });
    }
  }
}

async function verdictOf(
  archive: Archive,
  stored: StoredDocument,
  { signal, onBytes }: Pick<VerifyOptions, 'signal' | 'onBytes'>,
): Promise<DocumentVerdict> {
  signal?.throwIfAborted();
  let bytes = 0;
  const count = (piece: number): void => {
    signal?.throwIfAborted();
    bytes += piece;
    onBytes?.(piece);
  };
  const flaws = await flawsOf(archive, stored, count).catch((error: unknown) => {
    signal?.throwIfAborted();
    const why = error instanceof Error ? error.message : String(error);
    return [{ kind: 'unreadable', why }] satisfies Flaw[];
  });
  return { documentId: stored.documentId, place: stored.place, flaws, bytes };
}

function flawsOf(
  archive: Archive,
  stored: StoredDocument,
  onBytes: (bytes: number) => void,
): Promise<Flaw[]> {
  return stored.place === 'quarantine'
    ? quarantineFlaws(archive, stored)
    : documentFlaws(archive, stored, onBytes);
}

/** What is archived as good in the end, by a later attempt, is no longer open. */
async function quarantineFlaws(archive: Archive, stored: StoredDocument): Promise<Flaw[]> {
  const { receipt } = await readReceipt(archive, stored.documentId);
  if (receipt === undefined) return [{ kind: 'quarantined', files: namesOf(stored.files) }];
  return isTombstone(receipt) ? notErased(stored.files) : [];
}

async function documentFlaws(
  archive: Archive,
  { documentId, files }: StoredDocument,
  onBytes: (bytes: number) => void,
): Promise<Flaw[]> {
  const { receipt, why } = await readReceipt(archive, documentId);
  if (receipt === undefined) {
    return why === undefined
      ? [{ kind: 'noReceipt', files: namesOf(files) }]
      : [{ kind: 'receiptDamaged', why }];
  }
  if (isTombstone(receipt)) return notErased(files);
  const flaws: Flaw[] = [];
  for (const file of receipt.files) {
    flaws.push(...(await fileFlaws(archive, documentId, { file, files, onBytes })));
  }
  const listed = receipt.files.map(({ name }) => name);
  const unlisted = namesOf(files).filter(
    (name) => name !== RECEIPT_NAME && !listed.includes(name) && !RECEIPT_ASIDE.test(name),
  );
  return [...flaws, ...unlisted.map((file) => ({ kind: 'unlistedFile', file }) as const)];
}

/** Its files are named with their hashes, and gone. */
function isTombstone({ erasedAt }: ArchiveReceipt): boolean {
  return erasedAt !== undefined;
}

/** A receipt that was moved aside, too: it names signers. */
function notErased(files: readonly StoredFile[]): Flaw[] {
  return namesOf(files)
    .filter((name) => name !== RECEIPT_NAME)
    .map((file) => ({ kind: 'notErased', file }));
}

async function fileFlaws(
  archive: Archive,
  documentId: string,
  {
    file,
    files,
    onBytes,
  }: {
    readonly file: ArchivedFile;
    readonly files: readonly StoredFile[];
    readonly onBytes: (bytes: number) => void;
  },
): Promise<Flaw[]> {
  const { name } = file;
  const stored = files.find((each) => each.name === name);
  if (stored === undefined) return [{ kind: 'missingFile', file: name }];
  if (stored.bytes !== file.bytes) {
    const sizes = { expected: `${file.bytes} bytes`, actual: `${stored.bytes} bytes` };
    return [{ kind: 'wrongSize', file: name, ...sizes }];
  }
  const pieces = await archive.openFile(documentId, name);
  if (pieces === undefined) return [{ kind: 'missingFile', file: name }];
  const actual = await hashOf(pieces, onBytes);
  return actual === file.sha256
    ? []
    : [{ kind: 'wrongHash', file: name, expected: file.sha256, actual }];
}

async function hashOf(
  pieces: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of pieces) {
    hash.update(piece);
    onBytes(piece.length);
  }
  return hash.digest('hex');
}

/** The receipt; or why it is not one; or neither where there is none. */
async function readReceipt(
  archive: Archive,
  documentId: string,
): Promise<{ receipt?: ArchiveReceipt; why?: string }> {
  const pieces = await archive.openFile(documentId, RECEIPT_NAME);
  if (pieces === undefined) return {};
  const receipt = parseReceipt(await textOf(pieces));
  if (receipt === undefined) return { why: 'it is no receipt, or cut off' };
  if (receipt.documentId !== documentId) {
    return { why: `it is the receipt of ${receipt.documentId}` };
  }
  if (isTombstone(receipt)) return { receipt };
  const pdf = receipt.files.find(({ name }) => name === 'document.pdf');
  if (pdf?.sha256 !== receipt.providerHash) {
    return { why: "its document.pdf has not the provider's hash" };
  }
  return { receipt };
}

async function textOf(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const read: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    read.push(piece);
    bytes += piece.length;
    if (bytes > MAX_RECEIPT_BYTES) break;
  }
  return Buffer.concat(read).toString('utf8');
}

function namesOf(files: readonly StoredFile[]): string[] {
  return files.map(({ name }) => name).sort();
}

/** A flaw in a line, for people. */
export function flawText(flaw: Flaw): string {
  switch (flaw.kind) {
    case 'missingFile':
      return `missing file: ${flaw.file}`;
    case 'wrongSize':
      return `wrong size: ${flaw.file} has ${flaw.actual}, the receipt says ${flaw.expected}`;
    case 'wrongHash':
      return `wrong hash: ${flaw.file} is ${flaw.actual}, the receipt says ${flaw.expected}`;
    case 'unlistedFile':
      return `not in the receipt: ${flaw.file}`;
    case 'noReceipt':
      return `no receipt: ${flaw.files.join(', ') || 'nothing in its folder'}`;
    case 'receiptDamaged':
      return `receipt damaged: ${flaw.why}`;
    case 'quarantined':
      return `quarantined: ${flaw.files.join(', ')}`;
    case 'notErased':
      return `erased, but still there: ${flaw.file} (erase the document again)`;
    case 'unreadable':
      return `unreadable: ${flaw.why}`;
  }
}
