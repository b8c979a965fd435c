import { formatDuration, parseDuration } from '../configuration/duration.js';
import { Settings, type Environment } from '../configuration/settings.js';
import { SANDBOX_DEFAULTS } from './defaults.js';
import type { SandboxOptions } from './index.js';

/** A port that is neither the webhook's nor Temporal's. */
const DEFAULT_PORT = 3001;

/** The options that `SANDBOX_…` tell; what has a default is always there. */
export type SandboxSettings = SandboxOptions & {
  readonly host: string;
  readonly port: number;
  readonly batchIntervalMs: number;
};

/** A duration, or a bare `0` for none, in ms. */
function durationOrNoneMs(settings: Settings, name: string, otherwiseMs: number): number {
  if (settings.text(name) === '0') return 0;
  return settings.durationMs(name, formatDuration(otherwiseMs));
}

/** A duration with or without a sign, or a bare `0`, in ms. */
function signedDurationMs(settings: Settings, name: string): number {
  const text = settings.text(name) ?? '0';
  const [, sign, amount = ''] = /^([+-]?)(.+)$/.exec(text) ?? [];
  const durationMs = amount === '0' ? 0 : parseDuration(amount);
  if (durationMs === undefined) {
    settings.problem(`${name} is not a duration such as 90s or -2m: ${text}`);
  }
  return (sign === '-' ? -1 : 1) * (durationMs ?? 0);
}

function isOn(settings: Settings, name: string): boolean {
  return settings.oneOf(name, ['true', 'false'], 'false') === 'true';
}

/** Settings without a default: left out where they are not set. */
function optional(settings: Settings): SandboxOptions {
  const dataDirectory = settings.text('SANDBOX_DATA');
  const hmacSecret = settings.text('SANDBOX_HMAC_SECRET');
  const apiKeys = settings.list('SANDBOX_API_KEYS');
  const callsPerMinute = settings.wholeNumber('SANDBOX_CALLS_PER_MINUTE', 0, {
    min: 1,
    max: 1_000_000,
  });
  const clockSkewMs = signedDurationMs(settings, 'SANDBOX_CLOCK_SKEW');
  return {
    ...(dataDirectory !== undefined && { dataDirectory }),
    ...(hmacSecret !== undefined && { hmacSecret }),
    ...(apiKeys.length > 0 && { apiKeys }),
    ...(callsPerMinute > 0 && { callsPerMinute }),
    ...(clockSkewMs !== 0 && { clockSkewMs }),
  };
}

/** Reads `SANDBOX_…`, whoever starts the sandbox; problems are left to the caller's `check()`. */
export function readSandboxSettings(settings: Settings): SandboxSettings {
  const { host, batchIntervalMs, finalPdfDelayMs, seed } = SANDBOX_DEFAULTS;
  return {
    host: settings.text('SANDBOX_HOST') ?? host,
    port: settings.port('SANDBOX_PORT', DEFAULT_PORT),
    batchIntervalMs: durationOrNoneMs(settings, 'SANDBOX_BATCH_INTERVAL', batchIntervalMs),
    finalPdfDelayMs: durationOrNoneMs(settings, 'SANDBOX_FINAL_PDF_DELAY', finalPdfDelayMs),
    unsignedNotices: isOn(settings, 'SANDBOX_UNSIGNED_NOTICES'),
    seed: settings.wholeNumber('SANDBOX_SEED', seed, { min: 0, max: 2 ** 32 - 1 }),
    ...optional(settings),
  };
}

/**
 * The options of a sandbox that runs alone, from `SANDBOX_…`.
 * @throws ConfigurationError with all problems at once
 */
export function readSandboxConfiguration(environment: Environment = process.env): SandboxSettings {
  const settings = new Settings(environment);
  const options = readSandboxSettings(settings);
  settings.check();
  return options;
}
