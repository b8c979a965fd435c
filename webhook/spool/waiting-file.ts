import type { RecordFile } from './record-file.js';
import { readRecords, type ReadRecords, type SpoolRecord } from './record-format.js';
import type { RecordKind } from './record-log.js';

/** A file of which records wait, and how far it has been read. */
export class WaitingFile {
  readonly file: RecordFile;
  readonly kind: RecordKind;
  /** It holds what is no record: it is kept for people to look at. */
  isDamaged = false;
  /** Not all of it could be dealt with: it stays on the disk, for the next process to try. */
  isLeft = false;
  /** Written and not settled, read or not. */
  #entries = 0;
  #readableBytes = 0;
  #readBytes = 0;
  #latestSequence = 0;
  #oldestUnreadMs: number | undefined;
  #latestFoundMs = 0;
  readonly #ahead: SpoolRecord[] = [];

  constructor(file: RecordFile, kind: RecordKind) {
    this.file = file;
    this.kind = kind;
  }

  /** One that another process wrote: read once, so that it is known how much waits. */
  static async scan(file: RecordFile, kind: RecordKind, key: Buffer): Promise<WaitingFile> {
    const waiting = new WaitingFile(file, kind);
    const { records } = readRecords(await file.read(0), key, 0);
    waiting.wrote(records.length, records[0]?.arrivedAtMs);
    waiting.#latestFoundMs = records.at(-1)?.arrivedAtMs ?? 0;
    return waiting;
  }

  /** When the last that another process wrote arrived, in ms since 1970; 0 where none did. */
  get latestFoundMs(): number {
    return this.#latestFoundMs;
  }

  get entries(): number {
    return this.#entries;
  }

  /** When the first that waits arrived, in ms since 1970. */
  get oldestMs(): number | undefined {
    return this.#ahead[0]?.arrivedAtMs ?? this.#oldestUnreadMs;
  }

  get hasNext(): boolean {
    return this.#ahead.length > 0 || this.#isUnread;
  }

  /** All in it is settled, and nothing more comes. */
  get isDone(): boolean {
    return this.file.isSealed && !this.hasNext;
  }

  get #isUnread(): boolean {
    return this.#readBytes < this.#readableBytes;
  }

  /** Records have been appended to the file, and are durable. */
  wrote(count: number, firstArrivedAtMs: number | undefined): void {
    if (!this.#isUnread) this.#oldestUnreadMs = firstArrivedAtMs;
    this.#entries += count;
    this.#readableBytes = this.file.bytes;
  }

  /** Reads what there is, unless as many still wait as are wanted; says what else it found. */
  async readOn(key: Buffer, wanted: number): Promise<Omit<ReadRecords, 'records'> | undefined> {
    if (this.#ahead.length >= wanted || !this.#isUnread) return undefined;
    const until = this.#readableBytes;
    const expected = this.#entries - this.#ahead.length;
    const bytes = (await this.file.read(this.#readBytes)).subarray(0, until - this.#readBytes);
    const { records, ...rest } = readRecords(bytes, key, this.#latestSequence);
    this.#readBytes = until;
    this.#oldestUnreadMs = undefined;
    this.#latestSequence = records.at(-1)?.sequence ?? this.#latestSequence;
    this.#ahead.push(...records);
    this.#entries -= expected - records.length;
    return rest;
  }

  /** The first of those read that are not settled. */
  peek(count: number): readonly SpoolRecord[] {
    return this.#ahead.slice(0, count);
  }

  /** A record is done with. */
  settle(record: SpoolRecord): void {
    const index = this.#ahead.indexOf(record);
    if (index === -1) return;
    this.#ahead.splice(index, 1);
    this.#entries -= 1;
  }
}
