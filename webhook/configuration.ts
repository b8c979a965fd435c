/** The webhook's settings, read once; and the only file here that knows the environment. */
import type { KeyObject } from 'node:crypto';
import { DEFAULT_TASK_QUEUE } from '../workflows/contract.js';
import { readPublicKeys, sha1Problem } from './certificates.js';
import { parseDuration } from './duration.js';
import type { Trust } from './verify-callback.js';

/** What `startWebhook` needs to know. */
export interface WebhookConfiguration {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly trust: Trust;
  readonly maxAgeMs: number;
  readonly bodyLimitBytes: number;
  readonly taskQueue: string;
  /** One of pino's levels. */
  readonly logLevel: string;
}

/** Everything that is wrong with the settings, one line each. */
export class ConfigurationError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'ConfigurationError';
    this.problems = problems;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

/** Reads the settings, and certificates from their files. Throws ConfigurationError. */
export function readConfiguration(env: Environment = process.env): WebhookConfiguration {
  const problems: string[] = [];
  const setting = (name: string, otherwise: string): string => {
    const text = env[name]?.trim() ?? '';
    return text === '' ? otherwise : text;
  };
  const configuration: WebhookConfiguration = {
    host: setting('WEBHOOK_HOST', '127.0.0.1'),
    port: readPort(setting('WEBHOOK_PORT', '3000'), problems),
    trust: readTrust(env, problems),
    maxAgeMs: readMaxAge(setting('WEBHOOK_MAX_AGE', '7d'), problems),
    bodyLimitBytes: readBodyLimit(setting('WEBHOOK_BODY_LIMIT', '16MiB'), problems),
    taskQueue: setting('COUNTERSIGN_TASK_QUEUE', DEFAULT_TASK_QUEUE),
    logLevel: readLogLevel(setting('LOG_LEVEL', 'info'), problems),
  };
  if (problems.length > 0) throw new ConfigurationError(problems);
  return configuration;
}

function readPort(text: string, problems: string[]): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= 65_535)) problems.push(`WEBHOOK_PORT is not a port: ${text}`);
  return port;
}

function readMaxAge(text: string, problems: string[]): number {
  const maxAgeMs = parseDuration(text);
  if (maxAgeMs === undefined) {
    problems.push(`WEBHOOK_MAX_AGE is not a duration such as 7d or 12h: ${text}`);
  }
  return maxAgeMs ?? 0;
}

const UNITS_BYTES: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['kib', 1024],
  ['mib', 1024 * 1024],
]);

/** Beyond this, a few callbacks at once fill the memory. */
const BODY_LIMIT_MAX_BYTES = 256 * 1024 * 1024;

function readBodyLimit(text: string, problems: string[]): number {
  const [, amount = '', unit = ''] = /^(\d{1,9})\s*(KiB|MiB|)$/i.exec(text) ?? [];
  const bytes = Number(amount) * (UNITS_BYTES.get(unit.toLowerCase()) ?? NaN);
  if (!(bytes > 0 && bytes <= BODY_LIMIT_MAX_BYTES)) {
    problems.push(`WEBHOOK_BODY_LIMIT is not a size such as 16MiB, at most 256MiB: ${text}`);
  }
  return bytes;
}

function readLogLevel(text: string, problems: string[]): string {
  if (!LOG_LEVELS.includes(text)) {
    problems.push(`LOG_LEVEL is none of ${LOG_LEVELS.join(', ')}: ${text}`);
  }
  return text;
}

function readTrust(env: Environment, problems: string[]): Trust {
  const paths = listOf(env['LEGALESIGN_CERTIFICATES']);
  const hmacSecrets = listOf(env['LEGALESIGN_HMAC_SECRETS']);
  const tokens = listOf(env['WEBHOOK_TOKENS']);
  if (paths.length + hmacSecrets.length + tokens.length === 0) {
    problems.push(
      'nothing to verify callbacks with: set LEGALESIGN_CERTIFICATES, LEGALESIGN_HMAC_SECRETS ' +
        'or WEBHOOK_TOKENS',
    );
  }
  if (hmacSecrets.some((secret) => secret.includes('-----BEGIN'))) {
    problems.push('LEGALESIGN_HMAC_SECRETS holds PEM: a certificate is public, and no secret');
  }
  if (tokens.some((token) => !/^[\w.~-]+$/.test(token))) {
    problems.push('WEBHOOK_TOKENS: a token is made of letters, digits and - . _ ~');
  }
  return { publicKeys: readAllKeys(paths, problems), hmacSecrets, tokens };
}

function readAllKeys(paths: readonly string[], problems: string[]): readonly KeyObject[] {
  const keys = paths.flatMap((path) => {
    try {
      return readPublicKeys(path);
    } catch (error) {
      problems.push(`LEGALESIGN_CERTIFICATES: ${error instanceof Error ? error.message : path}`);
      return [];
    }
  });
  const problem = keys[0] === undefined ? undefined : sha1Problem(keys[0]);
  if (problem !== undefined) problems.push(problem);
  return keys;
}

function listOf(text = ''): readonly string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
