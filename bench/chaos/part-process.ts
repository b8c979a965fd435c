/** A real process of Countersign that is killed and started again. */
import { readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { lastLines, openLog } from '../../cli/process-log.js';
import { spawnTied, type TiedProcess } from '../../cli/tied-process.js';

/** What a process is started with. */
export interface PartOptions {
  readonly name: string;
  /** Relative to the repository. */
  readonly main: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** Whether it does its work. */
  readonly isReady: () => Promise<boolean>;
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const START_LIMIT_MS = 60_000;
const POLL_MS = 100;

/** One process after the other under the same name. */
export class PartProcess {
  readonly #options: PartOptions;
  #running: TiedProcess | undefined;
  #handlesAtStart = 0;
  /** How often it was killed. */
  kills = 0;

  constructor(options: PartOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  /** Resolves when it works. @throws Error with its last lines where it does not come to that */
  async start(): Promise<void> {
    const { main, environment, logFile, name, isReady } = this.#options;
    const log = await openLog(logFile);
    try {
      const args = ['--import', 'tsx', main];
      const running = await spawnTied(process.execPath, args, log.fd, {
        cwd: ROOT,
        env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...environment },
      });
      this.#running = running;
      const state = { hasExited: false };
      void running.exited.then(() => (state.hasExited = true));
      const deadlineMs = Date.now() + START_LIMIT_MS;
      while (!(await isReady())) {
        if (state.hasExited || Date.now() > deadlineMs) {
          throw new Error(`${name} does not start: ${(await lastLines(log, 5)).join(' | ')}`);
        }
        await delay(POLL_MS);
      }
      this.#handlesAtStart = await this.#handles();
    } finally {
      await log.close();
    }
  }

  /** SIGKILL: it has no time for anything. */
  async kill(): Promise<void> {
    this.kills += 1;
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** Open files and sockets now beyond those right after its start. */
  async handlesGrown(): Promise<number> {
    return (await this.#handles()) - this.#handlesAtStart;
  }

  async #handles(): Promise<number> {
    if (!this.#running) return 0;
    return (await readdir(`/proc/${this.#running.pid}/fd`)).length;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    running?.kill(signal);
    await running?.exited;
  }
}
