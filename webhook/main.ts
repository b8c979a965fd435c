/** The webhook process: settings, connection and server put together, and taken apart in order. */
import { pathToFileURL } from 'node:url';
import type { Client } from '@temporalio/client';
import { pino, type Logger } from 'pino';
import { createApp } from './app.js';
import { createCallbackInbox, type CallbackInbox } from './callback-inbox.js';
import { ConfigurationError } from '../configuration/settings.js';
import { readConfiguration, type WebhookConfiguration } from './configuration.js';
import { askTemporal, type Readiness } from './health.js';
import { closeServer, createHttpServer, listen } from './http-server.js';
import { createMetrics, type WebhookMetrics } from './metrics.js';
import { openOutageSpool, type OutageSpool } from './outage-spool.js';
import { createTemporalClient } from './temporal-client.js';

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
 * Listens, whether or not Temporal answers: until it does, callbacks wait in the spool, or are
 * answered 503 where there is none. Rejects with the system's error when it cannot listen.
 */
export async function startWebhook(
  configuration: WebhookConfiguration,
  surroundings: WebhookSurroundings = {},
): Promise<RunningWebhook> {
  const logger = surroundings.logger ?? pino({ level: configuration.logLevel });
  const hasSpool = configuration.spool !== undefined;
  const client = surroundings.client ?? createTemporalClient({ hasSpool });
  const metrics = createMetrics({ processMetrics: true });
  const store = await openStore(configuration, { ...surroundings, client, logger }, metrics);
  const app = createApp({ ...configuration, ...store, logger, metrics });
  const handle = app.callback();
  const server = createHttpServer((request, response) => void handle(request, response), {
    logger,
    metrics,
  });
  const closeStore = async (): Promise<void> => {
    await store.close();
    if (surroundings.client === undefined) await client.connection.close();
  };
  try {
    const url = await listen(server, configuration.host, configuration.port);
    logger.info({ url }, 'the webhook listens');
    return { url, close: () => closeServer(server).finally(closeStore) };
  } catch (error) {
    await closeStore();
    throw error;
  }
}

/** Temporal, behind a spool unless it is switched off. */
async function openStore(
  { taskQueue, spool: settings }: WebhookConfiguration,
  surroundings: Required<Pick<WebhookSurroundings, 'client' | 'logger'>> & WebhookSurroundings,
  { registry }: WebhookMetrics,
): Promise<OutageSpool> {
  const { client, logger } = surroundings;
  const temporalInbox = createCallbackInbox({ client, taskQueue });
  const inbox = surroundings.inbox ?? temporalInbox;
  const ask = (log: Pick<Logger, 'warn'>): Promise<Readiness> => askTemporal(client, log);
  const settled = (): Promise<void> => temporalInbox.settled();
  if (settings === undefined) return { inbox, ready: () => ask(logger), close: settled };
  const spool = await openOutageSpool({ settings, inbox, askTemporal: ask, logger, registry });
  return { ...spool, close: () => spool.close().finally(settled) };
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
