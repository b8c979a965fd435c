/** The webhook process: settings, webhook and server put together, and taken apart in order. */
import { pathToFileURL } from 'node:url';
import { ConfigurationError } from '../configuration/settings.js';
import { readConfiguration, type WebhookConfiguration } from './configuration.js';
import { closeServer, createHttpServer, listen } from './http-server.js';
import { openWebhook, type WebhookSurroundings } from './open-webhook.js';

/** A webhook that listens. */
export interface RunningWebhook {
  /** Without a slash at the end. */
  readonly url: string;
  /** Refuses new connections, answers what is under way, then lets Temporal go. */
  close(): Promise<void>;
}

/**
 * Listens, whether or not Temporal answers: until it does, callbacks wait in the spool, or are
 * answered 503 where there is none. Rejects with the system's error when it cannot listen.
 */
export async function startWebhook(
  configuration: WebhookConfiguration,
  surroundings: WebhookSurroundings = {},
): Promise<RunningWebhook> {
  const webhook = await openWebhook(configuration, surroundings);
  const { app, logger, metrics } = webhook;
  const close = (): Promise<void> => webhook.close();
  const handle = app.callback();
  const server = createHttpServer((request, response) => void handle(request, response), {
    logger,
    metrics,
    keepAliveMs: configuration.keepAliveMs,
  });
  try {
    const url = await listen(server, configuration.host, configuration.port);
    logger.info({ url }, 'the webhook listens');
    return { url, close: () => closeServer(server).finally(close) };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Until a signal to end. */
async function main(): Promise<void> {
  // From the beginning, since the first process of a container gets no signal that it does not
  // handle. Until it listens, it may end anywhere: what waits in the spool stays there.
  let end = (): void => process.exit(0);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      end();
    });
  }
  const webhook = await startWebhook(readConfiguration());
  end = () => {
    webhook.close().catch(fail);
  };
}

function fail(error: unknown): void {
  const lines = error instanceof ConfigurationError ? error.problems : [lineOf(error)];
  for (const line of lines) console.error(line);
  process.exitCode = 1;
}

/** Of the system's errors when it cannot listen: what is to be mended. */
const LISTEN_ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there; see WEBHOOK_PORT',
  EACCES: 'this user may not listen there; see WEBHOOK_PORT',
  EADDRNOTAVAIL: 'this machine has no such address; see WEBHOOK_HOST',
  ENOTFOUND: 'this is no address of this machine; see WEBHOOK_HOST',
};

function lineOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code = '', message } = error as NodeJS.ErrnoException;
  const advice = Object.hasOwn(LISTEN_ADVICE, code) ? LISTEN_ADVICE[code] : undefined;
  return advice === undefined ? message : `${message}: ${advice}`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  main().catch(fail);
}
