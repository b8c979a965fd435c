import type { Logger } from 'pino';
import type { ArchiveReceipt } from '../../workflows/contract.js';
import { RECEIPT_NAME } from './receipt-file.js';
import { parseReceipt } from './receipt.js';
import type { S3Bucket } from './s3-bucket.js';
import { s3Refusal } from './s3-failures.js';

/** Far above any receipt; what is longer is none. */
const MAX_RECEIPT_BYTES = 16 * 1024 * 1024;

/** One document's place. */
export interface Place {
  readonly documentId: string;
  readonly bucket: S3Bucket;
  /** The key of one of the document's objects. */
  readonly keyOf: (name: string) => string;
  readonly logger: Pick<Logger, 'warn'> | undefined;
}

/** What stands in the receipt's place. */
export type Standing =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'archived'; readonly receipt: ArchiveReceipt }
  | { readonly kind: 'damaged'; readonly why: string };

/** The document's receipt; one that is not valid is reported and counts as absent. */
export async function readOwnReceipt(place: Place): Promise<ArchiveReceipt | undefined> {
  const standing = await readStanding(place);
  if (standing.kind === 'damaged') {
    const receipt = place.bucket.urlOf(place.keyOf(RECEIPT_NAME));
    place.logger?.warn({ receipt, why: standing.why }, 'a receipt that is not valid was ignored');
  }
  return standing.kind === 'archived' ? standing.receipt : undefined;
}

/** Reads the receipt, and asks whether the objects that it names are there. */
export async function readStanding({ bucket, keyOf, documentId }: Place): Promise<Standing> {
  const text = await bucket.readText(keyOf(RECEIPT_NAME), MAX_RECEIPT_BYTES);
  if (text === undefined) return { kind: 'nothing' };
  const receipt = parseReceipt(text);
  if (receipt === undefined) return { kind: 'damaged', why: 'it is no receipt' };
  if (receipt.documentId !== documentId) {
    return { kind: 'damaged', why: `it is the receipt of ${receipt.documentId}` };
  }
  if (receipt.erasedAt !== undefined) return { kind: 'archived', receipt };
  // The lengths are compared, not the hashes: an audit reads every byte, a look-up must not.
  const lengths = await Promise.all(receipt.files.map(({ name }) => bucket.lengthOf(keyOf(name))));
  const missing = receipt.files.filter(({ bytes }, index) => lengths[index] !== bytes);
  if (missing.length === 0) return { kind: 'archived', receipt };
  const names = missing.map(({ name }) => name).join(' and ');
  return { kind: 'damaged', why: `${names} is not there in the length that it names` };
}

/** What to tell people who alone can mend it. */
export function damagedReceipt({ bucket, keyOf }: Place, why: string): Error {
  return s3Refusal(
    `ARCHIVE_URL: ${bucket.urlOf(keyOf(RECEIPT_NAME))} is not valid: ${why}. It is never ` +
      'overwritten: restore what is missing, or move it away, then send the signal retry.',
  );
}
