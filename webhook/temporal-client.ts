import {
  Client,
  Connection,
  isRetryableError,
  makeGrpcRetryInterceptor,
  type ConnectionOptions,
} from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';

/** By default gRPC comes to wait two minutes between attempts; Temporal may be back long since. */
const RECONNECT_MAX_MS = 2000;

/** For a connection that was closed while it was idle: the second attempt opens a new one. */
const ATTEMPTS = 2;
const ATTEMPT_PAUSE_MS = 20;

/**
 * A client by Temporal's own environment. Does not connect yet: the first call does. With a spool a
 * call that fails is not repeated until its deadline, since the callback is safe at once.
 */
export function createTemporalClient({ hasSpool }: { readonly hasSpool: boolean }): Client {
  const { connectionOptions, namespace } = loadClientConnectConfig();
  const connection = Connection.lazy({
    ...connectionOptions,
    channelArgs: { 'grpc.max_reconnect_backoff_ms': RECONNECT_MAX_MS },
    ...(hasSpool && { interceptors: retryOnce() }),
  });
  return new Client({ connection, ...(namespace !== undefined && { namespace }) });
}

function retryOnce(): NonNullable<ConnectionOptions['interceptors']> {
  return [
    makeGrpcRetryInterceptor({
      delayFunction: () => ATTEMPT_PAUSE_MS,
      retryableDecider: (attempt, status) => attempt < ATTEMPTS && isRetryableError(status),
    }),
  ];
}
