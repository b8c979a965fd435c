import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from 'pino';
import { writeFileAtomically } from './atomic-file.js';
import { snapshotSchema, type Snapshot } from './records.js';

const FILE = 'state.json';

/** Changes wait so long for company before they are written, in milliseconds. */
const PATIENCE_MS = 150;
/** Writing may take this share of the time at most: a large state is written less often. */
const WRITING_SHARE = 0.2;

/**
 * Reads what an earlier run left in a directory.
 * @throws Error with the file's name where it is not what this version writes
 */
export async function readStateFile(directory: string): Promise<Snapshot | undefined> {
  const file = path.join(directory, FILE);
  try {
    return snapshotSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`${file} cannot be read. Remove it to start afresh.`, { cause: error });
  }
}

/** Keeps the state on disk, a few hundred milliseconds behind at most. */
export class StateFile {
  readonly #directory: string;
  readonly #snapshot: () => Snapshot;
  readonly #logger: Logger;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #lastWriteMs = 0;

  constructor(directory: string, snapshot: () => Snapshot, logger: Logger) {
    this.#directory = directory;
    this.#snapshot = snapshot;
    this.#logger = logger;
  }

  /** Something changed: it is written before long. */
  touch(): void {
    const patienceMs = Math.max(PATIENCE_MS, this.#lastWriteMs / WRITING_SHARE);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.save().catch((error: unknown) => {
        this.#logger.error({ err: error }, 'the state could not be written');
      });
    }, patienceMs);
  }

  /** Writes the state as it is now, after the write that is under way. */
  async save(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const previous = this.#writing;
    this.#writing = (async () => {
      // Its failure was its caller's to hear.
      await previous.catch(() => undefined);
      await this.#write();
    })();
    return this.#writing;
  }

  async #write(): Promise<void> {
    const begin = performance.now();
    const text = JSON.stringify(this.#snapshot());
    this.#lastWriteMs = performance.now() - begin;
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    await writeFileAtomically(path.join(this.#directory, FILE), text);
  }
}
