import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { exitText } from './temporal-server-failure.js';
import type { TiedProcess } from './tied-process.js';

const FRONTEND = 'temporal.api.workflowservice.v1.WorkflowService';

/** Measured: a server in memory or with a file serves after 0.2 s. */
const START_LIMIT_MS = 60_000;

/** One question's limit, and the pause after an answer that was not yes. */
const CHECK_LIMIT_MS = 1_000;
const CHECK_PAUSE_MS = 20;

/** gRPC waits a second before it dials again, and a proxy has no business on the way to a child. */
const IMPATIENT = {
  'grpc.initial_reconnect_backoff_ms': CHECK_PAUSE_MS,
  'grpc.min_reconnect_backoff_ms': CHECK_PAUSE_MS,
  'grpc.max_reconnect_backoff_ms': 100,
  'grpc.enable_http_proxy': 0,
};

/**
 * Resolves when a server that was just started serves.
 * @param address `host:port`
 * @param signal gives up, with its reason
 * @throws when the process ends before, or does not serve in time
 */
export async function untilServing(
  server: TiedProcess,
  address: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const failed = new AbortController();
  const limit = setTimeout(() => {
    failed.abort(new Error(`did not serve within ${START_LIMIT_MS / 1000} s`));
  }, START_LIMIT_MS);
  void server.exited.then((exit) => {
    failed.abort(new Error(`${exitText(exit)} before it served`));
  });
  const giveUp = AbortSignal.any([failed.signal, ...(signal === undefined ? [] : [signal])]);
  try {
    await pollUntilServing(address, giveUp);
  } finally {
    clearTimeout(limit);
  }
}

async function pollUntilServing(address: string, signal: AbortSignal): Promise<void> {
  const connection = Connection.lazy({ address, channelArgs: IMPATIENT, interceptors: [] });
  try {
    while (!(await serves(connection))) {
      signal.throwIfAborted();
      await pause(signal);
    }
  } finally {
    await connection.close();
  }
}

async function serves(connection: Connection): Promise<boolean> {
  try {
    const { status } = await connection.withDeadline(Date.now() + CHECK_LIMIT_MS, () =>
      connection.healthService.check({ service: FRONTEND }),
    );
    return status === proto.grpc.health.v1.HealthCheckResponse.ServingStatus.SERVING;
  } catch {
    // Not listening yet, or not ready: the caller's signal knows how long that may last.
    return false;
  }
}

async function pause(signal: AbortSignal): Promise<void> {
  try {
    await delay(CHECK_PAUSE_MS, undefined, { signal });
  } catch {
    signal.throwIfAborted();
  }
}
