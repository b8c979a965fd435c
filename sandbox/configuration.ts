import { Settings, type Environment } from '../configuration/settings.js';
import type { SandboxOptions } from './index.js';

/** A port that is neither the webhook's nor Temporal's. */
const DEFAULT_PORT = 3001;

/** A duration, or a bare `0` for none, in ms. */
function durationOrNoneMs(settings: Settings, name: string, otherwise: string): number {
  return settings.text(name) === '0' ? 0 : settings.durationMs(name, otherwise);
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
  return {
    ...(dataDirectory !== undefined && { dataDirectory }),
    ...(hmacSecret !== undefined && { hmacSecret }),
    ...(apiKeys.length > 0 && { apiKeys }),
    ...(callsPerMinute > 0 && { callsPerMinute }),
  };
}

/**
 * The options of a sandbox that runs alone, from `SANDBOX_…`.
 * @throws ConfigurationError with all problems at once
 */
export function readSandboxConfiguration(environment: Environment = process.env): SandboxOptions {
  const settings = new Settings(environment);
  const options: SandboxOptions = {
    host: settings.text('SANDBOX_HOST') ?? '127.0.0.1',
    port: settings.port('SANDBOX_PORT', DEFAULT_PORT),
    batchIntervalMs: durationOrNoneMs(settings, 'SANDBOX_BATCH_INTERVAL', '6s'),
    finalPdfDelayMs: durationOrNoneMs(settings, 'SANDBOX_FINAL_PDF_DELAY', '500ms'),
    unsignedNotices: isOn(settings, 'SANDBOX_UNSIGNED_NOTICES'),
    seed: settings.wholeNumber('SANDBOX_SEED', 1, { min: 0, max: 2 ** 32 - 1 }),
    ...optional(settings),
  };
  settings.check();
  return options;
}
