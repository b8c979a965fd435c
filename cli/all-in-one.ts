/** Everything in one process tree: Temporal, sandbox, worker, webhook; taken apart in order. */
import { Client, Connection } from '@temporalio/client';
import type { Logger } from 'pino';
import { createDataConverter } from '../codec/data-converter.js';
import { createProviderClient } from '../provider/provider-client.js';
import { createSandbox } from '../sandbox/index.js';
import type { Sandbox, SandboxSettings } from '../sandbox/index.js';
import { CALLBACK_PATH } from '../webhook/app.js';
import { startWebhook } from '../webhook/main.js';
import { installRuntime, startWorker } from '../worker/main.js';
import { bundleWorkflows } from '../worker/workflow-bundle.js';
import { Closers } from './closers.js';
import { ConfigurationError, readParts } from './configuration.js';
import type {
  AllInOneConfiguration,
  DevelopmentServerSettings,
  PartsConfiguration,
} from './configuration.js';
import { portProblems } from './port-problems.js';
import type { WantedPort } from './port-problems.js';
import { findTemporalServer } from './temporal-binary.js';
import { startTemporalServer, TEMPORAL_PORT_VARIABLES } from './temporal-server.js';
import { workflowLink } from './workflow-link.js';

/** Everything, running. */
export interface AllInOne {
  /** How to reach Temporal. */
  readonly temporal: TemporalAccess;
  readonly temporalUiUrl: string | undefined;
  readonly webhookUrl: string;
  readonly sandbox: Sandbox | undefined;
  readonly parts: PartsConfiguration;
  /** Resolves with the reason when a part ends that nobody ended. */
  readonly broken: Promise<string>;
  /** Sandbox, webhook, worker, connections, server. */
  close(): Promise<void>;
}

/** Where Temporal is, and with what one gets in. */
export interface TemporalAccess {
  readonly namespace: string;
  readonly connectionOptions: AllInOneConfiguration['temporal']['connectionOptions'] & {
    readonly address: string;
  };
}

/** Who hears of the start, and what gives it up. */
export interface Surroundings {
  readonly logger: Logger;
  readonly onProgress: (line: string) => void;
  /** Gives up the start. */
  readonly signal: AbortSignal;
}

/**
 * Starts all parts, each as early as what it needs is there. On failure none is left running.
 * @throws ConfigurationError names every port that cannot be had, before anything is started
 */
export async function startAllInOne(
  configuration: AllInOneConfiguration,
  surroundings: Surroundings,
): Promise<AllInOne> {
  const closers = new Closers();
  try {
    const problems = await portProblems(wantedPorts(configuration));
    if (problems.length > 0) throw new ConfigurationError(problems);
    const parts = await startParts(configuration, surroundings, closers);
    return { ...parts, close: () => closers.close() };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

function wantedPorts({
  developmentServer: server,
  sandbox,
  webhook,
}: AllInOneConfiguration): WantedPort[] {
  const { port, uiPort } = TEMPORAL_PORT_VARIABLES;
  const host = '127.0.0.1';
  return [
    ...(server ? [{ host, port: server.port, variable: port }] : []),
    ...(server ? [{ host, port: server.uiPort, variable: uiPort }] : []),
    ...(sandbox ? [{ ...sandbox, variable: 'SANDBOX_PORT' }] : []),
    { ...webhook, variable: 'WEBHOOK_PORT' },
  ];
}

async function startParts(
  configuration: AllInOneConfiguration,
  { logger, onProgress, signal }: Surroundings,
  closers: Closers,
): Promise<Omit<AllInOne, 'close'>> {
  let breakWith: (reason: string) => void = () => undefined;
  const broken = new Promise<string>((resolve) => {
    breakWith = resolve;
  });
  const { sandbox: sandboxSettings, developmentServer } = configuration;
  const bundling = bundleWorkflows(configuration.encryptionKeys);
  // Awaited below; a failure before that must not count as unhandled.
  bundling.catch(() => undefined);

  const server = developmentServer
    ? await startServer(developmentServer, { onProgress, signal, onExit: breakWith }, closers)
    : undefined;
  const temporal = accessTo(configuration, server?.address);
  const { namespace, connectionOptions } = temporal;
  const { address } = connectionOptions;
  const temporalUiUrl = server?.uiUrl ?? configuration.temporalUiUrl;
  const sandbox = sandboxSettings
    ? await openSandbox(sandboxSettings, workflowLink(temporalUiUrl, namespace), logger)
    : undefined;
  const closeSandbox = closers.push(async () => sandbox?.close());
  const parts = readParts(sandbox);

  installRuntime(logger, parts.worker.metricsAddress);
  const options = { workflowBundle: await bundling };
  signal.throwIfAborted();
  const worker = await startWorker(parts.worker, { logger, address, options });
  closers.push(() => worker.close());
  worker.ended.catch((error: unknown) => {
    breakWith(`the worker broke: ${String(error)}`);
  });
  const connection = await Connection.connect(connectionOptions);
  closers.push(() => connection.close());
  const dataConverter = createDataConverter(parts.webhook.encryptionKeys);
  const client = new Client({ connection, namespace, dataConverter });
  const webhook = await startWebhook(parts.webhook, { client, logger });
  closers.push(() => webhook.close());
  if (sandbox) await subscribe(parts, webhook.url);
  // Once all stand, it goes first: it calls the webhook, and keeps what it could not deliver.
  closers.push(closeSandbox);
  return { temporal, temporalUiUrl, webhookUrl: webhook.url, sandbox, parts, broken };
}

function accessTo(
  { temporal: { namespace = 'default', connectionOptions } }: AllInOneConfiguration,
  ownAddress: string | undefined,
): TemporalAccess {
  const address = ownAddress ?? connectionOptions.address ?? '';
  return { namespace, connectionOptions: { ...connectionOptions, address } };
}

interface ServerSurroundings {
  readonly onProgress: (line: string) => void;
  readonly onExit: (reason: string) => void;
  readonly signal: AbortSignal;
}

async function startServer(
  settings: DevelopmentServerSettings,
  surroundings: ServerSurroundings,
  closers: Closers,
): Promise<{ address: string; uiUrl?: string }> {
  const { configuredPath, cacheDirectory, namespace, ...rest } = settings;
  const binary = await findTemporalServer({ configuredPath, cacheDirectory, ...surroundings });
  const server = await startTemporalServer({
    ...{ ...rest, binary, ...surroundings },
    ...(namespace !== undefined && { namespace }),
  });
  closers.push(() => server.stop());
  return server;
}

function openSandbox(
  settings: SandboxSettings,
  workflowUrl: ((documentId: string) => string) | undefined,
  logger: Logger,
): Promise<Sandbox> {
  return createSandbox({
    ...settings,
    ...(workflowUrl ? { workflowUrl } : {}),
    logger: logger.child({ part: 'sandbox' }, { level: 'warn' }),
  });
}

/** All three formats, as a customer of the provider would register them. */
async function subscribe(
  { worker, webhook }: PartsConfiguration,
  webhookUrl: string,
): Promise<void> {
  const provider = createProviderClient(worker.provider);
  const { requiresToken = false, tokens } = webhook.trust;
  const url = `${webhookUrl}${CALLBACK_PATH}${requiresToken ? `/${tokens[0] ?? ''}` : ''}`;
  try {
    const known = await provider.listNotifications();
    const registered = known.filter((each) => each.url === url).map(({ notify }) => notify);
    for (const notify of ['all', 'signed', 'realtime'] as const) {
      if (!registered.includes(notify)) await provider.subscribe({ url, notify });
    }
  } finally {
    provider.close();
  }
}
