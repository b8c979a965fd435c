/** The worker process: settings, connections and worker put together, and taken apart in order. */
import { pathToFileURL } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import type { ConnectionOptions } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { LogEntry, WorkerOptions } from '@temporalio/worker';
import { pino } from 'pino';
import type { Logger } from 'pino';
import { createDataConverter } from '../codec/data-converter.js';
import { ConfigurationError } from '../configuration/settings.js';
import { readConfiguration, readTemporal } from './configuration.js';
import type { WorkerConfiguration } from './configuration.js';
import { isDenied, reasonsOf } from './permissions.js';
import { createWorkerParts, ensureSurroundings, ACTIVATION_LIMIT } from './worker-parts.js';
import { runToItsEnd } from './worker-end.js';
import { workflowSource } from './workflow-bundle.js';
import { measuredSlots, workflowTaskOptions } from './workflow-task-slots.js';

/** A worker that polls. */
export interface RunningWorker {
  /** Settles when polling ends: after `close()`, or rejects with what broke it. */
  readonly ended: Promise<void>;
  /** Takes no more tasks, lets activities end within their grace time, closes the connections. */
  close(): Promise<void>;
}

/** What a process that runs more than the worker brings along. */
export interface WorkerSurroundings {
  readonly logger?: Logger;
  /** `host:port`; by default Temporal's own environment variables and profiles say. */
  readonly address?: string;
  /** More of the worker's options: a bundle that several workers share, cache sizes. */
  readonly options?: Partial<WorkerOptions>;
}

/** Activities still running when the worker shuts down; each is safe to cut off and begin again. */
const SHUTDOWN_GRACE = '10s';

const WORKER_LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn' } as const;

/**
 * Installs the SDK's runtime: once per process, before anything else of the worker package. Its own
 * signal handlers are off: each process has one shutdown sequence.
 */
export function installRuntime(logger: Logger, metricsAddress?: string): void {
  const write = ({ level, message, meta }: LogEntry): void => {
    const name = level === 'ERROR' ? 'error' : WORKER_LEVELS[level];
    logger[name](level === 'ERROR' ? readable(meta) : (meta ?? {}), message);
  };
  try {
    Runtime.install({
      shutdownSignals: [],
      logger: new DefaultLogger('WARN', write),
      telemetryOptions: {
        logging: { filter: { core: 'WARN', other: 'WARN' }, forward: {} },
        ...(metricsAddress && { metrics: { prometheus: { bindAddress: metricsAddress } } }),
      },
    });
  } catch (error) {
    if (metricsAddress === undefined) throw error;
    // Of a port that is taken, say, the SDK names neither the address nor the setting.
    throw new Error(`WORKER_METRICS_ADDRESS, ${metricsAddress}: ${reasonsOf(error)}`, {
      cause: error,
    });
  }
}

/** An error is no JSON: of why a worker failed nothing would be told. */
function readable(meta: NonNullable<LogEntry['meta']> = {}): NonNullable<LogEntry['meta']> {
  const { error } = meta;
  return error instanceof Error ? { ...meta, error: reasonsOf(error) } : meta;
}

/** Ensures what the namespace needs, then polls. The runtime must be installed. */
export async function startWorker(
  configuration: WorkerConfiguration,
  surroundings: WorkerSurroundings = {},
): Promise<RunningWorker> {
  const logger = surroundings.logger ?? pino({ level: configuration.logLevel });
  const { connectionOptions, namespace = 'default' } = readTemporal();
  const address = surroundings.address ?? connectionOptions.address ?? 'localhost:7233';
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const connection = await connectTo(address, connectionOptions);
    closers.push(() => connection.close());
    const dataConverter = createDataConverter(configuration.encryptionKeys);
    const client = new Client({ connection, namespace, dataConverter });
    await ensureAt(address, () => ensureSurroundings(client, connection, configuration, logger));
    const slots =
      configuration.workflowTaskSlots ?? (await ensureAt(address, () => measuredSlots(connection)));
    logger.debug({ slots }, 'Workflow Tasks at once');
    const native = await NativeConnection.connect({ ...connectionOptions, address });
    closers.push(() => native.close());
    const parts = createWorkerParts(configuration, client, logger);
    closers.push(() => parts.close());
    const worker = await Worker.create({
      connection: native,
      namespace,
      taskQueue: configuration.taskQueue,
      activities: parts.activities,
      dataConverter,
      shutdownGraceTime: SHUTDOWN_GRACE,
      ...ACTIVATION_LIMIT,
      ...workflowTaskOptions(slots, surroundings.options),
      ...(configuration.versioning && { workerDeploymentOptions: configuration.versioning }),
      ...(surroundings.options?.workflowBundle ? {} : workflowSource(configuration.encryptionKeys)),
      ...surroundings.options,
    });
    const ended = runToItsEnd(worker);
    closers.push(() => shutDown(worker, ended));
    return { ended, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function connectTo(address: string, options: ConnectionOptions): Promise<Connection> {
  try {
    return await Connection.connect({ ...options, address });
  } catch (error) {
    const does = isDenied(error) ? 'does not let this worker in' : 'does not answer';
    const about = isDenied(error)
      ? 'TEMPORAL_API_KEY, TEMPORAL_TLS_…'
      : `TEMPORAL_ADDRESS${options.tls ? '; with TLS, as TEMPORAL_API_KEY or TEMPORAL_TLS… say' : ''}`;
    throw new Error(`Temporal at ${address} ${does} (${about}): ${reasonsOf(error)}`, {
      cause: error,
    });
  }
}

/** What fails names the server: a profile may have said another one than was meant. */
async function ensureAt<Result>(address: string, ensure: () => Promise<Result>): Promise<Result> {
  try {
    return await ensure();
  } catch (error) {
    throw new Error(`${address}: ${reasonsOf(error)}`, { cause: error });
  }
}

async function shutDown(worker: Worker, ended: Promise<void>): Promise<void> {
  if (worker.getState() === 'RUNNING') worker.shutdown();
  // What broke it is told by `ended`; closing goes on.
  await ended.catch(() => undefined);
}

/** Until a signal to end, or until the worker breaks. */
async function main(): Promise<void> {
  const configuration = readConfiguration();
  const logger = pino({ level: configuration.logLevel });
  installRuntime(logger, configuration.metricsAddress);
  // From the beginning, since the first process of a container gets no signal that it does not
  // handle. Until it polls, there is nothing to take apart.
  let end = (): void => process.exit(0);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      end();
    });
  }
  const worker = await startWorker(configuration, { logger });
  end = () => {
    worker.close().catch(fail);
  };
  logger.info({ taskQueue: configuration.taskQueue }, 'the worker polls');
  try {
    await worker.ended;
  } catch (error) {
    // What broke it is to be told, whatever closing makes of it.
    await worker.close().catch(() => undefined);
    throw error;
  }
  await worker.close();
}

function fail(error: unknown): void {
  const lines =
    error instanceof ConfigurationError
      ? error.problems
      : [error instanceof Error ? error.message : String(error)];
  for (const line of lines) console.error(line);
  // The native runtime would keep a process alive that has nothing left to do.
  process.exit(1);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  main().catch(fail);
}
