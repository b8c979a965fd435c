/** The webhook without a server of its own: Temporal, spool, metrics and app put together. */
import type { Client } from '@temporalio/client';
import type Koa from 'koa';
import { pino, type Logger } from 'pino';
import { CALLBACK_PATH, createApp } from './app.js';
import { createCallbackInbox, type CallbackInbox } from './callback-inbox.js';
import { readConfiguration, type WebhookConfiguration } from './configuration.js';
import { GroupingInbox } from './grouping-inbox.js';
import { askTemporal, type Readiness } from './health.js';
import { createMetrics, type WebhookMetrics } from './metrics.js';
import { openOutageSpool, type OutageSpool } from './outage-spool.js';
import { tellOfLeftSpool } from './spool/left-spool.js';
import { createTemporalClient } from './temporal-client.js';

/** What a process that runs more than the webhook brings along. */
export interface WebhookSurroundings {
  /** Stays open after `close()`. By default one is made from Temporal's own environment. */
  readonly client?: Client;
  /** By default Temporal itself. */
  readonly inbox?: CallbackInbox;
  readonly logger?: Logger;
}

/** A webhook that takes callbacks as soon as requests reach it. */
export interface OpenWebhook {
  /** Callbacks, health and metrics. */
  readonly app: Koa;
  /**
   * The callbacks alone, for an app that has more to serve; every other path is handed on. To be
   * used before any body parser: a signature is over the bytes as they came.
   */
  readonly middleware: Koa.Middleware;
  /** Whether callbacks can be made durable now. */
  readonly ready: () => Promise<Readiness>;
  readonly logger: Logger;
  readonly metrics: WebhookMetrics;
  /** Once no request is under way any more: lets Temporal go, and the spool. */
  close(): Promise<void>;
}

/** Whether or not Temporal answers: until it does, callbacks wait in the spool. */
export async function openWebhook(
  configuration: WebhookConfiguration = readConfiguration(),
  surroundings: WebhookSurroundings = {},
): Promise<OpenWebhook> {
  const logger = surroundings.logger ?? pino({ level: configuration.logLevel });
  const hasSpool = configuration.spool !== undefined;
  const { encryptionKeys } = configuration;
  const client = surroundings.client ?? createTemporalClient({ hasSpool, encryptionKeys });
  const metrics = createMetrics({ processMetrics: true });
  const store = await openStore(configuration, { ...surroundings, client, logger }, metrics);
  const app = createApp({ ...configuration, ...store, logger, metrics });
  return {
    ...{ app, logger, metrics },
    middleware: callbacksOf(app),
    ready: () => store.ready(),
    close: async () => {
      await store.close();
      if (surroundings.client === undefined) await client.connection.close();
    },
  };
}

/** What fails in the app around it is not ours to answer, so nothing of it runs inside. */
function callbacksOf(app: Koa): Koa.Middleware {
  let handle: ReturnType<Koa['callback']> | undefined;
  return async (context, next) => {
    if (context.path !== CALLBACK_PATH && !context.path.startsWith(`${CALLBACK_PATH}/`)) {
      await next();
      return;
    }
    if (context.req.readableDidRead) {
      throw new Error('the body was read before the webhook: use it before any body parser');
    }
    handle ??= app.callback();
    context.respond = false;
    await handle(context.req, context.res);
  };
}

/** Temporal, behind a spool unless it is switched off. */
async function openStore(
  { taskQueue, spool: settings, leftSpoolFolder }: WebhookConfiguration,
  surroundings: Required<Pick<WebhookSurroundings, 'client' | 'logger'>> & WebhookSurroundings,
  { registry, grouped }: WebhookMetrics,
): Promise<OutageSpool> {
  const { client, logger } = surroundings;
  const temporalInbox = createCallbackInbox({ client, taskQueue });
  const inbox = surroundings.inbox ?? new GroupingInbox({ inbox: temporalInbox, onGroup: grouped });
  const ask = (log: Pick<Logger, 'warn'>): Promise<Readiness> => askTemporal(client, log);
  const settled = (): Promise<void> => temporalInbox.settled();
  if (leftSpoolFolder !== undefined) await tellOfLeftSpool(leftSpoolFolder, logger);
  if (settings === undefined) return { inbox, ready: () => ask(logger), close: settled };
  const spool = await openOutageSpool({ settings, inbox, askTemporal: ask, logger, registry });
  return { ...spool, close: () => spool.close().finally(settled) };
}
