/** The webhook process: settings, connection and server put together, and taken apart in order. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pathToFileURL } from 'node:url';
import { Client, Connection, isGrpcDeadlineError } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { pino, type Logger } from 'pino';
import { createApp } from './app.js';
import { createCallbackInbox, type CallbackInbox } from './callback-inbox.js';
import { ConfigurationError } from '../configuration/settings.js';
import { readConfiguration, type WebhookConfiguration } from './configuration.js';
import type { Readiness } from './health.js';
import { createMetrics } from './metrics.js';

/** A webhook that listens. */
export interface RunningWebhook {
  /** Without a slash at the end. */
  readonly url: string;
  /** Refuses new connections, answers what is under way, then lets Temporal go. */
  close(): Promise<void>;
}

/** What a process that runs more than the webhook brings along. */
export interface WebhookSurroundings {
  /** Stays open after `close()`. By default one is made from Temporal's own environment. */
  readonly client?: Client;
  /** By default Temporal itself. */
  readonly inbox?: CallbackInbox;
  readonly logger?: Logger;
}

/** How long answers that are under way may take when the webhook is closed. */
const CLOSE_LIMIT_MS = 10_000;

/** A probe's patience is short; an answer that takes longer is none. */
const READY_DEADLINE_MS = 1500;

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
  const { taskQueue } = configuration;
  const app = createApp({
    ...configuration,
    inbox: surroundings.inbox ?? createCallbackInbox({ client, taskQueue }),
    logger,
    metrics: createMetrics({ processMetrics: true }),
    ready: () => askTemporal(client),
  });
  const handle = app.callback();
  const server = createServer((request, response) => void handle(request, response));
  const closeConnection = async (): Promise<void> => {
    if (surroundings.client === undefined) await client.connection.close();
  };
  try {
    const url = await listen(server, configuration);
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

async function askTemporal(client: Client): Promise<Readiness> {
  const { namespace } = client.options;
  try {
    await client.withDeadline(Date.now() + READY_DEADLINE_MS, () =>
      client.workflowService.describeNamespace({ namespace }),
    );
    return { ok: true };
  } catch (error) {
    const why = isGrpcDeadlineError(error)
      ? `nothing within ${READY_DEADLINE_MS} ms`
      : lineOf(error);
    return { ok: false, reason: `Temporal does not answer for namespace ${namespace}: ${why}` };
  }
}

function listen(server: Server, { host, port }: WebhookConfiguration): Promise<string> {
  // A callback is at most some megabytes: what takes longer to arrive will not arrive.
  server.headersTimeout = 10_000;
  server.requestTimeout = 30_000;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve(urlOf(server.address() as AddressInfo));
    });
  });
}

function urlOf({ address, family, port }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

async function closeServer(server: Server): Promise<void> {
  const limit = setTimeout(() => {
    server.closeAllConnections();
  }, CLOSE_LIMIT_MS);
  // A connection that is kept alive becomes idle only once its last answer is sent.
  server.on('request', (_request, response) => response.setHeader('Connection', 'close'));
  const sweep = setInterval(() => {
    server.closeIdleConnections();
  }, 50);
  await new Promise((resolve) => server.close(resolve));
  clearTimeout(limit);
  clearInterval(sweep);
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
