/** What `npm start` is told by the environment, and what it tells its parts in turn. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { EncryptionKeys } from '../codec/encryption-keys.js';
import {
  ConfigurationError,
  LOG_LEVELS,
  Settings,
  temporalVariables,
} from '../configuration/settings.js';
import type { Environment } from '../configuration/settings.js';
import { readSandboxSettings } from '../sandbox/index.js';
import type { Sandbox, SandboxSettings } from '../sandbox/index.js';
import { readConfiguration as readWorkerConfiguration } from '../worker/configuration.js';
import type { WorkerConfiguration } from '../worker/configuration.js';
import { readConfiguration as readWebhookConfiguration } from '../webhook/configuration.js';
import type { WebhookConfiguration } from '../webhook/configuration.js';
import { readDevelopmentPorts } from './development-ports.js';

export { ConfigurationError };

/** A development server of our own. */
export interface DevelopmentServerSettings {
  readonly configuredPath: string | undefined;
  readonly cacheDirectory: string;
  readonly databaseFile: string;
  readonly logFile: string;
  readonly port: number;
  readonly uiPort: number;
  /** Beside `default`, which is always there. */
  readonly namespace: string | undefined;
}

export interface AllInOneConfiguration {
  /** Undefined: the environment or a profile names a server. */
  readonly developmentServer: DevelopmentServerSettings | undefined;
  /** Undefined: there is an API key, so the real provider. */
  readonly sandbox: SandboxSettings | undefined;
  readonly showsDemo: boolean;
  readonly encryptionKeys: EncryptionKeys;
  readonly temporal: ReturnType<typeof loadClientConnectConfig>;
  /** Of the Temporal UI, where it is known; without a slash at the end. */
  readonly temporalUiUrl: string | undefined;
  /** Where the webhook is going to listen. */
  readonly webhook: { readonly host: string; readonly port: number };
  readonly logLevel: string;
}

/** In place of an address and a certificate that the sandbox has not made yet. */
const SANDBOX_TO_BE = {
  LEGALESIGN_API_KEY: 'sandbox:sandbox',
  LEGALESIGN_ORGANISATION: '',
  LEGALESIGN_API_URL: '',
  LEGALESIGN_CERTIFICATES: '',
  LEGALESIGN_HMAC_SECRETS: 'stands-in-for-the-certificate',
};

/**
 * Reads everything, that of worker and webhook too, before anything is started.
 * @throws ConfigurationError with every problem at once
 */
export function readConfiguration(environment: Environment = process.env): AllInOneConfiguration {
  const settings = new Settings(environment);
  const data = resolve(settings.text('COUNTERSIGN_DATA') ?? '.countersign');
  const temporal = readTemporal(settings, environment);
  const hasServer = temporal.connectionOptions.address !== undefined;
  const hasKey = settings.text('LEGALESIGN_API_KEY') !== undefined;
  const configuration = {
    developmentServer: hasServer
      ? undefined
      : readDevelopmentServer(settings, data, temporal.namespace),
    sandbox: hasKey ? undefined : readSandbox(settings, data),
    showsDemo: settings.oneOf('COUNTERSIGN_DEMO', ['on', 'off'], 'on') === 'on',
    temporal,
    temporalUiUrl: settings.url('TEMPORAL_UI_URL')?.replace(/\/+$/, ''),
    logLevel: settings.oneOf('LOG_LEVEL', LOG_LEVELS, 'info'),
  };
  const problems = new Set<string>();
  attempt(() => {
    settings.check();
  }, problems);
  const told = hasKey ? environment : { ...environment, ...SANDBOX_TO_BE };
  const parts = attempt(() => readBoth(told), problems);
  if (!parts || problems.size > 0) throw new ConfigurationError([...problems]);
  const { encryptionKeys } = parts.worker;
  return { ...configuration, encryptionKeys, webhook: parts.webhook };
}

function readTemporal(
  settings: Settings,
  environment: Environment,
): ReturnType<typeof loadClientConnectConfig> {
  const file = settings.text('TEMPORAL_CONFIG_FILE');
  // The SDK takes a file that is missing for an empty one.
  if (file !== undefined && !existsSync(file)) {
    settings.problem(`TEMPORAL_CONFIG_FILE names a file that is not there: ${file}`);
  }
  try {
    const config = loadClientConnectConfig({ overrideEnvVars: temporalVariables(environment) });
    const { address, apiKey, tls } = config.connectionOptions;
    if (address === undefined && (apiKey !== undefined || Boolean(tls))) {
      settings.problem(
        'an API key or TLS for Temporal, but no address: set TEMPORAL_ADDRESS too, ' +
          'or neither, for a development server',
      );
    }
    return config;
  } catch (error) {
    settings.problem(`Temporal's profile: ${inOneLine(error)}`);
    return { connectionOptions: {} };
  }
}

/** The TOML parser draws the place that it dislikes, over several lines. */
function inOneLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/\s*\n\s*/g, ' ').trim();
}

function readDevelopmentServer(
  settings: Settings,
  data: string,
  namespace: string | undefined,
): DevelopmentServerSettings {
  return {
    configuredPath: settings.text('COUNTERSIGN_TEMPORAL_CLI'),
    cacheDirectory: join(data, 'cache'),
    databaseFile: join(data, 'temporal.db'),
    logFile: join(data, 'temporal.log'),
    ...readDevelopmentPorts(settings),
    namespace,
  };
}

function readSandbox(settings: Settings, data: string): SandboxSettings {
  return { ...readSandboxSettings(settings), dataDirectory: join(data, 'sandbox') };
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
  sandbox: Sandbox | undefined,
  environment: Environment = process.env,
): PartsConfiguration {
  return readBoth(sandbox ? { ...environment, ...settingsFor(sandbox) } : environment);
}

/** What a customer of the sandbox sets, were it the provider. */
function settingsFor(sandbox: Sandbox): Environment {
  const key = sandbox.apiKeys?.[0] ?? 'sandbox:sandbox';
  return {
    LEGALESIGN_API_KEY: key,
    LEGALESIGN_ORGANISATION: key.startsWith('ak_') ? 'sandbox' : '',
    LEGALESIGN_API_URL: sandbox.apiUrl,
    LEGALESIGN_CERTIFICATES: sandbox.certificateFile ?? '',
    LEGALESIGN_HMAC_SECRETS: sandbox.hmacSecret ?? '',
  };
}

function readBoth(environment: Environment): PartsConfiguration {
  const problems = new Set<string>();
  const worker = attempt(() => readWorkerConfiguration(environment), problems);
  const webhook = attempt(() => readWebhookConfiguration(environment), problems);
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
