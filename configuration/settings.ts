/** Reads settings from an environment; collects every problem instead of stopping at the first. */
import { parseDuration } from './duration.js';

/** A process's environment, or one made up for a test. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What Temporal's SDK reads by itself, the place of its profiles included. */
const TEMPORALS_OWN = /^(TEMPORAL_\w+|HOME|XDG_CONFIG_HOME|APPDATA)$/;

/**
 * The part of an environment that Temporal's SDK reads. To it an empty variable is a value: an
 * empty API key would switch TLS on. Here, as of every setting, it counts as not set.
 */
export function temporalVariables(environment: Environment): Record<string, string> {
  const names = Object.keys(environment).filter((name) => TEMPORALS_OWN.test(name));
  const trimmed = names.map((name) => [name, environment[name]?.trim() ?? '']);
  return Object.fromEntries(trimmed.filter(([, value]) => value !== '')) as Record<string, string>;
}

/** Everything that is wrong with the settings, one line each. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** pino's levels. */
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** One process's settings. */
export class Settings {
  readonly #environment: Environment;
  readonly #problems: string[] = [];

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** A text; undefined where it is not set or empty. */
  text(name: string): string | undefined {
    const text = this.#environment[name]?.trim();
    return text === '' ? undefined : text;
  }

  /** A comma-separated list; empty where it is not set. */
  list(name: string): readonly string[] {
    const items = (this.text(name) ?? '').split(',').map((item) => item.trim());
    return items.filter((item) => item !== '');
  }

  /** A port; 0 stands for any that is free. */
  port(name: string, otherwise: number): number {
    return this.wholeNumber(name, otherwise, { min: 0, max: 65_535 });
  }

  wholeNumber(name: string, otherwise: number, limits: { min: number; max: number }): number {
    const text = this.text(name);
    if (text === undefined) return otherwise;
    const number = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
    if (number >= limits.min && number <= limits.max) return number;
    this.problem(`${name} is not a whole number from ${limits.min} to ${limits.max}: ${text}`);
    return otherwise;
  }

  /** A duration such as `7d`, `15m` or `30s`, in ms. */
  durationMs(name: string, otherwise: string): number {
    return this.#durationMs(name, this.text(name) ?? otherwise);
  }

  /** Durations, comma-separated, in ms. */
  durationsMs(name: string, otherwise: string): readonly number[] {
    const texts = (this.text(name) ?? otherwise).split(',');
    return texts.map((text) => this.#durationMs(name, text.trim()));
  }

  #durationMs(name: string, text: string): number {
    const durationMs = parseDuration(text);
    if (durationMs === undefined) {
      this.problem(`${name} is not a duration such as 7d, 15m or 30s: ${text}`);
    }
    return durationMs ?? 0;
  }

  /** An IANA name of a time zone. */
  timeZone(name: string, otherwise: string): string {
    const zone = this.text(name) ?? otherwise;
    if (!isTimeZone(zone)) {
      this.problem(`${name} is no time zone such as Europe/London: ${zone}`);
    }
    return zone;
  }

  /** An http(s) URL. */
  url(name: string): string | undefined {
    const text = this.text(name);
    if (text === undefined || (/^https?:\/\//.test(text) && URL.canParse(text))) return text;
    // The value itself may carry a password.
    this.problem(`${name} is not an http:// or https:// URL`);
    return undefined;
  }

  oneOf<Word extends string>(name: string, words: readonly Word[], otherwise: Word): Word {
    const text = this.text(name) ?? otherwise;
    const word = words.find((candidate) => candidate === text);
    if (word === undefined) this.problem(`${name} is none of ${words.join(', ')}: ${text}`);
    return word ?? otherwise;
  }

  problem(line: string): void {
    this.#problems.push(line);
  }

  /** @throws ConfigurationError with all problems, if there are any */
  check(): void {
    if (this.#problems.length > 0) throw new ConfigurationError(this.#problems);
  }
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
