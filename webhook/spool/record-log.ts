import { join } from 'node:path';
import { RecordFile } from './record-file.js';

/**
 * A file is removed once all in it is handed over, and handed over again when a process dies before
 * that: a few hundred callbacks of the usual size.
 */
export const RECORD_FILE_BYTES = 256 * 1024;

/** Files of one folder that are appended to in turn, so that what is done with frees its space. */
export class RecordLog {
  readonly #folder: string;
  readonly #kind: RecordKind;
  #number = 0;
  #current: RecordFile | undefined;

  constructor(folder: string, kind: RecordKind) {
    this.#folder = folder;
    this.#kind = kind;
  }

  /** Resolves, once the bytes are durable, with the file that they are in. */
  async append(bytes: Buffer): Promise<RecordFile> {
    const file = await this.#fileFor(bytes.length);
    try {
      await file.append(bytes);
      return file;
    } catch (error) {
      if (file.bytes === 0) await file.remove();
      throw error;
    }
  }

  /** The next append begins a new file. */
  async seal(): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    await current?.seal();
  }

  async #fileFor(bytes: number): Promise<RecordFile> {
    const current = this.#current;
    const isFull = (current?.bytes ?? 0) + bytes > RECORD_FILE_BYTES && current?.bytes !== 0;
    if (current?.isSealed === false && !isFull) return current;
    await this.seal();
    this.#number += 1;
    this.#current = await RecordFile.create(join(this.#folder, nameOf(this.#kind, this.#number)));
    return this.#current;
  }
}

/** `waiting`: to be handed over. `failed`: Temporal refused them one by one. */
export type RecordKind = 'waiting' | 'failed';

function nameOf(kind: RecordKind, number: number): string {
  return `${kind}-${String(number).padStart(8, '0')}.records`;
}

/** The kind of records in a file, by its name; undefined for any other file. */
export function recordKindOf(fileName: string): RecordKind | undefined {
  const [, kind] = /^(waiting|failed)-\d{8}\.records$/.exec(fileName) ?? [];
  return kind as RecordKind | undefined;
}
