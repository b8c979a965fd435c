/** What `npm start` is told by the environment, and what it tells its parts in turn. */
import { join, resolve } from 'node:path';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { ConfigurationError, Settings } from '../configuration/settings.js';
import type { Environment } from '../configuration/settings.js';
import { readConfiguration as readWorkerConfiguration } from '../worker/configuration.js';
import type { WorkerConfiguration } from '../worker/configuration.js';
import { readConfiguration as readWebhookConfiguration } from '../webhook/configuration.js';
import type { WebhookConfiguration } from '../webhook/configuration.js';
import { TEMPORAL_PORT_VARIABLES } from './temporal-server-ports.js';

export { ConfigurationError };

/** A development server of our own. */
export interface DevelopmentServerSettings {
  readonly configuredPath: string | undefined;
  readonly cacheDirectory: string;
  readonly databaseFile: string;
  readonly logFile: string;
  readonly port: number;
  readonly uiPort: number;
}

export interface SandboxSettings {
  readonly host: string;
  readonly port: number;
  readonly dataDirectory: string;
  readonly certificateFile: string;
  readonly batchIntervalMs: number;
}

export interface AllInOneConfiguration {
  /** Undefined: the environment or a profile names a server. */
  readonly developmentServer: DevelopmentServerSettings | undefined;
  /** Undefined: there is an API key, so the real provider. */
  readonly sandbox: SandboxSettings | undefined;
  readonly showsDemo: boolean;
  readonly temporal: ReturnType<typeof loadClientConnectConfig>;
  /** Of the Temporal UI, where it is known. */
  readonly temporalUiUrl: string | undefined;
}

/** The credentials that the sandbox accepts, as any: it holds nothing that is worth protecting. */
const SANDBOX_KEY = 'sandbox:sandbox';

/** @throws ConfigurationError with every problem at once */
export function readConfiguration(environment: Environment = process.env): AllInOneConfiguration {
  const settings = new Settings(environment);
  const data = resolve(settings.text('COUNTERSIGN_DATA') ?? '.countersign');
  const temporal = readTemporal(settings);
  const hasServer = temporal.connectionOptions.address !== undefined;
  const configuration: AllInOneConfiguration = {
    developmentServer: hasServer ? undefined : readDevelopmentServer(settings, data),
    sandbox:
      settings.text('LEGALESIGN_API_KEY') === undefined ? readSandbox(settings, data) : undefined,
    showsDemo: settings.oneOf('COUNTERSIGN_DEMO', ['on', 'off'], 'on') === 'on',
    temporal,
    temporalUiUrl: settings.url('TEMPORAL_UI_URL'),
  };
  settings.check();
  return configuration;
}

function readTemporal(settings: Settings): ReturnType<typeof loadClientConnectConfig> {
  try {
    return loadClientConnectConfig();
  } catch (error) {
    settings.problem(
      `Temporal's profile: ${error instanceof Error ? error.message : String(error)}`,
    );
    return { connectionOptions: {} };
  }
}

function readDevelopmentServer(settings: Settings, data: string): DevelopmentServerSettings {
  return {
    configuredPath: settings.text('COUNTERSIGN_TEMPORAL_CLI'),
    cacheDirectory: join(data, 'cache'),
    databaseFile: join(data, 'temporal.db'),
    logFile: join(data, 'temporal.log'),
    port: settings.port(TEMPORAL_PORT_VARIABLES.port, 7233),
    uiPort: settings.port(TEMPORAL_PORT_VARIABLES.uiPort, 8233),
  };
}

function readSandbox(settings: Settings, data: string): SandboxSettings {
  return {
    host: settings.text('SANDBOX_HOST') ?? '127.0.0.1',
    port: settings.port('SANDBOX_PORT', 3001),
    dataDirectory: join(data, 'sandbox'),
    certificateFile: join(data, 'sandbox', 'certificate.pem'),
    // The provider's own six minutes would hide what there is to see.
    batchIntervalMs: settings.durationMs('SANDBOX_BATCH_INTERVAL', '5s'),
  };
}

export interface PartsConfiguration {
  readonly worker: WorkerConfiguration;
  readonly webhook: WebhookConfiguration;
}

/**
 * What worker and webhook are to be, with the sandbox in the provider's place where there is one.
 * @throws ConfigurationError with the problems of both
 */
export function readParts(
  sandbox: { readonly apiUrl: string; readonly certificateFile: string } | undefined,
  environment: Environment = process.env,
): PartsConfiguration {
  const told = sandbox
    ? {
        ...environment,
        LEGALESIGN_API_URL: sandbox.apiUrl,
        LEGALESIGN_API_KEY: SANDBOX_KEY,
        LEGALESIGN_ORGANISATION: '',
        LEGALESIGN_CERTIFICATES: sandbox.certificateFile,
        LEGALESIGN_HMAC_SECRETS: '',
      }
    : environment;
  const problems = new Set<string>();
  const worker = attempt(() => readWorkerConfiguration(told), problems);
  const webhook = attempt(() => readWebhookConfiguration(told), problems);
  if (!worker || !webhook) throw new ConfigurationError([...problems]);
  return { worker, webhook };
}

function attempt<Result>(read: () => Result, problems: Set<string>): Result | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    for (const problem of error.problems) problems.add(problem);
    return undefined;
  }
}
