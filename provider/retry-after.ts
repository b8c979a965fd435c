/** The shortest wait taken from a `Retry-After`, so that `0` or a past date starts no hot loop. */
export const MIN_RETRY_AFTER_MS = 1_000;

/** The longest wait taken from a `Retry-After`: a mistaken date must not stop us for days. */
export const MAX_RETRY_AFTER_MS = 15 * 60_000;

function wantedMs(header: string, nowMs: number): number | undefined {
  if (/^\d+(\.\d+)?$/.test(header)) return Number(header) * 1_000;
  // `Date.parse` reads almost anything; an HTTP date always begins with the day's name.
  const atMs = /^[A-Za-z]{3}/.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : atMs - nowMs;
}

/**
 * How long a `Retry-After` header asks to wait, in milliseconds, kept within the bounds above.
 * @param header seconds or an HTTP date (RFC 9110, 10.2.3)
 * @returns undefined where the header is absent or means nothing
 */
export function parseRetryAfter(header: unknown, nowMs: number = Date.now()): number | undefined {
  if (typeof header !== 'string' && typeof header !== 'number') return undefined;
  const waitMs = wantedMs(String(header).trim(), nowMs);
  if (waitMs === undefined) return undefined;
  return Math.ceil(Math.min(Math.max(waitMs, MIN_RETRY_AFTER_MS), MAX_RETRY_AFTER_MS));
}
