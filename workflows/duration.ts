/** Durations in words: `7d`, `15m`, `30s`. Pure. */
const UNITS_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof UNITS_MS;

/** A duration such as `7d`, `15m` or `30s` in ms; undefined where it is none or is zero. */
export function parseDuration(text: string): number | undefined {
  const [, amount, unit] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text.trim()) ?? [];
  if (amount === undefined || unit === undefined) return undefined;
  return Number(amount) * UNITS_MS[unit as Unit] || undefined;
}

/** A duration in the largest unit that says it without a fraction: `7d`, not `168h`. */
export function formatDuration(durationMs: number): string {
  const units = Object.entries(UNITS_MS).reverse();
  const [name, unitMs] = units.find(([, ms]) => durationMs % ms === 0) ?? ['ms', 1];
  return `${durationMs / unitMs}${name}`;
}
