/** The webhook's settings, read once; and the only file here that knows the environment. */
import type { KeyObject } from 'node:crypto';
import { join, resolve } from 'node:path';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { readEncryptionKeys } from '../codec/encryption-keys.js';
import type { EncryptionKeys } from '../codec/encryption-keys.js';
import { LOG_LEVELS, Settings, temporalVariables } from '../configuration/settings.js';
import type { Environment } from '../configuration/settings.js';
import { DEFAULT_TASK_QUEUE } from '../workflows/contract.js';
import { readPublicKeys, sha1Problem } from './certificates.js';
import type { SpoolSettings } from './spool/callback-spool.js';
import type { Trust } from './verify-callback.js';

/** What `startWebhook` needs to know. */
export interface WebhookConfiguration {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly trust: Trust;
  readonly maxAgeMs: number;
  readonly bodyLimitBytes: number;
  /** Of all requests together. */
  readonly bodyBudgetBytes: number;
  /**
   * How long a connection stays open for a next request. Longer than a balancer keeps it: one that
   * is closed while a callback is being sent on it loses that callback.
   */
  readonly keepAliveMs: number;
  readonly taskQueue: string;
  /** Of payloads in Temporal; none: they are not encrypted. */
  readonly encryptionKeys: EncryptionKeys;
  /** Where callbacks wait while Temporal is away. Undefined: they are answered 503. */
  readonly spool: SpoolSettings | undefined;
  /** With the spool switched off: where callbacks may wait since it was on. */
  readonly leftSpoolFolder?: string;
  /** One of pino's levels. */
  readonly logLevel: string;
}

/** Reads the settings, and certificates from their files. Throws ConfigurationError. */
export function readConfiguration(environment: Environment = process.env): WebhookConfiguration {
  const settings = new Settings(environment);
  const bodyLimitBytes = readBytes(settings, 'WEBHOOK_BODY_LIMIT', '16MiB', BODY_LIMIT_MAX_BYTES);
  const configuration: WebhookConfiguration = {
    host: settings.text('WEBHOOK_HOST') ?? '127.0.0.1',
    port: settings.port('WEBHOOK_PORT', 3000),
    trust: readTrust(settings),
    maxAgeMs: settings.durationMs('WEBHOOK_MAX_AGE', '7d'),
    bodyLimitBytes,
    bodyBudgetBytes: readBudget(settings, bodyLimitBytes),
    keepAliveMs: settings.durationMs('WEBHOOK_KEEP_ALIVE', '75s'),
    taskQueue: settings.text('COUNTERSIGN_TASK_QUEUE') ?? DEFAULT_TASK_QUEUE,
    encryptionKeys: readEncryptionKeys(settings),
    ...readSpool(settings),
    logLevel: settings.oneOf('LOG_LEVEL', LOG_LEVELS, 'info'),
  };
  settings.check();
  return configuration;
}

/** Temporal's own settings and profiles. */
export function readTemporal(
  environment: Environment = process.env,
): ReturnType<typeof loadClientConnectConfig> {
  return loadClientConnectConfig({ overrideEnvVars: temporalVariables(environment) });
}

const UNITS_BYTES: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['kib', 1024],
  ['mib', 1024 ** 2],
  ['gib', 1024 ** 3],
]);

/** Beyond this, a few callbacks at once fill the memory. */
const BODY_LIMIT_MAX_BYTES = 256 * 1024 ** 2;

/** More than this, of memory or disk, is a slip of the pen. */
const STORE_MAX_BYTES = 64 * 1024 ** 3;

/** Shorter ones can be guessed; HMAC secrets even offline, from a single callback. */
const SECRET_MIN_LENGTH = 16;

function readBytes(settings: Settings, name: string, otherwise: string, maxBytes: number): number {
  const text = settings.text(name) ?? otherwise;
  const [, amount = '', unit = ''] = /^(\d{1,9})\s*(KiB|MiB|GiB|)$/i.exec(text) ?? [];
  const bytes = Number(amount) * (UNITS_BYTES.get(unit.toLowerCase()) ?? NaN);
  if (bytes > 0 && bytes <= maxBytes) return bytes;
  const max = `${maxBytes / 1024 ** 2}MiB`;
  settings.problem(`${name} is not a size such as 16MiB, at most ${max}: ${text}`);
  // Compares to nothing, so that one problem does not become two.
  return NaN;
}

/** A budget that cannot hold one body would refuse it for ever. */
function readBudget(settings: Settings, bodyLimitBytes: number): number {
  const bytes = readBytes(settings, 'WEBHOOK_BODY_BUDGET', '256MiB', STORE_MAX_BYTES);
  if (bytes < bodyLimitBytes) {
    settings.problem('WEBHOOK_BODY_BUDGET is less than WEBHOOK_BODY_LIMIT');
  }
  return bytes;
}

function readSpool(settings: Settings): Pick<WebhookConfiguration, 'spool' | 'leftSpoolFolder'> {
  const isOn = settings.oneOf('WEBHOOK_SPOOL', ['on', 'off'], 'on') === 'on';
  const limitBytes = readBytes(settings, 'WEBHOOK_SPOOL_LIMIT', '256MiB', STORE_MAX_BYTES);
  const folder = join(resolve(settings.text('COUNTERSIGN_DATA') ?? '.countersign'), 'spool');
  return isOn ? { spool: { folder, limitBytes } } : { spool: undefined, leftSpoolFolder: folder };
}

function readTrust(settings: Settings): Trust {
  const paths = settings.list('LEGALESIGN_CERTIFICATES');
  const hmacSecrets = settings.list('LEGALESIGN_HMAC_SECRETS');
  const tokens = settings.list('WEBHOOK_TOKENS');
  if (paths.length + hmacSecrets.length + tokens.length === 0) {
    settings.problem(
      'nothing to verify callbacks with: set LEGALESIGN_CERTIFICATES, LEGALESIGN_HMAC_SECRETS ' +
        'or WEBHOOK_TOKENS',
    );
  }
  if (hmacSecrets.some((secret) => secret.includes('-----BEGIN'))) {
    settings.problem('LEGALESIGN_HMAC_SECRETS holds PEM: a certificate is public, and no secret');
  }
  if (tokens.some((token) => !/^[\w.~-]+$/.test(token))) {
    settings.problem('WEBHOOK_TOKENS: a token is made of letters, digits and - . _ ~');
  }
  for (const [name, secrets] of [
    ['WEBHOOK_TOKENS', tokens],
    ['LEGALESIGN_HMAC_SECRETS', hmacSecrets],
  ] as const) {
    if (secrets.some((secret) => secret.length < SECRET_MIN_LENGTH)) {
      settings.problem(`${name}: each has at least ${SECRET_MIN_LENGTH} characters`);
    }
  }
  const requiresToken = settings.oneOf('WEBHOOK_TOKEN_REQUIRED', ['on', 'off'], 'off') === 'on';
  if (requiresToken && tokens.length === 0) {
    settings.problem('WEBHOOK_TOKEN_REQUIRED is on, and WEBHOOK_TOKENS names none');
  }
  const publicKeys = readAllKeys(paths, settings);
  return { publicKeys, hmacSecrets, tokens, ...(requiresToken && { requiresToken }) };
}

function readAllKeys(paths: readonly string[], settings: Settings): readonly KeyObject[] {
  const keys = paths.flatMap((path) => {
    try {
      return readPublicKeys(path);
    } catch (error) {
      settings.problem(`LEGALESIGN_CERTIFICATES: ${error instanceof Error ? error.message : path}`);
      return [];
    }
  });
  const problem = keys[0] === undefined ? undefined : sha1Problem(keys[0]);
  if (problem !== undefined) settings.problem(problem);
  return keys;
}
