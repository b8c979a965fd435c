import { readdir, rm } from 'node:fs/promises';
import { readQueueFiles } from './queue-files.js';
import { encodeRecord, type SpoolRecord } from './record-format.js';
import { recordKindOf, RecordLog, type RecordKind } from './record-log.js';
import { putReserveBy } from './reserve.js';
import type { SpoolFindings } from './spool-findings.js';
import { createKey } from './spool-key.js';
import { WaitingFile } from './waiting-file.js';
import { failedLast } from './waiting-order.js';

/** A record and where it is. */
export interface SpoolEntry extends SpoolRecord {
  readonly queue: SpoolQueue;
  readonly file: WaitingFile;
  readonly record: SpoolRecord;
}

/** A record that has no place yet. */
export type NewRecord = Omit<SpoolRecord, 'sequence'>;

/** One folder with a key and the records under it, in order. One process writes to it, ever. */
export class SpoolQueue {
  readonly folder: string;
  readonly #key: Buffer;
  readonly #findings: SpoolFindings;
  readonly #logs: Readonly<Record<RecordKind, RecordLog>>;
  readonly #files: WaitingFile[];
  readonly #failed: WaitingFile[] = [];
  #sequence = 0;

  private constructor(
    folder: string,
    key: Buffer,
    findings: SpoolFindings,
    files: readonly WaitingFile[] = [],
  ) {
    this.folder = folder;
    this.#key = key;
    this.#findings = findings;
    this.#files = [...files];
    this.#logs = {
      waiting: new RecordLog(folder, 'waiting'),
      failed: new RecordLog(folder, 'failed'),
    };
  }

  /** A new one in an empty folder. */
  static async create(folder: string, findings: SpoolFindings): Promise<SpoolQueue> {
    const key = await createKey(folder);
    await putReserveBy(folder);
    return new SpoolQueue(folder, key, findings);
  }

  /** One that another process wrote. What had failed there waits again, after the rest. */
  static async open(folder: string, findings: SpoolFindings): Promise<SpoolQueue> {
    const { key, files } = await readQueueFiles(folder, findings);
    return new SpoolQueue(folder, key, findings, files);
  }

  get entries(): number {
    return sum(this.#files, (file) => file.entries);
  }

  get failedEntries(): number {
    return sum(this.#failed, (file) => file.entries);
  }

  /** Of all files, with what in them is handed over but shares a file with what is not. */
  get bytes(): number {
    return sum([...this.#files, ...this.#failed], ({ file }) => file.bytes);
  }

  /** In ms since 1970. */
  get oldestMs(): number | undefined {
    const times = this.#files.flatMap(({ oldestMs }) => oldestMs ?? []);
    // Not as parameters of one call: there may be more files than that takes.
    return times.length > 0 ? times.reduce((one, other) => Math.min(one, other)) : undefined;
  }

  /** Of what another process wrote, in ms since 1970; 0 where there is nothing. */
  get latestFoundMs(): number {
    return this.#files.reduce((latest, file) => Math.max(latest, file.latestFoundMs), 0);
  }

  get hasNext(): boolean {
    return this.#files.some((file) => file.hasNext);
  }

  get isEmpty(): boolean {
    return this.#files.length === 0 && this.#failed.length === 0;
  }

  /** Resolves once all are durable. */
  append(records: readonly NewRecord[]): Promise<void> {
    return this.#append(records, 'waiting', this.#files);
  }

  /** Keeps records apart: they wait no longer, but are not lost. */
  appendFailed(records: readonly NewRecord[]): Promise<void> {
    return this.#append(records, 'failed', this.#failed);
  }

  /** What has failed waits again, behind the rest. */
  async retryFailed(): Promise<void> {
    // Before the file is closed: what fails meanwhile goes to another one, and does not wait yet.
    this.#files.push(...this.#failed.splice(0));
    await this.#logs.failed.seal();
  }

  /** The first so many that are not settled; what has failed before comes last. */
  async next(count: number): Promise<readonly SpoolEntry[]> {
    const found: SpoolEntry[] = [];
    for (const file of this.#files.toSorted(failedLast)) {
      if (found.length >= count) break;
      await this.#readOn(file, count - found.length);
      for (const record of file.peek(count - found.length)) {
        found.push({ ...record, queue: this, file, record });
      }
      await this.#finish(file);
    }
    return found;
  }

  /** Done with: its space is free once all of its file is. */
  async settle({ file, record }: SpoolEntry): Promise<void> {
    file.settle(record);
    await this.#finish(file);
  }

  /** Lets go of files that hold nothing that waits, the one that is appended to as well. */
  async rest(): Promise<void> {
    await Promise.all(Object.values(this.#logs).map((log) => log.seal()));
    for (const file of [...this.#files]) await this.#finish(file);
  }

  /** Removes the folder, unless a file is left in it: then its key is still needed. */
  async remove(): Promise<void> {
    const names = await readdir(this.folder);
    if (names.some((name) => recordKindOf(name) !== undefined)) return;
    await rm(this.folder, { recursive: true, force: true });
  }

  async #append(
    records: readonly NewRecord[],
    kind: RecordKind,
    files: WaitingFile[],
  ): Promise<void> {
    const encoded = records.map((record) =>
      encodeRecord({ ...record, sequence: (this.#sequence += 1) }, this.#key),
    );
    const written = await this.#logs[kind].append(Buffer.concat(encoded));
    let file = files.findLast((each) => each.file === written);
    if (file === undefined) {
      file = new WaitingFile(written, kind);
      files.push(file);
    }
    file.wrote(records.length, records[0]?.arrivedAtMs);
  }

  async #readOn(file: WaitingFile, wanted: number): Promise<void> {
    const { path } = file.file;
    try {
      const found = await file.readOn(this.#key, wanted);
      if (found === undefined) return;
      if (found.tornBytes > 0) this.#findings.torn(path, found.tornBytes);
      if (found.damages.length === 0) return;
      file.isDamaged = true;
      this.#findings.damaged(path, found.damages);
    } catch (error) {
      this.#forget(file);
      this.#findings.left(path, error);
    }
  }

  async #finish(file: WaitingFile): Promise<void> {
    if (!file.isDone || !this.#forget(file) || file.isLeft) return;
    try {
      if (file.isDamaged) await this.#findings.setAside(file.file.path);
      else await file.file.remove();
    } catch (error) {
      this.#findings.left(file.file.path, error);
    }
  }

  /** Whether it was there. */
  #forget(file: WaitingFile): boolean {
    const index = this.#files.indexOf(file);
    if (index !== -1) this.#files.splice(index, 1);
    return index !== -1;
  }
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
