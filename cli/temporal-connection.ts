import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { createDataConverter } from '../codec/data-converter.js';
import type { EncryptionKeys } from '../codec/encryption-keys.js';
import { Settings, temporalVariables } from '../configuration/settings.js';
import type { Environment } from '../configuration/settings.js';
import { readDevelopmentPorts } from './development-ports.js';
import { UnreachableError } from './failures.js';

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
 * Temporal as an environment or a profile names it, else the development server of `countersign
 * up`. Whoever gets it closes `connection`.
 * @throws Error where the profile's file cannot be read, ConfigurationError for a port that is none
 */
export function openTemporal(
  environment: Environment,
  encryptionKeys: EncryptionKeys,
  connectTimeoutMs = DEFAULT_CONNECT_TIMEOUT_MS,
): TemporalConnection {
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig({
    overrideEnvVars: temporalVariables(environment),
  });
  const settings = new Settings(environment);
  const { port } = readDevelopmentPorts(settings);
  settings.check();
  const { address = `127.0.0.1:${port}` } = connectionOptions;
  const connection = Connection.lazy({
    ...connectionOptions,
    address,
    connectTimeout: connectTimeoutMs,
  });
  const dataConverter = createDataConverter(encryptionKeys);
  const client = new Client({ connection, namespace, dataConverter });
  return { client, connection, address };
}

/** @throws UnreachableError when Temporal does not answer */
export async function ensureReached({
  connection,
  address,
}: Pick<TemporalConnection, 'connection' | 'address'>): Promise<void> {
  await connection.ensureConnected().catch((cause: unknown) => {
    const message = `Temporal cannot be reached at ${address}: see countersign doctor`;
    throw new UnreachableError(message, { cause });
  });
}
