/** The client's settings; the only file here that knows the environment. */
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { readEncryptionKeys } from '../codec/encryption-keys.js';
import type { EncryptionKeys } from '../codec/encryption-keys.js';
import { readFollowUp } from '../configuration/follow-up-settings.js';
import { Settings, temporalVariables } from '../configuration/settings.js';
import type { Environment } from '../configuration/settings.js';
import type { ProviderClientOptions } from '../provider/provider-client.js';
import { readProviderSettings } from '../provider/provider-settings.js';
import { DEFAULT_TASK_QUEUE } from '../workflows/contract.js';
import type { FollowUpPolicy } from '../workflows/contract.js';

/** What `connect` needs to know. */
export interface ClientConfiguration {
  readonly temporal: ReturnType<typeof loadClientConnectConfig>;
  readonly taskQueue: string;
  /** Of payloads in Temporal, as workers and webhooks have them; none: they are not encrypted. */
  readonly encryptionKeys?: EncryptionKeys;
  /** Undefined: documents can be tracked and watched, not created. */
  readonly provider: ProviderClientOptions | undefined;
  /** What is done about the documents it starts, unless their terms say otherwise. */
  readonly followUp?: FollowUpPolicy | undefined;
}

/** @throws ConfigurationError with every problem at once */
export function readConfiguration(environment: Environment = process.env): ClientConfiguration {
  const settings = new Settings(environment);
  const hasKey = settings.text('LEGALESIGN_API_KEY') !== undefined;
  const configuration: ClientConfiguration = {
    temporal: loadClientConnectConfig({ overrideEnvVars: temporalVariables(environment) }),
    taskQueue: settings.text('COUNTERSIGN_TASK_QUEUE') ?? DEFAULT_TASK_QUEUE,
    encryptionKeys: readEncryptionKeys(settings),
    provider: hasKey ? readProviderSettings(settings) : undefined,
    followUp: readFollowUp(settings),
  };
  settings.check();
  return configuration;
}
