import { mkdir, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { openLog } from './process-log.js';
import { untilServing } from './temporal-health.js';
import { knowsNewsFlag, serverArguments, type PlacedOptions } from './temporal-server-arguments.js';
import {
  exitText,
  firstLine,
  inOneLine,
  startFailure,
  TemporalServerError,
} from './temporal-server-failure.js';
import { placePorts } from './temporal-server-ports.js';
import { spawnTied, type ProcessExit, type TiedProcess } from './tied-process.js';

/** Measured: ended 1.1 s after SIGTERM. The rest is for a machine in need. */
const STOP_LIMIT_MS = 10_000;

const LOOPBACK = '127.0.0.1';

export { TEMPORAL_PORT_VARIABLES } from './development-ports.js';
export { TemporalServerError } from './temporal-server-failure.js';

/** What kind of development server to start. */
export interface TemporalServerOptions {
  /** Path of a `temporal` binary; see `findTemporalServer`. */
  readonly binary: string;
  /** SQLite file, made when absent, with its folder; without it all is forgotten at the end. */
  readonly databaseFile?: string;
  /** IP address to bind to; `127.0.0.1` by default, so that nobody else reaches the server. */
  readonly host?: string;
  /** gRPC port; 0 picks a free one. */
  readonly port: number;
  /** Port of Temporal's UI; 0 picks a free one, without it there is no UI. */
  readonly uiPort?: number;
  /** A namespace beside `default`, which is always there. */
  readonly namespace?: string;
  /** Takes the server's output, from the start; the former one becomes `<logFile>.previous`. */
  readonly logFile?: string;
  /** Name to type (`Keyword`, …). The server registers them for a namespace that is new, only. */
  readonly searchAttributes?: Readonly<Record<string, string>>;
  /** The server's dynamic configuration; the values are written as JSON. */
  readonly dynamicConfig?: Readonly<Record<string, unknown>>;
  /** Called when the server ends without `stop` having been called, with the reason in a line. */
  readonly onExit: (reason: string) => void;
  /** Gives up the start: the server is ended and the start rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A development server that serves. */
export interface TemporalServer {
  /** `host:port` for clients. */
  readonly address: string;
  /** Where Temporal's UI is, when it was asked for. */
  readonly uiUrl?: string;
  /** The server's own process, not a wrapper's. */
  readonly pid: number;
  /** Resolves when the process has ended, for whatever reason; never rejects. */
  readonly exited: Promise<ProcessExit>;
  /**
   * Ends the server: SIGTERM, and SIGKILL 10 s later; one in memory, with nothing to lose, at once.
   * Resolves when it has ended, at every call.
   */
  readonly stop: () => Promise<void>;
}

/**
 * Starts a Temporal development server and resolves when it serves.
 *
 * It does not outlive this process, however that ends, and a terminal's Ctrl-C does not reach it:
 * call `stop` when everything that uses it has ended.
 * @throws {TemporalServerError} a port is in use, the database file is not usable, the binary fails
 */
export async function startTemporalServer(options: TemporalServerOptions): Promise<TemporalServer> {
  const host = options.host ?? LOOPBACK;
  const placed = { ...options, host, ...(await placePorts(host, options)) };
  const { databaseFile } = options;
  if (databaseFile !== undefined) await mkdir(dirname(databaseFile), { recursive: true });
  const log = await openLog(placed.logFile);
  try {
    return await launch(placed, log);
  } catch (error) {
    await log.close();
    throw error;
  }
}

async function launch(placed: PlacedOptions, log: FileHandle): Promise<TemporalServer> {
  const { binary, host, port, uiPort, databaseFile, onExit } = placed;
  const server = await spawnTied(binary, await argumentsFor(placed), log.fd);
  const address = `${reachable(host)}:${port}`;
  try {
    await untilServing(server, address, placed.signal);
  } catch (error) {
    await end(server, 'SIGKILL');
    placed.signal?.throwIfAborted();
    throw await startFailure(error, databaseFile, log);
  }
  let stopping: Promise<void> | undefined;
  const closed = server.exited.then(async (exit) => {
    try {
      if (stopping === undefined) onExit(await inOneLine(exitText(exit), log));
    } finally {
      await log.close();
    }
  });
  const stop = async (): Promise<void> => {
    await end(server, databaseFile === undefined ? 'SIGKILL' : 'SIGTERM');
    await closed;
  };
  return {
    address,
    ...(uiPort !== undefined && { uiUrl: `http://${reachable(host)}:${uiPort}` }),
    pid: server.pid,
    exited: server.exited,
    stop: () => (stopping ??= stop()),
  };
}

async function argumentsFor(placed: PlacedOptions): Promise<string[]> {
  try {
    return serverArguments(placed, await knowsNewsFlag(placed.binary));
  } catch (error) {
    throw new TemporalServerError(`${placed.binary} cannot be run: ${firstLine(error)}`, {
      cause: error,
    });
  }
}

async function end(server: TiedProcess, signal: NodeJS.Signals): Promise<void> {
  server.kill(signal);
  const limit = setTimeout(() => {
    server.kill('SIGKILL');
  }, STOP_LIMIT_MS);
  await server.exited;
  clearTimeout(limit);
}

/** A server bound to every address is asked at this machine's own. */
function reachable(host: string): string {
  return host === '0.0.0.0' ? LOOPBACK : host;
}
