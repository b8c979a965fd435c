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

/** The last second of the year 9999: what lies beyond is milliseconds, or nonsense. */
const MAX_SECONDS = 253_402_300_799;

/** Seconds since 1970 as ISO 8601 UTC; undefined unless whole, positive and before 10000. */
export function isoFromSeconds(seconds: number): string | undefined {
  if (!Number.isInteger(seconds) || seconds <= 0 || seconds > MAX_SECONDS) return undefined;
  return isoOf(new Date(seconds * 1000));
}

function isoOf(instant: Date): string {
  return instant.toISOString().replace('.000Z', 'Z');
}
