/** Workers and clients with other encryption keys than the stage's own. */
import { Client } from '@temporalio/client';
import { pino } from 'pino';
import { createDataConverter } from '../../codec/data-converter.js';
import { readConfiguration, type WorkerConfiguration } from '../../worker/configuration.js';
import { startWorker, type RunningWorker } from '../../worker/main.js';
import type { Stage } from './stage.js';

/** The stage's settings, but for the keys: `COUNTERSIGN_ENCRYPTION_KEYS`. */
export function configurationWith({ environment }: Stage, keys: string): WorkerConfiguration {
  return readConfiguration({ ...environment, COUNTERSIGN_ENCRYPTION_KEYS: keys });
}

/** A worker beside the stage's own, or in its place once that is stopped. */
export function workerWith(stage: Stage, keys: string): Promise<RunningWorker> {
  return startWorker(configurationWith(stage, keys), {
    logger: pino({ level: 'silent' }),
    address: stage.environment['TEMPORAL_ADDRESS'] ?? '',
  });
}

export function clientWith(stage: Stage, keys: string): Client {
  const dataConverter = createDataConverter(configurationWith(stage, keys).encryptionKeys);
  return new Client({ connection: stage.client.connection, dataConverter });
}
