/**
 * The provider's status numbers and our words for them. Numbers stop at the edge: everything inside
 * speaks these words, and shows the number beside them. The same number means different things for
 * a signer and for a document, hence two tables. Source: the provider's API v1 documentation.
 */

/** A document's statuses. `finalised` (100) is only ever seen in callbacks, after `signed`. */
export const DOCUMENT_STATUSES = {
  created: 10,
  fieldsCompleted: 20,
  signed: 30,
  removed: 40,
  rejected: 50,
  finalised: 100,
} as const;

/** A signer's statuses. */
export const SIGNER_STATUSES = {
  unsent: 4,
  scheduled: 5,
  sent: 10,
  emailOpened: 15,
  visited: 20,
  fieldsCompleted: 30,
  fieldsCompletedExceptSignature: 35,
  awaitingWitness: 39,
  signed: 40,
  downloaded: 50,
  rejected: 60,
} as const;

/** A value outside the tables, kept and shown: the provider adds some without notice. */
export type UnknownStatus = `unknown-${string}`;
export type DocumentStatus = keyof typeof DOCUMENT_STATUSES | UnknownStatus;
export type SignerStatus = keyof typeof SIGNER_STATUSES | UnknownStatus;

/** Long enough for every number, short enough that a forged or broken value bloats nothing. */
const UNKNOWN_VALUE_MAX_LENGTH = 24;

type StatusTable = Readonly<Record<string, number>>;

const wordsOf = (table: StatusTable): ReadonlyMap<string, string> =>
  new Map(Object.entries(table).map(([word, number]) => [String(number), word]));
const DOCUMENT_WORDS = wordsOf(DOCUMENT_STATUSES);
const SIGNER_WORDS = wordsOf(SIGNER_STATUSES);

function wordOf(words: ReadonlyMap<string, string>, value: number | string): string {
  const text = String(value).trim();
  const word = words.get(text);
  if (word !== undefined) return word;
  return `unknown-${text.replace(/[^\w.-]/g, '_').slice(0, UNKNOWN_VALUE_MAX_LENGTH)}`;
}

function numberOf(table: StatusTable, status: string): number {
  if (Object.hasOwn(table, status)) return table[status] ?? -1;
  const number = Number(status.replace(/^unknown-/, ''));
  return Number.isFinite(number) ? number : -1;
}

/** Our word for a document's status number, as the provider sends it (string or number). */
export function documentStatusOf(value: number | string): DocumentStatus {
  return wordOf(DOCUMENT_WORDS, value) as DocumentStatus;
}

/** Our word for a signer's status number, as the provider sends it (string or number). */
export function signerStatusOf(value: number | string): SignerStatus {
  return wordOf(SIGNER_WORDS, value) as SignerStatus;
}

/** The provider's number; -1 for an unknown value that was not a number. Larger is further on. */
export function documentStatusNumber(status: DocumentStatus): number {
  return numberOf(DOCUMENT_STATUSES, status);
}

/** The provider's number; -1 for an unknown value that was not a number. Larger is further on. */
export function signerStatusNumber(status: SignerStatus): number {
  return numberOf(SIGNER_STATUSES, status);
}
