import { parseDuration } from '../configuration/duration.js';
import { UsageError } from './failures.js';

/** As `util.parseArgs` gives them. */
export type ParsedValues = Readonly<
  Record<string, string | boolean | readonly (string | boolean)[] | undefined>
>;

/** The options that were given, by their long names. */
export class OptionValues {
  readonly #values: ParsedValues;

  constructor(values: ParsedValues) {
    this.#values = values;
  }

  /** Whether a boolean option was given. */
  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  /** A text; undefined where it was not given. */
  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  /** All values of an option that may be given several times. */
  texts(name: string): readonly string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? value.map(String) : [];
  }

  /** @throws UsageError for what is no whole number from 1 on */
  count(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
    throw new UsageError(`--${name} is no whole number from 1 on: ${text}`);
  }

  /** A duration such as `30s` in ms. @throws UsageError for what is none */
  durationMs(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const durationMs = parseDuration(text);
    if (durationMs !== undefined) return durationMs;
    throw new UsageError(`--${name} is no duration such as 30s, 15m or 7d: ${text}`);
  }

  /**
   * A point in time, given as such or as a duration before now: ISO 8601 UTC.
   * @throws UsageError for what is neither
   */
  time(name: string, nowMs = Date.now()): string | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const durationMs = parseDuration(text);
    const time = new Date(durationMs === undefined ? text : nowMs - durationMs);
    if (!Number.isNaN(time.getTime())) return time.toISOString();
    throw new UsageError(`--${name} is no time such as 2030-01-31T00:00:00Z or 7d: ${text}`);
  }
}
