/**
 * Fields of JSON that may be missing, null or of another type. By hand, since a listing has
 * hundreds of thousands of rows: a validation library took three times as long as parsing the JSON.
 */

/** An object of JSON. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A text, number or boolean as trimmed text; anything stranger counts as not said. */
export function looseText(value: unknown): string | undefined {
  if (typeof value === 'string') return value.trim();
  const isTold = typeof value === 'boolean' || Number.isFinite(value);
  return isTold ? String(value) : undefined;
}

/** A list; anything else counts as an empty one. */
export function looseList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
