import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { createDataConverter } from '../codec/data-converter.js';
import type { EncryptionKeys } from '../codec/encryption-keys.js';
import { temporalVariables } from '../configuration/settings.js';
import type { Environment } from '../configuration/settings.js';

/** A client that has not connected yet: the first call does. */
export interface TemporalConnection {
  readonly client: Client;
  readonly connection: Connection;
  /** `host:port` */
  readonly address: string;
}

/** Somebody waits at a terminal. */
const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;

/**
 * Temporal as an environment or a profile names it. Whoever gets it closes `connection`.
 * @throws Error where the profile's file cannot be read
 */
export function openTemporal(
  environment: Environment,
  encryptionKeys: EncryptionKeys,
  connectTimeoutMs = DEFAULT_CONNECT_TIMEOUT_MS,
): TemporalConnection {
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig({
    overrideEnvVars: temporalVariables(environment),
  });
  const { address = 'localhost:7233' } = connectionOptions;
  const connection = Connection.lazy({
    ...connectionOptions,
    address,
    connectTimeout: connectTimeoutMs,
  });
  const dataConverter = createDataConverter(encryptionKeys);
  const client = new Client({ connection, namespace, dataConverter });
  return { client, connection, address };
}
