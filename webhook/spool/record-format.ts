/** The bytes of a record, and what can be believed of bytes that may be torn or altered. Pure. */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** What waits in a file. */
export interface SpoolRecord {
  /** Greater than that of every record before it in the same file. Below 2^48. */
  readonly sequence: number;
  /** When it was taken, in ms since 1970. */
  readonly arrivedAtMs: number;
  readonly payload: Buffer;
}

/** Part of a file, in bytes. */
interface Stretch {
  readonly offset: number;
  readonly length: number;
}

/** What a file holds. */
export interface ReadRecords {
  readonly records: readonly SpoolRecord[];
  /** What is no record of this key in this place: altered, foreign, or there a second time. */
  readonly damages: readonly Stretch[];
  /** At the end: the beginning of a record that was never written whole, so never acknowledged. */
  readonly tornBytes: number;
}

/** 0xFF and 0xFE stand in no UTF-8: a payload of text never holds what looks like a beginning. */
const MAGIC = Buffer.from([0xff, 0x43, 0x53, 0xfe]);

/** Magic, length of the payload (4), sequence (6), time (6); HMAC-SHA256 of these and payload. */
const LENGTH_AT = MAGIC.length;
const SEQUENCE_AT = LENGTH_AT + 4;
const TIME_AT = SEQUENCE_AT + 6;
const MAC_AT = TIME_AT + 6;
const HEADER_BYTES = MAC_AT + 32;

/** The size of a record in a file. */
export function recordBytes(payloadBytes: number): number {
  return HEADER_BYTES + payloadBytes;
}

/** The record as it stands in a file. */
export function encodeRecord(record: SpoolRecord, key: Buffer): Buffer {
  const { payload } = record;
  const bytes = Buffer.alloc(recordBytes(payload.length));
  MAGIC.copy(bytes);
  bytes.writeUInt32BE(payload.length, LENGTH_AT);
  bytes.writeUIntBE(record.sequence, SEQUENCE_AT, 6);
  bytes.writeUIntBE(record.arrivedAtMs, TIME_AT, 6);
  macOf(bytes, payload, key).copy(bytes, MAC_AT);
  payload.copy(bytes, HEADER_BYTES);
  return bytes;
}

/** Reads all that is genuine, whatever stands between. `after`: the last sequence read before. */
export function readRecords(bytes: Buffer, key: Buffer, after: number): ReadRecords {
  const records: SpoolRecord[] = [];
  const damages: Stretch[] = [];
  let latest = after;
  let offset = 0;
  while (offset < bytes.length) {
    const record = recordAt(bytes, offset, key);
    if (record !== undefined && record.sequence > latest) {
      records.push(record);
      latest = record.sequence;
      offset += recordBytes(record.payload.length);
      continue;
    }
    const next = nextRecord(bytes, offset + 1, key);
    if (next === undefined && isTorn(bytes.subarray(offset))) break;
    const end = next ?? bytes.length;
    damages.push({ offset, length: end - offset });
    offset = end;
  }
  return { records, damages, tornBytes: bytes.length - offset };
}

/** Undefined: what begins there is no record of this key. */
function recordAt(bytes: Buffer, offset: number, key: Buffer): SpoolRecord | undefined {
  const header = bytes.subarray(offset, offset + HEADER_BYTES);
  if (header.length < HEADER_BYTES) return undefined;
  if (!header.subarray(0, LENGTH_AT).equals(MAGIC)) return undefined;
  const end = offset + recordBytes(header.readUInt32BE(LENGTH_AT));
  if (end > bytes.length) return undefined;
  const payload = bytes.subarray(offset + HEADER_BYTES, end);
  if (!timingSafeEqual(header.subarray(MAC_AT), macOf(header, payload, key))) return undefined;
  return {
    sequence: header.readUIntBE(SEQUENCE_AT, 6),
    arrivedAtMs: header.readUIntBE(TIME_AT, 6),
    payload,
  };
}

/** Where the next genuine record begins. */
function nextRecord(bytes: Buffer, from: number, key: Buffer): number | undefined {
  let offset = bytes.indexOf(MAGIC, from);
  while (offset !== -1 && recordAt(bytes, offset, key) === undefined) {
    offset = bytes.indexOf(MAGIC, offset + 1);
  }
  return offset === -1 ? undefined : offset;
}

/** A record that goes on beyond the end; or zeros, where the size was written before the bytes. */
function isTorn(tail: Buffer): boolean {
  if (tail.every((byte) => byte === 0)) return true;
  const begun = tail.subarray(0, MAGIC.length);
  if (!begun.equals(MAGIC.subarray(0, begun.length))) return false;
  return tail.length < HEADER_BYTES || recordBytes(tail.readUInt32BE(LENGTH_AT)) > tail.length;
}

function macOf(header: Buffer, payload: Buffer, key: Buffer): Buffer {
  return createHmac('sha256', key).update(header.subarray(0, MAC_AT)).update(payload).digest();
}
