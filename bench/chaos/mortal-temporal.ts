/** A Temporal server that dies and comes back where it was: same port, same file. */
import { join } from 'node:path';
import { pickFreePort } from '../../cli/ports.js';
import { startTemporalServer, type TemporalServer } from '../../cli/temporal-server.js';

const LOOPBACK = '127.0.0.1';

/** Started with `start`, and never meant to end by itself. */
export class MortalTemporal {
  readonly address: string;
  readonly #binary: string;
  readonly #port: number;
  readonly #folder: string;
  #server: TemporalServer | undefined;
  #life = { wasKilled: false };
  kills = 0;

  private constructor(binary: string, folder: string, port: number) {
    this.address = `${LOOPBACK}:${port}`;
    this.#binary = binary;
    this.#folder = folder;
    this.#port = port;
  }

  static async create(binary: string, folder: string): Promise<MortalTemporal> {
    return new MortalTemporal(binary, folder, await pickFreePort(LOOPBACK));
  }

  async start(): Promise<void> {
    const life = { wasKilled: false };
    this.#life = life;
    this.#server = await startTemporalServer({
      binary: this.#binary,
      port: this.#port,
      databaseFile: join(this.#folder, 'temporal.db'),
      logFile: join(this.#folder, 'temporal.log'),
      onExit: (reason) => {
        // Told of with a delay, when the next life may have begun.
        if (!life.wasKilled) throw new Error(`Temporal ended by itself: ${reason}`);
      },
    });
  }

  /** SIGKILL, as the kernel does when memory runs out. */
  async kill(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.kills += 1;
    this.#life.wasKilled = true;
    process.kill(server.pid, 'SIGKILL');
    await server.exited;
    this.#server = undefined;
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }
}
