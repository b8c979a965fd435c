/** Short marks by which two sides see whether they know the same, without telling what. Pure. */
import { documentReading, signerReading } from './progress.js';
import type { SigningProgress } from './progress.js';
import { documentStatusNumber, signerStatusNumber } from './statuses.js';
import type { DocumentSnapshot } from './contract.js';

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
/** For the second half: any other odd number with its bits well spread. */
const OTHER_PRIME = 0x9e3779b1;

/**
 * 64 bits of FNV-1a, two halves with different primes, each finished by murmur3's mixer; no
 * cryptography: nobody gains anything by a collision, which hides one difference until the next
 * change.
 */
export function hash64(text: string): readonly [number, number] {
  let [a, b] = [FNV_OFFSET, ~FNV_OFFSET];
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    a = Math.imul(a ^ code, FNV_PRIME);
    b = Math.imul(b ^ code, OTHER_PRIME);
  }
  return [mixed(a), mixed(b)];
}

function mixed(hash: number): number {
  let mix = hash;
  mix = Math.imul(mix ^ (mix >>> 16), 0x85ebca6b);
  mix = Math.imul(mix ^ (mix >>> 13), 0xc2b2ae35);
  return (mix ^ (mix >>> 16)) >>> 0;
}

/** A hash as hexadecimal digits, so many. */
export const HASH_LENGTH = 16;
export function formatHash(halves: readonly [number, number]): string {
  return halves.map((half) => half.toString(16).padStart(8, '0')).join('');
}

/** The statuses of a document and its signers as 16 hexadecimal digits, other for each document. */
export function progressDigest(documentId: string, progress: SigningProgress): string {
  const document = documentStatusNumber(documentReading(progress)?.status ?? 'created');
  const signers = Object.entries(progress.signers).map(
    ([id, signer]) => [id, signerStatusNumber(signerReading(signer)?.status ?? 'unsent')] as const,
  );
  return digestOf(documentId, document, signers);
}

/**
 * The digest of a workflow that knows exactly what the provider shows. Straight from the picture:
 * a run takes one of every document there is.
 */
export function snapshotDigest(snapshot: DocumentSnapshot): string {
  const { documentId, status, finalPdf, signers } = snapshot;
  const document = documentStatusNumber(finalPdf ? 'finalised' : status);
  const shown = new Map(signers.map(({ id, status }) => [id, signerStatusNumber(status)]));
  return digestOf(documentId, document, [...shown]);
}

function digestOf(
  documentId: string,
  document: number,
  signers: readonly (readonly [id: string, status: number])[],
): string {
  const known = signers.map(([id, status]) => `${id}=${status}`).sort();
  return formatHash(hash64([documentId, document, ...known].join(' ')));
}
