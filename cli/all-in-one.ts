/** Everything in one process tree: Temporal, sandbox, worker, webhook; taken apart in order. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { Logger } from 'pino';
import { createProviderClient } from '../provider/provider-client.js';
import { createSandbox } from '../sandbox/index.js';
import type { Sandbox } from '../sandbox/index.js';
import { startWebhook } from '../webhook/main.js';
import { installRuntime, startWorker } from '../worker/main.js';
import { bundleWorkflows } from '../worker/workflow-bundle.js';
import { documentWorkflowId } from '../workflows/contract.js';
import { readParts } from './configuration.js';
import type {
  AllInOneConfiguration,
  DevelopmentServerSettings,
  PartsConfiguration,
  SandboxSettings,
} from './configuration.js';
import { findTemporalServer } from './temporal-binary.js';
import { startTemporalServer } from './temporal-server.js';

/** Everything, running. */
export interface AllInOne {
  readonly temporalAddress: string;
  readonly temporalUiUrl: string | undefined;
  readonly namespace: string;
  readonly webhookUrl: string;
  readonly sandbox: Sandbox | undefined;
  readonly parts: PartsConfiguration;
  /** Resolves with the reason when a part ends that nobody ended. */
  readonly broken: Promise<string>;
  /** Sandbox, webhook, worker, connections, server. */
  close(): Promise<void>;
}

export interface Surroundings {
  readonly logger: Logger;
  readonly onProgress: (line: string) => void;
  /** Gives up the start. */
  readonly signal: AbortSignal;
}

type Closer = () => Promise<void>;

/** Starts all parts, each as early as what it needs is there. On failure none is left running. */
export async function startAllInOne(
  configuration: AllInOneConfiguration,
  surroundings: Surroundings,
): Promise<AllInOne> {
  const closers: Closer[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    return { ...(await startParts(configuration, surroundings, closers)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startParts(
  configuration: AllInOneConfiguration,
  { logger, onProgress, signal }: Surroundings,
  closers: Closer[],
): Promise<Omit<AllInOne, 'close'>> {
  let breakWith: (reason: string) => void = () => undefined;
  const broken = new Promise<string>((resolve) => {
    breakWith = resolve;
  });
  // Everything but the sandbox's keys is known before anything starts: so problems cost no time.
  const { sandbox: sandboxSettings, developmentServer } = configuration;
  if (!sandboxSettings) readParts(undefined);
  const bundling = bundleWorkflows({ logger: SILENT });
  // Awaited below; a failure before that must not count as unhandled.
  bundling.catch(() => undefined);

  const server = developmentServer
    ? await startServer(developmentServer, { onProgress, signal, onExit: breakWith }, closers)
    : undefined;
  const { namespace = 'default', connectionOptions } = configuration.temporal;
  const temporalAddress = server?.address ?? connectionOptions.address ?? '';
  const temporalUiUrl = server?.uiUrl ?? configuration.temporalUiUrl;
  const sandbox = sandboxSettings
    ? await openSandbox(sandboxSettings, workflowLink(temporalUiUrl, namespace), logger)
    : undefined;
  const parts = readParts(
    sandbox &&
      sandboxSettings && {
        apiUrl: sandbox.apiUrl,
        certificateFile: sandboxSettings.certificateFile,
      },
  );

  installRuntime(logger, parts.worker.metricsAddress);
  const options = { workflowBundle: await bundling };
  signal.throwIfAborted();
  const worker = await startWorker(parts.worker, { logger, address: temporalAddress, options });
  closers.push(() => worker.close());
  worker.ended.catch((error: unknown) => {
    breakWith(`the worker broke: ${String(error)}`);
  });
  const connection = await Connection.connect({ ...connectionOptions, address: temporalAddress });
  const client = new Client({ connection, namespace });
  const webhook = await startWebhook(parts.webhook, { client, logger });
  closers.push(() => webhook.close().finally(() => connection.close()));
  if (sandbox) {
    closers.push(() => sandbox.close());
    await subscribe(parts, webhook.url);
  }
  return {
    temporalAddress,
    temporalUiUrl,
    namespace,
    webhookUrl: webhook.url,
    sandbox,
    parts,
    broken,
  };
}

/** Bundling tells sizes and module lists that nobody asked for. */
const SILENT = {
  log: () => undefined,
  trace: () => undefined,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

interface ServerSurroundings {
  readonly onProgress: (line: string) => void;
  readonly onExit: (reason: string) => void;
  readonly signal: AbortSignal;
}

async function startServer(
  settings: DevelopmentServerSettings,
  surroundings: ServerSurroundings,
  closers: Closer[],
): Promise<{ address: string; uiUrl?: string }> {
  const { configuredPath, cacheDirectory, ...rest } = settings;
  const binary = await findTemporalServer({ configuredPath, cacheDirectory, ...surroundings });
  const server = await startTemporalServer({ ...rest, binary, ...surroundings });
  closers.push(() => server.stop());
  return server;
}

async function openSandbox(
  settings: SandboxSettings,
  workflowUrl: ((documentId: string) => string) | undefined,
  logger: Logger,
): Promise<Sandbox> {
  const { certificateFile, ...rest } = settings;
  const sandbox = await createSandbox({
    ...rest,
    ...(workflowUrl ? { workflowUrl } : {}),
    logger: logger.child({ part: 'sandbox' }, { level: 'warn' }),
  });
  await mkdir(dirname(certificateFile), { recursive: true });
  await writeFile(certificateFile, sandbox.certificatePem);
  return sandbox;
}

/** The address of a document's workflow in the Temporal UI. */
export function workflowLink(
  uiUrl: string | undefined,
  namespace: string,
): ((documentId: string) => string) | undefined {
  if (uiUrl === undefined) return undefined;
  return (documentId) =>
    `${uiUrl}/namespaces/${namespace}/workflows/${encodeURIComponent(documentWorkflowId(documentId))}`;
}

/** All three formats, as a customer of the provider would register them. */
async function subscribe({ worker }: PartsConfiguration, webhookUrl: string): Promise<void> {
  const provider = createProviderClient(worker.provider);
  const url = `${webhookUrl}/callbacks/legalesign`;
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
