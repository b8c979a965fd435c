/** Callbacks that wait in files, one after the other, for as long as they cannot be handed over. */
import type { Logger } from 'pino';
import { GroupCommit } from './group-commit.js';
import { hasCode } from './private-path.js';
import { recordBytes } from './record-format.js';
import { RECORD_FILE_BYTES } from './record-log.js';
import { reportFindings } from './spool-findings.js';
import { SpoolHome } from './spool-home.js';
import type { NewRecord, SpoolEntry, SpoolQueue } from './spool-queue.js';
import { byArrival } from './waiting-order.js';

export type { SpoolEntry };

/** Where the spool is and how much it takes. */
export interface SpoolSettings {
  /** Made, with its parents, when the first callback has to wait. */
  readonly folder: string;
  /** Of this process's files together. */
  readonly limitBytes: number;
}

interface CallbackSpoolOptions extends SpoolSettings {
  readonly logger: Logger;
  /** A stretch of a file was found to be no record. */
  readonly onDamage?: () => void;
  /** The time in ms since 1970; the system's by default. */
  readonly now?: () => number;
}

/** How much waits. */
export interface SpoolStatus {
  readonly entries: number;
  readonly bytes: number;
  readonly limitBytes: number;
  /** When the first that waits arrived, in ms since 1970. */
  readonly oldestMs?: number;
  /** Kept apart because Temporal refused them one by one. */
  readonly failedEntries: number;
  /** Of the entries, those that a dead process left and this one cannot take over, yet. */
  readonly strandedEntries: number;
}

/** What waits takes all the room that it may. */
export class SpoolFullError extends Error {
  override readonly name = 'SpoolFullError';
  /** The size of the callback that found no room. */
  readonly wantedBytes: number;

  constructor(limitBytes: number, wantedBytes: number) {
    super(`the spool is full: WEBHOOK_SPOOL_LIMIT is ${limitBytes} bytes`);
    this.wantedBytes = wantedBytes;
  }
}

/** One process's spool. Touches no file before something has to wait. */
export class CallbackSpool {
  readonly #limitBytes: number;
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #home: SpoolHome;
  readonly #commits: GroupCommit<NewRecord>;
  #pendingBytes = 0;
  #latestMs = 0;
  /** Why the last callback could not be taken, if it could not. */
  #problem: unknown;

  constructor(options: CallbackSpoolOptions) {
    const { folder, limitBytes, logger, onDamage = () => undefined, now = Date.now } = options;
    this.#limitBytes = limitBytes;
    this.#logger = logger;
    this.#now = now;
    this.#home = new SpoolHome(folder, reportFindings(folder, logger, onDamage), logger);
    this.#commits = new GroupCommit({
      write: (records) => this.#write(records),
      sizeOf: ({ payload }) => recordBytes(payload.length),
      maxBytes: RECORD_FILE_BYTES,
    });
  }

  /** Takes over what dead processes left. Never fails: what cannot be read is told and stays. */
  async adopt(): Promise<void> {
    await this.#home.adopt();
    // What comes from now on is behind it, whatever the clock says by now.
    const found = this.#home.queues.map(({ latestFoundMs }) => latestFoundMs);
    this.#latestMs = Math.max(this.#latestMs, ...found.map((ms) => ms + 1));
  }

  /**
   * Resolves once the payload is on the disk. Keeps the order of the calls.
   * @throws SpoolFullError, or the system's error; then nothing of it is kept
   */
  async append(payload: Buffer): Promise<void> {
    const bytes = recordBytes(payload.length);
    this.#pendingBytes += bytes;
    try {
      if (this.#bytes + this.#pendingBytes > this.#limitBytes) {
        throw new SpoolFullError(this.#limitBytes, bytes);
      }
      // A clock that steps back must not turn the order round of what waits.
      if (this.isIdle) this.#latestMs = 0;
      this.#latestMs = Math.max(this.#latestMs, this.#now());
      await this.#commits.add({ payload, arrivedAtMs: this.#latestMs });
      this.#problem = undefined;
    } catch (error) {
      this.#problem = error;
      throw error;
    } finally {
      this.#pendingBytes -= bytes;
    }
  }

  /** The first so many that wait, in order of arrival; what had failed before comes last. */
  async next(count: number): Promise<readonly SpoolEntry[]> {
    const found: SpoolEntry[] = [];
    for (const queue of [...this.#home.queues]) found.push(...(await queue.next(count)));
    if (found.length === 0) await this.#commits.idle();
    return found.sort(byArrival).slice(0, count);
  }

  /** It is handed over. */
  async settle(entry: SpoolEntry): Promise<void> {
    await entry.queue.settle(entry);
    await this.#home.removeEmpty();
  }

  /** It is not handed over as it is: keeps it apart, so that it waits no longer. */
  async setFailed(entry: SpoolEntry): Promise<void> {
    const { payload, arrivedAtMs, file } = entry;
    try {
      const own = await this.#home.own();
      await own.appendFailed([{ payload, arrivedAtMs }]);
    } catch (error) {
      this.#logger.error({ cause: String(error) }, 'a failed callback stays where it is');
      file.isLeft = true;
    }
    await this.settle(entry);
  }

  /** What has failed waits again. */
  async retryFailed(): Promise<void> {
    await Promise.all(this.#home.queues.map((queue) => queue.retryFailed()));
  }

  /** Nothing waits that could be handed over, and nothing is being written. */
  get isIdle(): boolean {
    return this.#commits.isIdle && !this.#home.queues.some((queue) => queue.hasNext);
  }

  /** Frees what nothing waits in. To be called when idle. */
  rest(): Promise<void> {
    return this.#home.rest();
  }

  status(): SpoolStatus {
    const { queues, stranded } = this.#home;
    const all = [...queues, ...stranded];
    const times = all.flatMap(({ oldestMs }) => oldestMs ?? []);
    return {
      entries: sumOf(all, ({ entries }) => entries),
      bytes: this.#bytes,
      limitBytes: this.#limitBytes,
      ...(times.length > 0 && { oldestMs: Math.min(...times) }),
      failedEntries: sumOf(queues, ({ failedEntries }) => failedEntries),
      strandedEntries: sumOf(stranded, ({ entries }) => entries),
    };
  }

  /** Why it would take no callback now; undefined: it would. */
  async problem(): Promise<string | undefined> {
    const problem = this.#problem;
    if (problem instanceof SpoolFullError) {
      return this.#bytes + problem.wantedBytes > this.#limitBytes ? problem.message : undefined;
    }
    if (problem === undefined && this.#home.hasOwn) return undefined;
    try {
      await this.#home.tryOut();
      return undefined;
    } catch (error) {
      this.#logger.error({ cause: String(error) }, 'the spool cannot be written');
      return 'the spool cannot be written';
    }
  }

  /** Lets go of everything; what waits stays for the next process. */
  async close(): Promise<void> {
    await this.#commits.idle();
    await this.#home.close();
  }

  get #bytes(): number {
    return sumOf([...this.#home.queues, ...this.#home.stranded], ({ bytes }) => bytes);
  }

  async #write(records: readonly NewRecord[]): Promise<void> {
    try {
      const own = await this.#home.own();
      await own.append(records);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) this.#home.forget();
      throw error;
    }
  }
}

function sumOf(queues: readonly SpoolQueue[], of: (queue: SpoolQueue) => number): number {
  return queues.reduce((total, queue) => total + of(queue), 0);
}
