/** Countersign within a worker that is somebody else's. */
import { Client } from '@temporalio/client';
import type { NativeConnection, Worker, WorkerOptions, WorkerPlugin } from '@temporalio/worker';
import { pino, type Logger } from 'pino';
import { createDataConverter } from '../codec/data-converter.js';
import { readConfiguration, type WorkerConfiguration } from './configuration.js';
import { createWorkerParts, ensureSurroundings, ACTIVATION_LIMIT } from './worker-parts.js';
import { workflowSource } from './workflow-bundle.js';
import { workflowTaskOptions } from './workflow-task-slots.js';

/** Who hears of what the plugin does. */
export interface WorkerPluginOptions {
  readonly configuration?: WorkerConfiguration;
  readonly logger?: Logger;
}

/**
 * Brings Countersign's activities, and its workflows where the worker has none of its own. A worker
 * with workflows re-exports ours in the file that its `workflowsPath` names:
 * `export * from 'countersign/workflows'`. Ensures the namespace before the worker polls.
 * @throws Error where the worker has no connection, another task queue than the settings say, or a
 *   data converter of its own beside encryption keys;
 *   ConfigurationError with every problem at once
 */
export function createWorkerPlugin(options: WorkerPluginOptions = {}): WorkerPlugin {
  const configuration = options.configuration ?? readConfiguration();
  const logger = options.logger ?? pino({ level: configuration.logLevel });
  let run: ((worker: Worker, next: RunNext) => Promise<void>) | undefined;
  return {
    name: 'countersign',
    configureWorker(given) {
      const { connection, namespace = 'default' } = checked(given, configuration);
      const dataConverter =
        given.dataConverter ?? createDataConverter(configuration.encryptionKeys);
      const client = new Client({ connection, namespace, dataConverter });
      const parts = createWorkerParts(configuration, client, logger);
      run = async (worker, next) => {
        try {
          await ensureSurroundings(client, connection, configuration, logger);
          await next(worker);
        } finally {
          await parts.close();
        }
      };
      return withParts({ ...given, dataConverter }, parts.activities, configuration);
    },
    async runWorker(worker, next) {
      if (!run) throw new Error('the plugin was not asked to configure this worker');
      await run(worker, next);
    },
  };
}

type RunNext = (worker: Worker) => Promise<void>;

function checked(
  given: WorkerOptions,
  { taskQueue, encryptionKeys }: WorkerConfiguration,
): WorkerOptions & { readonly connection: NativeConnection } {
  const { connection } = given;
  if (!connection)
    throw new Error('countersign needs the `connection` of the worker in its options');
  if (given.taskQueue !== taskQueue) {
    throw new Error(
      `the worker polls ${given.taskQueue}, but COUNTERSIGN_TASK_QUEUE is ${taskQueue}: ` +
        'webhook and clients start workflows there, so both must be the same',
    );
  }
  if (given.dataConverter !== undefined && encryptionKeys.length > 0) {
    // One of the two would not be used, and payloads perhaps be written in the clear.
    throw new Error(
      'COUNTERSIGN_ENCRYPTION_KEYS are set, and the worker has a `dataConverter` of its own: ' +
        'keep one; without its own, the worker encrypts all its payloads by these keys',
    );
  }
  return { ...given, connection };
}

function withParts(
  given: WorkerOptions,
  activities: object,
  { encryptionKeys, versioning, workflowTaskSlots }: WorkerConfiguration,
): WorkerOptions {
  const hasWorkflows = given.workflowsPath !== undefined || given.workflowBundle !== undefined;
  return {
    // A worker that says its own version is somebody else's to deploy.
    ...(versioning && { workerDeploymentOptions: versioning }),
    ...ACTIVATION_LIMIT,
    // Unless told, the distance is not measured: the worker may have more to do than ours.
    ...(workflowTaskSlots !== undefined && workflowTaskOptions(workflowTaskSlots, given)),
    ...given,
    ...(hasWorkflows ? {} : workflowSource(encryptionKeys)),
    activities: { ...activities, ...given.activities },
  };
}
