/**
 * `application/x-www-form-urlencoded`, decoded to bytes. A signature covers the exact bytes of a
 * field, which a decoder to text would not keep; and no parser's default limits apply.
 */
import { MalformedError } from './errors.js';

/** One field's bytes. */
export interface FormField {
  /** Decoded by the standard: `+` is a space. */
  readonly value: Buffer;
  /** The same with every literal `+` kept, where there is one: some senders do not escape it. */
  readonly withPlusKept?: Buffer;
}

const PLUS = 0x2b;
const PERCENT = 0x25;
const SPACE = 0x20;

/** By byte; far below zero for what is no hex digit. */
const HEX_DIGITS = Int16Array.from({ length: 256 }, (_, byte) => {
  const digit = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(digit) ? -1000 : digit;
});

/** Callbacks have two to six fields; a body of separators alone must not cost memory. */
const MAX_FIELDS = 1000;

/**
 * The wanted fields of a form; others are skipped unread.
 * @throws MalformedError for a bad percent sequence, a wanted field given twice, or too many fields
 */
export function parseForm<Name extends string>(
  body: Buffer,
  wanted: readonly Name[],
): ReadonlyMap<Name, FormField> {
  const fields = new Map<Name, FormField>();
  for (const pair of pairsOf(body)) {
    const split = pair.indexOf('=');
    const rawName = split < 0 ? pair : pair.subarray(0, split);
    const nameText = decodeBytes(rawName, SPACE).toString('latin1');
    const name = wanted.find((candidate) => candidate === nameText);
    if (name === undefined) continue;
    if (fields.has(name)) {
      throw new MalformedError('fieldRepeated', `the field ${name} is there more than once`);
    }
    fields.set(name, decodeField(split < 0 ? Buffer.alloc(0) : pair.subarray(split + 1)));
  }
  return fields;
}

function* pairsOf(body: Buffer): Generator<Buffer> {
  let count = 0;
  for (let start = 0; start < body.length;) {
    const found = body.indexOf('&', start);
    const end = found < 0 ? body.length : found;
    count += 1;
    if (count > MAX_FIELDS) throw new MalformedError('formMalformed', 'too many form fields');
    if (end > start) yield body.subarray(start, end);
    start = end + 1;
  }
}

function decodeField(raw: Buffer): FormField {
  const value = decodeBytes(raw, SPACE);
  if (!raw.includes(PLUS)) return { value };
  return {
    value,
    // Of 16 MB it takes a tenth of a second, and is asked for where the usual reading is wrong.
    get withPlusKept() {
      return decodeBytes(raw, PLUS);
    },
  };
}

function decodeBytes(raw: Buffer, plusMeans: number): Buffer {
  if (!raw.includes(PERCENT) && !raw.includes(PLUS)) return raw;
  const decoded = Buffer.allocUnsafe(raw.length);
  let length = 0;
  for (let index = 0; index < raw.length; index += 1) {
    const byte = raw[index];
    if (byte === PERCENT) {
      // A digit that is none, or not there, is a negative number, and so is their sum.
      const value =
        (HEX_DIGITS[raw[index + 1] ?? 0] ?? 0) * 16 + (HEX_DIGITS[raw[index + 2] ?? 0] ?? 0);
      if (value < 0) {
        throw new MalformedError('formMalformed', 'a percent sign without two hex digits after it');
      }
      decoded[length] = value;
      index += 2;
    } else {
      decoded[length] = byte === PLUS ? plusMeans : (byte ?? 0);
    }
    length += 1;
  }
  return decoded.subarray(0, length);
}
