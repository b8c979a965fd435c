import { constants } from 'node:fs';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from './private-path.js';

/** A file to which one process appends, whole groups of bytes or nothing. */
export class RecordFile {
  readonly path: string;
  #writer: FileHandle | undefined;
  #bytes: number;

  private constructor(path: string, bytes: number, writer?: FileHandle) {
    this.path = path;
    this.#bytes = bytes;
    this.#writer = writer;
  }

  /** A new file. Its name is durable once this resolves. */
  static async create(path: string): Promise<RecordFile> {
    const writer = await open(path, 'wx', 0o600);
    const file = new RecordFile(path, 0, writer);
    try {
      await syncFolder(dirname(path));
      return file;
    } catch (error) {
      await file.remove();
      throw error;
    }
  }

  /** One that another process wrote, of as many bytes. */
  static existing(path: string, bytes: number): RecordFile {
    return new RecordFile(path, bytes);
  }

  /** What is synced. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Nothing more is going to be appended. */
  get isSealed(): boolean {
    return this.#writer === undefined;
  }

  /**
   * Resolves once the bytes are on the disk. Where they cannot be, what was written of them is cut
   * off, and the file is sealed: after a failed sync, nobody knows what a later one vouches for.
   */
  async append(bytes: Buffer): Promise<void> {
    if (this.#writer === undefined) throw new Error(`${this.path} is sealed`);
    try {
      await writeAll(this.#writer, bytes, this.#bytes);
      await this.#writer.datasync();
      this.#bytes += bytes.length;
    } catch (error) {
      // If even that fails, the rest is torn, or verified callbacks that come twice.
      await this.#writer.truncate(this.#bytes).catch(() => undefined);
      await this.seal();
      throw error;
    }
  }

  /** What is synced, from an offset on. Throws where it is not all there. */
  async read(from: number): Promise<Buffer> {
    const reader = await open(this.path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const bytes = Buffer.alloc(this.#bytes - from);
      let done = 0;
      while (done < bytes.length) {
        const { bytesRead } = await reader.read(bytes, done, bytes.length - done, from + done);
        if (bytesRead === 0) throw new Error(`${this.path} is shorter than it was`);
        done += bytesRead;
      }
      return bytes;
    } finally {
      await reader.close();
    }
  }

  async seal(): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    // What matters is synced: a close that fails changes nothing.
    await writer?.close().catch(() => undefined);
  }

  async remove(): Promise<void> {
    await this.seal();
    await rm(this.path, { force: true });
  }
}

async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
