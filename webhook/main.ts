/** The webhook process: settings, connection and server put together, and taken apart in order. */
import { pathToFileURL } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { pino, type Logger } from 'pino';
import { createApp } from './app.js';
import { createCallbackInbox, type CallbackInbox } from './callback-inbox.js';
import { ConfigurationError } from '../configuration/settings.js';
import { readConfiguration, type WebhookConfiguration } from './configuration.js';
import { askTemporal } from './health.js';
import { closeServer, createHttpServer, listen } from './http-server.js';
import { createMetrics } from './metrics.js';

/** A webhook that listens. */
export interface RunningWebhook {
  /** Without a slash at the end. */
  readonly url: string;
  /** Refuses new connections, answers what is under way, then lets Temporal go. */
  close(): Promise<void>;
}

/** What a process that runs more than the webhook brings along. */
interface WebhookSurroundings {
  /** Stays open after `close()`. By default one is made from Temporal's own environment. */
  readonly client?: Client;
  /** By default Temporal itself. */
  readonly inbox?: CallbackInbox;
  readonly logger?: Logger;
}

/**
 * Listens, whether or not Temporal answers: until it does, the webhook is not ready.
 * Rejects with the system's error when it cannot listen.
 */
export async function startWebhook(
  configuration: WebhookConfiguration,
  surroundings: WebhookSurroundings = {},
): Promise<RunningWebhook> {
  const logger = surroundings.logger ?? pino({ level: configuration.logLevel });
  const client = surroundings.client ?? createClient();
  const { taskQueue, host, port } = configuration;
  const metrics = createMetrics({ processMetrics: true });
  const temporalInbox = createCallbackInbox({ client, taskQueue });
  const app = createApp({
    ...configuration,
    inbox: surroundings.inbox ?? temporalInbox,
    logger,
    metrics,
    ready: () => askTemporal(client, logger),
  });
  const handle = app.callback();
  const server = createHttpServer((request, response) => void handle(request, response), {
    logger,
    metrics,
  });
  const closeConnection = async (): Promise<void> => {
    await temporalInbox.settled();
    if (surroundings.client === undefined) await client.connection.close();
  };
  try {
    const url = await listen(server, host, port);
    logger.info({ url }, 'the webhook listens');
    return { url, close: () => closeServer(server).finally(closeConnection) };
  } catch (error) {
    await closeConnection();
    throw error;
  }
}

/** Does not connect yet: the first call does. */
function createClient(): Client {
  const { connectionOptions, namespace } = loadClientConnectConfig();
  const connection = Connection.lazy({
    ...connectionOptions,
    // By default gRPC comes to wait two minutes between attempts; Temporal may be back long since.
    channelArgs: { 'grpc.max_reconnect_backoff_ms': 2000 },
  });
  return new Client({ connection, ...(namespace !== undefined && { namespace }) });
}

/** Until a signal to end. */
async function main(): Promise<void> {
  const webhook = await startWebhook(readConfiguration());
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      webhook.close().catch(fail);
    });
  }
}

function fail(error: unknown): void {
  const lines = error instanceof ConfigurationError ? error.problems : [lineOf(error)];
  for (const line of lines) console.error(line);
  process.exitCode = 1;
}

function lineOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'EADDRINUSE') {
    return `${error.message}: another process listens there; see WEBHOOK_PORT`;
  }
  return error.message;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  main().catch(fail);
}
