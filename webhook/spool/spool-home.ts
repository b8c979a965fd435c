import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { clearAway, findOrphans, findProcessFolders, ProcessFolder } from './process-folder.js';
import type { SpoolFindings } from './spool-findings.js';
import { SpoolQueue } from './spool-queue.js';

/** A callback of the usual size and some more. */
const TRIAL_BYTES = 4096;

/** One process's queues: the one that it writes, made when there is something, and adopted ones. */
export class SpoolHome {
  /** Those that may hold something, in no order. */
  readonly queues: SpoolQueue[] = [];
  /** What dead processes left and this one cannot take over, yet: there to be counted. */
  stranded: readonly SpoolQueue[] = [];
  readonly #spoolFolder: string;
  readonly #findings: SpoolFindings;
  readonly #logger: Logger;
  /** Those of dead processes. */
  readonly #adopted = new Set<ProcessFolder>();
  #adopting: Promise<void> | undefined;
  #process: Promise<ProcessFolder> | undefined;
  #own: Promise<SpoolQueue> | undefined;

  constructor(spoolFolder: string, findings: SpoolFindings, logger: Logger) {
    this.#spoolFolder = spoolFolder;
    this.#findings = findings;
    this.#logger = logger;
  }

  get hasOwn(): boolean {
    return this.#own !== undefined;
  }

  /** The queue to write to. Where it cannot be made, the next call tries again. */
  own(): Promise<SpoolQueue> {
    this.#own ??= this.#makeOwn().catch((error: unknown) => {
      this.#own = undefined;
      throw error;
    });
    return this.#own;
  }

  /** Somebody removed the folders: the next queue gets new ones. */
  forget(): void {
    this.#own = undefined;
    this.#process = undefined;
  }

  /** Takes over what dead processes left. Never fails: what cannot be read is told and stays. */
  adopt(): Promise<void> {
    this.#adopting ??= this.#adoptAll().finally(() => (this.#adopting = undefined));
    return this.#adopting;
  }

  /** Writes something, and takes it away again. Throws the system's error where that fails. */
  async tryOut(): Promise<void> {
    const path = join((await this.own()).folder, 'trial');
    await rm(path, { force: true });
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(Buffer.alloc(TRIAL_BYTES));
      await file.datasync();
    } finally {
      await file.close();
      await rm(path, { force: true });
    }
  }

  /** Frees what nothing waits in. To be called when nothing is being written. */
  async rest(): Promise<void> {
    // All at once: none may still have its turn when something is being written again.
    await Promise.all(this.queues.map((queue) => queue.rest()));
    await this.removeEmpty();
  }

  /** Removes adopted queues that are done. */
  async removeEmpty(): Promise<void> {
    const own = await this.#own?.catch(() => undefined);
    const done = this.queues.filter((each) => each !== own && each.isEmpty);
    for (const queue of done) {
      const index = this.queues.indexOf(queue);
      // While this one waited, another call may have removed it.
      if (index === -1) continue;
      this.queues.splice(index, 1);
      await this.#tried(undefined, () => queue.remove());
    }
    if (done.length > 0) await this.#removeEmptyFolders();
  }

  /** What waits stays, for the next process. */
  async close(): Promise<void> {
    await this.#adopting;
    await this.rest();
    this.#own = undefined;
    await this.removeEmpty();
    const own = await this.#process?.catch(() => undefined);
    for (const folder of [own, ...this.#adopted]) {
      await this.#tried(undefined, async () => folder?.close());
    }
  }

  async #adoptAll(): Promise<void> {
    let areAll = true;
    for (const path of await this.#tried([], () => findProcessFolders(this.#spoolFolder))) {
      const isDone = await this.#tried(false, () => this.#adopt(path));
      areAll &&= isDone;
    }
    this.stranded = areAll ? [] : await this.#findStranded();
  }

  async #adopt(path: string): Promise<true> {
    if ((await findOrphans(path)).length === 0) {
      await clearAway(path);
      return true;
    }
    const folder = await ProcessFolder.claim(path);
    if (folder === undefined) return true;
    this.#adopted.add(folder);
    for (const queueFolder of await folder.queueFolders()) {
      await this.#tried(undefined, () => this.#adoptQueue(queueFolder));
    }
    await this.#removeEmptyFolders();
    return true;
  }

  async #adoptQueue(folder: string): Promise<void> {
    const queue = await SpoolQueue.open(folder, this.#findings);
    await queue.rest();
    const { entries, bytes } = queue;
    if (entries > 0) this.#logger.warn({ folder, entries, bytes }, 'callbacks wait from before');
    this.queues.push(queue);
    await this.removeEmpty();
  }

  /** Lets go of folders of dead processes in which nothing is left. */
  async #removeEmptyFolders(): Promise<void> {
    for (const folder of this.#adopted) {
      await this.#tried(undefined, async () => {
        if ((await folder.queueFolders()).length > 0) return;
        if (this.#adopted.delete(folder)) await folder.close();
      });
    }
  }

  /** What is wrong with them has been told. */
  async #findStranded(): Promise<readonly SpoolQueue[]> {
    const found: SpoolQueue[] = [];
    for (const path of await findProcessFolders(this.#spoolFolder).catch(() => [])) {
      for (const orphan of await findOrphans(path).catch(() => [])) {
        const queue = await SpoolQueue.open(orphan, this.#findings).catch(() => undefined);
        if (queue !== undefined && queue.entries > 0) found.push(queue);
      }
    }
    return found;
  }

  async #makeOwn(): Promise<SpoolQueue> {
    const folder = await (await this.#processFolder()).makeQueueFolder();
    try {
      const queue = await SpoolQueue.create(folder, this.#findings);
      this.queues.push(queue);
      return queue;
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  #processFolder(): Promise<ProcessFolder> {
    this.#process ??= ProcessFolder.make(this.#spoolFolder).catch((error: unknown) => {
      this.#process = undefined;
      throw error;
    });
    return this.#process;
  }

  async #tried<Result>(otherwise: Result, action: () => Promise<Result>): Promise<Result> {
    try {
      return await action();
    } catch (error) {
      const cause = String(error);
      this.#logger.error({ cause }, 'a folder of the spool cannot be used, and stays as it is');
      return otherwise;
    }
  }
}
