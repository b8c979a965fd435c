import { z } from 'zod';
import type { SandboxOptions } from './index.js';

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `500ms`, `6s`, `6m`, `1h`; `0` is none. */
const duration = z.string().transform((text, context) => {
  const [, count, unit = 'ms'] = /^(\d+)(ms|s|m|h)?$/.exec(text) ?? [];
  const bare = count !== '0' && !/[a-z]$/.test(text);
  if (count === undefined || bare) {
    context.addIssue('is not a duration such as 500ms, 6s or 6m');
    return z.NEVER;
  }
  return Number(count) * (UNITS_MS[unit] ?? 1);
});

const whole = (least: number, most: number): z.ZodType<number, string> =>
  z
    .string()
    .regex(/^\d+$/, 'is not a whole number')
    .transform(Number)
    .pipe(z.number().min(least, `is less than ${least}`).max(most, `is more than ${most}`));

const flag = z
  .enum(['true', 'false', '1', '0'], { error: 'is neither true nor false' })
  .transform((word) => word === 'true' || word === '1');

const list = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);

const environmentSchema = z.object({
  SANDBOX_HOST: z.string().default('127.0.0.1'),
  SANDBOX_PORT: whole(0, 65_535).prefault('3001'),
  SANDBOX_DATA: z.string().optional(),
  SANDBOX_API_KEYS: list.optional(),
  SANDBOX_BATCH_INTERVAL: duration.optional(),
  SANDBOX_FINAL_PDF_DELAY: duration.optional(),
  SANDBOX_CALLS_PER_MINUTE: whole(1, 1_000_000).optional(),
  SANDBOX_UNSIGNED_NOTICES: flag.optional(),
  SANDBOX_HMAC_SECRET: z.string().optional(),
  SANDBOX_SEED: whole(0, 2 ** 32 - 1).optional(),
});

function withoutUndefined<T extends object>(
  object: T,
): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

/** The environment does not make sense; `problems` names everything that is wrong with it. */
export class SandboxConfigurationError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'SandboxConfigurationError';
    this.problems = problems;
  }
}

/**
 * The options of a sandbox that runs alone. An empty variable counts as not set.
 * @throws SandboxConfigurationError with all problems at once
 */
export function readSandboxConfiguration(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): SandboxOptions {
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const result = environmentSchema.safeParse(set);
  if (!result.success) {
    throw new SandboxConfigurationError(
      result.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`),
    );
  }
  const { data } = result;
  return withoutUndefined({
    host: data.SANDBOX_HOST,
    port: data.SANDBOX_PORT,
    dataDirectory: data.SANDBOX_DATA,
    apiKeys: data.SANDBOX_API_KEYS,
    batchIntervalMs: data.SANDBOX_BATCH_INTERVAL,
    finalPdfDelayMs: data.SANDBOX_FINAL_PDF_DELAY,
    callsPerMinute: data.SANDBOX_CALLS_PER_MINUTE,
    unsignedNotices: data.SANDBOX_UNSIGNED_NOTICES,
    hmacSecret: data.SANDBOX_HMAC_SECRET,
    seed: data.SANDBOX_SEED,
  });
}
