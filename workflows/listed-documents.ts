/** Which documents a listing has shown, in memory that does not grow with them. Pure. */
import { formatHash, hash64, HASH_LENGTH } from './status-digest.js';

/**
 * 32 bits for each document, of which it sets eight: of a million that were not shown, six are
 * taken for shown; at the limit's one million documents, one in fifty. Whoever is, is another one
 * in the next run, which has another seed. Temporal's SDK warns of payloads above 512 kB.
 */
const BYTES_PER_DOCUMENT = 4;
const MIN_BYTES = 4 * 1024;
/** A payload takes 2 MB, and continue-as-new carries this one. */
const MAX_BYTES = 1024 * 1024;

/** Bits of one document. */
export const PROBES = 8;

/** Of filters from before that kept no record of it. */
export const EARLIER_PROBES = 4;

/** Eight bytes that stand for a document in one run. */
export type Fingerprint = readonly [number, number];

/** A document's fingerprint; with another seed it is another one. */
export function fingerprintOf(seed: string, documentId: string): Fingerprint {
  return hash64(`${seed} ${documentId}`);
}

/** Fingerprints as text, sixteen hexadecimal digits each. */
export function formatFingerprints(fingerprints: readonly Fingerprint[]): string {
  return fingerprints.map(formatHash).join('');
}

/** The fingerprints in such a text. */
export function parseFingerprints(text: string): Fingerprint[] {
  const half = (start: number): number => Number.parseInt(text.slice(start, start + 8), 16);
  return Array.from({ length: text.length / HASH_LENGTH }, (_, index) => {
    const start = index * HASH_LENGTH;
    return [half(start), half(start + 8)] as const;
  });
}

/**
 * Rows that neighbouring pages share. When rows before them go away, the next page begins further
 * on; as long as it shows one of them nothing was skipped, and otherwise the gap is read again.
 */
export const OVERLAP = 10;

/** The last of a page's fingerprints: the next page must know one of them. */
export function tailOf(page: string): string {
  return page.slice(-OVERLAP * HASH_LENGTH);
}

/** The first of them, so many rows. */
export function headOf(page: string, rows: number): string {
  return page.slice(0, rows * HASH_LENGTH);
}

/** Whether two pages meet: the later one shows a row of the earlier one's end, if that has any. */
export function meets(tail: string, page: string): boolean {
  if (tail === '') return true;
  const shown = new Set(parseFingerprints(page).map(String));
  return parseFingerprints(tail).some((fingerprint) => shown.has(String(fingerprint)));
}

/** Room for so many documents. */
export function emptyFilter(documents: number): Uint8Array {
  const bytes = Math.min(Math.max(documents * BYTES_PER_DOCUMENT, MIN_BYTES), MAX_BYTES);
  return new Uint8Array(Math.ceil(bytes));
}

/** Documents that a filter has room for. */
export function roomIn(filter: Uint8Array): number {
  return filter.length / BYTES_PER_DOCUMENT;
}

/**
 * A filter with room for so many documents, as far as the limit allows, which knows all that the
 * given one knows: a document's bits are remainders by the size, so that by a multiple of the size
 * each is at its place in one of the copies.
 */
export function grownFilter(filter: Uint8Array, documents: number): Uint8Array {
  const wanted = Math.ceil(documents / roomIn(filter));
  const copies = Math.min(wanted, Math.floor(MAX_BYTES / filter.length));
  if (copies < 2) return filter;
  const grown = new Uint8Array(copies * filter.length);
  for (let copy = 0; copy < copies; copy += 1) grown.set(filter, copy * filter.length);
  return grown;
}

/** Adds a document. @returns whether it was new */
export function addListed(filter: Uint8Array, fingerprint: Fingerprint, probes: number): boolean {
  let isNew = false;
  for (let probe = 0; probe < probes; probe += 1) {
    const bit = bitOf(filter, fingerprint, probe);
    const [index, mask] = [bit >>> 3, 1 << (bit & 7)];
    const byte = filter[index] ?? 0;
    if ((byte & mask) === 0) isNew = true;
    filter[index] = byte | mask;
  }
  return isNew;
}

/** Whether a document was added, with as many probes; rarely true for one that was not. */
export function wasListed(filter: Uint8Array, fingerprint: Fingerprint, probes: number): boolean {
  for (let probe = 0; probe < probes; probe += 1) {
    const bit = bitOf(filter, fingerprint, probe);
    if (((filter[bit >>> 3] ?? 0) & (1 << (bit & 7))) === 0) return false;
  }
  return true;
}

function bitOf(filter: Uint8Array, [a, b]: Fingerprint, probe: number): number {
  // An odd step, or one probe could meet itself again.
  return ((a + Math.imul(probe, b | 1)) >>> 0) % (filter.length * 8);
}
