/** Where Temporal, its UI, the provider and the sandbox are, by the rules of `countersign up`. */
import type { ClientConfiguration } from '../client/index.js';
import { Settings } from '../configuration/settings.js';
import type { Environment } from '../configuration/settings.js';
import { readSandboxSettings } from '../sandbox/configuration.js';
import { readDevelopmentPorts } from './development-ports.js';
import type { Terminal } from './terminal.js';

/** What a command may want to reach. */
export interface Installation extends ClientConfiguration {
  /** `host:port`. */
  readonly temporalAddress: string;
  /** Without a slash at the end; undefined for a server of one's own that names none. */
  readonly temporalUiUrl: string | undefined;
  readonly namespace: string;
  /** The sandbox in the provider's place, where no key of the provider is set. */
  readonly sandboxUrl: string | undefined;
}

/**
 * Reads it all. The SDK is loaded here.
 * @throws ConfigurationError with every problem at once
 */
export async function readInstallation(environment: Environment): Promise<Installation> {
  const { readConfiguration } = await import('../client/index.js');
  const sandboxUrl = standInUrl(environment);
  const settings = new Settings(environment);
  const uiUrl = settings.url('TEMPORAL_UI_URL')?.replace(/\/+$/, '');
  const { port, uiPort } = readDevelopmentPorts(settings);
  settings.check();
  const configuration = readConfiguration(withStandIn(environment, sandboxUrl));
  const { connectionOptions, namespace = 'default' } = configuration.temporal;
  const isOwnServer = connectionOptions.address === undefined;
  const { address = `127.0.0.1:${port}` } = connectionOptions;
  return {
    ...configuration,
    temporal: { ...configuration.temporal, connectionOptions: { ...connectionOptions, address } },
    temporalAddress: address,
    temporalUiUrl: uiUrl ?? (isOwnServer ? `http://127.0.0.1:${uiPort}` : undefined),
    namespace,
    sandboxUrl,
  };
}

/** Whoever reaches the sandbox without having named it is told so. */
export function noteStandIn(
  { sandboxUrl }: Pick<Installation, 'sandboxUrl'>,
  { note }: Pick<Terminal, 'note'>,
): void {
  if (sandboxUrl !== undefined) {
    note(`LEGALESIGN_API_KEY is not set: this is the sandbox at ${sandboxUrl}`);
  }
}

/** Where the sandbox of `countersign up` or `npm run sandbox` listens. */
export function sandboxAddress(environment: Environment): string {
  const settings = new Settings(environment);
  const { host, port } = readSandboxSettings(settings);
  settings.check();
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Whoever sets the API's address means that, and hears of the missing key. */
function standInUrl(environment: Environment): string | undefined {
  const settings = new Settings(environment);
  const isNamed = ['LEGALESIGN_API_KEY', 'LEGALESIGN_API_URL'].some(
    (name) => settings.text(name) !== undefined,
  );
  return isNamed ? undefined : sandboxAddress(environment);
}

function withStandIn(environment: Environment, sandboxUrl: string | undefined): Environment {
  if (sandboxUrl === undefined) return environment;
  const [key = 'sandbox:sandbox'] = new Settings(environment).list('SANDBOX_API_KEYS');
  return {
    ...environment,
    LEGALESIGN_API_KEY: key,
    LEGALESIGN_ORGANISATION: 'sandbox',
    LEGALESIGN_API_URL: `${sandboxUrl}/api/v1`,
  };
}
