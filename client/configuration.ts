/** The client's settings; the only file here that knows the environment. */
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { Settings } from '../configuration/settings.js';
import type { Environment } from '../configuration/settings.js';
import type { ProviderClientOptions } from '../provider/provider-client.js';
import { readProviderSettings } from '../provider/provider-settings.js';
import { DEFAULT_TASK_QUEUE } from '../workflows/contract.js';

/** What `connect` needs to know. */
export interface ClientConfiguration {
  readonly temporal: ReturnType<typeof loadClientConnectConfig>;
  readonly taskQueue: string;
  /** Undefined: documents can be tracked and watched, not created. */
  readonly provider: ProviderClientOptions | undefined;
}

/** @throws ConfigurationError with every problem at once */
export function readConfiguration(environment: Environment = process.env): ClientConfiguration {
  const settings = new Settings(environment);
  const hasKey = settings.text('LEGALESIGN_API_KEY') !== undefined;
  const configuration: ClientConfiguration = {
    temporal: loadClientConnectConfig({ overrideEnvVars: withoutUnset(environment) }),
    taskQueue: settings.text('COUNTERSIGN_TASK_QUEUE') ?? DEFAULT_TASK_QUEUE,
    provider: hasKey ? readProviderSettings(settings) : undefined,
  };
  settings.check();
  return configuration;
}

function withoutUnset(environment: Environment): Record<string, string> {
  const set = Object.entries(environment).filter(([, value]) => value !== undefined);
  return Object.fromEntries(set) as Record<string, string>;
}
