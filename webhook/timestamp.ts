const TIMESTAMP = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?$/i;

/**
 * The provider's time stamp as ISO 8601 UTC; undefined where it is none. One without a zone is
 * UTC, which the provider leaves open. Finer than milliseconds is cut.
 */
export function parseTimestamp(text: string): string | undefined {
  const [, date, time, fraction = '', zone = 'Z'] = TIMESTAMP.exec(text.trim()) ?? [];
  if (date === undefined || time === undefined) return undefined;
  const local = new Date(`${date}T${time}Z`);
  // A 30 February would become a 2 March.
  if (Number.isNaN(local.getTime()) || !local.toISOString().startsWith(`${date}T${time}`)) {
    return undefined;
  }
  const offset = zone.toUpperCase().replace(/^([+-]\d\d):?(\d\d)$/, '$1:$2');
  const instant = new Date(`${date}T${time}${fraction}${offset}`);
  if (Number.isNaN(instant.getTime())) return undefined;
  const iso = isoOf(instant);
  // A zone can push a time out of the years that four digits write.
  return /^\d/.test(iso) ? iso : undefined;
}

/** In seconds this is the year 5138: a larger number is milliseconds. */
const MAX_SECONDS = 1e11;

/** The last millisecond that four digits of a year write. */
const MAX_MS = Date.parse('9999-12-31T23:59:59.999Z');

/**
 * A time written as the provider documents (seconds since 1970), or as milliseconds or ISO text, in
 * ISO 8601 UTC; undefined where it is none of these. A fraction is cut.
 */
export function parseAnyTime(value: unknown): string | undefined {
  if (typeof value === 'number') return isoFromNumber(value);
  if (typeof value !== 'string') return undefined;
  return /^\s*\d{1,16}(\.\d+)?\s*$/.test(value)
    ? isoFromNumber(Number(value))
    : parseTimestamp(value);
}

function isoFromNumber(number: number): string | undefined {
  const ms = Math.floor(number) * (number > MAX_SECONDS ? 1 : 1000);
  return ms > 0 && ms <= MAX_MS ? isoOf(new Date(ms)) : undefined;
}

/** A time, or why there is none that could be believed. */
export type CheckedTime =
  | { readonly at: string; readonly problem?: never }
  | { readonly at?: never; readonly problem: string };

/** Clocks and time zones go wrong by hours; what is further ahead would outrank all later news. */
const AHEAD_MAX_MS = 86_400_000;

/** @param nowMs since 1970 */
export function checkTime(at: string | undefined, nowMs: number): CheckedTime {
  if (at === undefined) return { problem: 'an unreadable timestamp' };
  return Date.parse(at) > nowMs + AHEAD_MAX_MS ? { problem: 'a time in the future' } : { at };
}

function isoOf(instant: Date): string {
  return instant.toISOString().replace('.000Z', 'Z');
}
