/** A real process of Countersign that is killed and started again. */
import { readdir, writeFile } from 'node:fs/promises';
import { builtFile } from '../countersign-build.js';
import { startProcess, type MeasuredProcess } from '../ready-process.js';

/** What a process is started with. */
export interface PartOptions {
  readonly name: string;
  /** In the build. */
  readonly main: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** Says how far its wall clock is ahead. */
  readonly clockFile: string;
  /** Whether it does its work; a rejection is a no. */
  readonly isReady: () => Promise<boolean>;
  readonly signal: AbortSignal;
}

const STEPPING_CLOCK = new URL('stepping-clock.js', import.meta.url).href;

const START_ATTEMPTS = 5;

/** One process after the other under the same name. */
export class PartProcess {
  readonly #options: PartOptions;
  #running: MeasuredProcess | undefined;
  #handlesAtStart = 0;
  #clockAheadMs = 0;
  /** How often it was killed. */
  kills = 0;
  /** Each start that came to nothing, in words. */
  readonly refusedStarts: string[] = [];
  /** Each time that it had ended when nobody had ended it: its last words. */
  readonly crashes: string[] = [];

  constructor(options: PartOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  /**
   * Resolves when it works. A worker that does not reach Temporal in time ends with a line, and
   * whoever runs it begins anew, as a supervisor does.
   * @throws Error with its last lines where it does not come to that
   */
  async start(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#start();
        return;
      } catch (error) {
        this.#options.signal.throwIfAborted();
        if (attempt === START_ATTEMPTS) throw error;
        this.refusedStarts.push(error instanceof Error ? error.message : String(error));
      }
    }
  }

  async #start(): Promise<void> {
    const { main, environment, clockFile, ...order } = this.#options;
    await this.#setClock();
    this.#running = await startProcess({
      ...order,
      command: process.execPath,
      args: ['--import', STEPPING_CLOCK, builtFile(main)],
      environment: {
        ...{ PATH: process.env['PATH'], HOME: process.env['HOME'], CHAOS_CLOCK_FILE: clockFile },
        ...environment,
      },
    });
    this.#handlesAtStart = await this.#handles();
  }

  /** SIGKILL: it has no time for anything. */
  async kill(): Promise<void> {
    if (!this.#running) return;
    if (await this.noteCrash()) return this.stop();
    this.kills += 1;
    process.kill(this.#running.pid, 'SIGKILL');
    await this.stop();
  }

  /** @returns whether it has ended by itself */
  async noteCrash(): Promise<boolean> {
    if (!this.#running?.hasEnded()) return false;
    const words = await this.#running.lastWords();
    this.crashes.push([`${this.name} ended by itself`, ...words].join('\n  '));
    return true;
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
    this.#running = undefined;
  }

  /** Its wall clock jumps, and is that far ahead of this machine's from now on. */
  async stepClock(aheadMs: number): Promise<void> {
    this.#clockAheadMs = aheadMs;
    await this.#setClock();
    if (this.#running && !this.#running.hasEnded()) process.kill(this.#running.pid, 'SIGUSR2');
  }

  #setClock(): Promise<void> {
    return writeFile(this.#options.clockFile, String(this.#clockAheadMs));
  }

  /** Open files and sockets now beyond those right after its start. */
  async handlesGrown(): Promise<number> {
    return (await this.#handles()) - this.#handlesAtStart;
  }

  async #handles(): Promise<number> {
    if (!this.#running) return 0;
    return (await readdir(`/proc/${this.#running.pid}/fd`)).length;
  }
}
