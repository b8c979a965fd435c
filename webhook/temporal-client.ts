import {
  Client,
  Connection,
  isRetryableError,
  makeGrpcRetryInterceptor,
  type ConnectionOptions,
} from '@temporalio/client';
import { createDataConverter } from '../codec/data-converter.js';
import type { EncryptionKeys } from '../codec/encryption-keys.js';
import { readTemporal } from './configuration.js';

/** By default gRPC comes to wait two minutes between attempts; Temporal may be back long since. */
const RECONNECT_MAX_MS = 2000;

/** For a connection that was closed while it was idle: the second attempt opens a new one. */
const ATTEMPTS = 2;
const ATTEMPT_PAUSE_MS = 20;

/** What the webhook's client is made with. */
interface ClientSettings {
  readonly hasSpool: boolean;
  readonly encryptionKeys: EncryptionKeys;
}

/**
 * A client by Temporal's own environment. Does not connect yet: the first call does. With a spool a
 * call that fails is not repeated until its deadline, since the callback is safe at once.
 */
export function createTemporalClient({ hasSpool, encryptionKeys }: ClientSettings): Client {
  const { connectionOptions, namespace } = readTemporal();
  const connection = Connection.lazy({
    ...connectionOptions,
    channelArgs: { 'grpc.max_reconnect_backoff_ms': RECONNECT_MAX_MS },
    ...(hasSpool && { interceptors: retryOnce() }),
  });
  const dataConverter = createDataConverter(encryptionKeys);
  return new Client({
    connection,
    dataConverter,
    ...(namespace !== undefined && { namespace }),
  });
}

function retryOnce(): NonNullable<ConnectionOptions['interceptors']> {
  return [
    makeGrpcRetryInterceptor({
      delayFunction: () => ATTEMPT_PAUSE_MS,
      retryableDecider: (attempt, status) => attempt < ATTEMPTS && isRetryableError(status),
    }),
  ];
}
