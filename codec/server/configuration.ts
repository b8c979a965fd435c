/** The codec server's settings; the only file here that knows the environment. */
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { LOG_LEVELS, Settings, temporalVariables } from '../../configuration/settings.js';
import type { Environment } from '../../configuration/settings.js';
import { readEncryptionKeys, type EncryptionKeys } from '../encryption-keys.js';

/** What `startCodecServer` needs to know. */
export interface CodecServerConfiguration {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly encryptionKeys: EncryptionKeys;
  /** Any of them lets its bearer read and write payloads. */
  readonly tokens: readonly string[];
  /** Of the Temporal UI, as browsers send them: `https://temporal.example.com`. */
  readonly origins: readonly string[];
  /** Whose payloads are decoded; the caller names its own. */
  readonly namespaces: readonly string[];
  /** One of pino's levels. */
  readonly logLevel: string;
}

/** Shorter ones can be guessed. */
const TOKEN_MIN_LENGTH = 16;

/** @throws ConfigurationError with every problem at once */
export function readConfiguration(
  environment: Environment = process.env,
): CodecServerConfiguration {
  const settings = new Settings(environment);
  const namespaces = settings.list('CODEC_NAMESPACES');
  const temporal = loadClientConnectConfig({ overrideEnvVars: temporalVariables(environment) });
  const configuration: CodecServerConfiguration = {
    host: settings.text('CODEC_HOST') ?? '127.0.0.1',
    port: settings.port('CODEC_PORT', 3002),
    encryptionKeys: readEncryptionKeys(settings),
    tokens: readTokens(settings),
    origins: readOrigins(settings),
    namespaces: namespaces.length > 0 ? namespaces : [temporal.namespace ?? 'default'],
    logLevel: settings.oneOf('LOG_LEVEL', LOG_LEVELS, 'info'),
  };
  const { COUNTERSIGN_ENCRYPTION_KEYS: keys, COUNTERSIGN_ENCRYPTION_KEYS_FILE: file } = environment;
  if ([keys, file].every((text) => (text ?? '').trim() === '')) {
    settings.problem(
      'no keys: set COUNTERSIGN_ENCRYPTION_KEYS or COUNTERSIGN_ENCRYPTION_KEYS_FILE',
    );
  }
  settings.check();
  return configuration;
}

function readTokens(settings: Settings): readonly string[] {
  const tokens = settings.list('CODEC_TOKENS');
  if (tokens.length === 0) {
    settings.problem('CODEC_TOKENS is not set: anybody could read every history');
  }
  if (tokens.some((token) => token.length < TOKEN_MIN_LENGTH)) {
    settings.problem(`CODEC_TOKENS: each has at least ${TOKEN_MIN_LENGTH} characters`);
  }
  if (tokens.some((token) => !/^[\w.~+/=-]+$/.test(token))) {
    settings.problem('CODEC_TOKENS: a token is made of letters, digits and - . _ ~ + / =');
  }
  return tokens;
}

function readOrigins(settings: Settings): readonly string[] {
  return settings.list('CODEC_ORIGINS').flatMap((text) => {
    const origin = URL.canParse(text) ? new URL(text).origin : 'null';
    if (/^https?:/.test(origin) && text.replace(/\/$/, '') === origin) return [origin];
    settings.problem(
      `CODEC_ORIGINS holds one that is no origin such as https://temporal.example.com: ${text}`,
    );
    return [];
  });
}
