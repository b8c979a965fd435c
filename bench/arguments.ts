import { parseArgs } from 'node:util';
import type { Benchmark, Flag } from './benchmark.js';

/** The command line cannot be understood; the message says why, in a line. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What the command line asks for. */
export type Invocation =
  | { readonly kind: 'help'; readonly text: string }
  | {
      readonly kind: 'run';
      readonly name: string;
      readonly benchmark: Benchmark;
      readonly settings: Readonly<Record<string, number>>;
      readonly json: boolean;
      /** The run is to be kept under bench/results. */
      readonly keep: boolean;
    };

type Benchmarks = Readonly<Record<string, Benchmark>>;

/**
 * Reads `<benchmark> [--flag number …] [--json] [--keep] [--help]`.
 * @throws UsageError for an unknown benchmark or flag, or a value that is none
 */
export function readArguments(words: readonly string[], benchmarks: Benchmarks): Invocation {
  const [name = '', ...rest] = words;
  if (['--help', '-h'].includes(name)) return { kind: 'help', text: overview(benchmarks) };
  const benchmark = Object.hasOwn(benchmarks, name) ? benchmarks[name] : undefined;
  if (!benchmark) {
    const known = Object.keys(benchmarks).join(', ');
    throw new UsageError(
      `${name ? `there is no benchmark ${name}` : 'which benchmark?'} (${known})`,
    );
  }
  const { help, json, keep, ...given } = flagValues(rest, benchmark);
  if (help === true) return { kind: 'help', text: usage(name, benchmark) };
  const settings = Object.entries(benchmark.flags).map(([flag, limits]) => {
    return [flag, wholeNumber(flag, given[flag], limits)] as const;
  });
  return {
    ...{ kind: 'run', name, benchmark, settings: Object.fromEntries(settings) },
    ...{ json: json === true, keep: keep === true },
  };
}

type Values = Readonly<Record<string, string | boolean | undefined>>;

function flagValues(words: readonly string[], { flags }: Benchmark): Values {
  const numbers = Object.keys(flags).map((flag) => [flag, { type: 'string' }] as const);
  try {
    const { values } = parseArgs({
      args: [...words],
      options: {
        ...Object.fromEntries(numbers),
        json: { type: 'boolean' },
        keep: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    return values;
  } catch (error) {
    const [line = ''] = (error as Error).message.split('\n', 1);
    throw new UsageError(line, { cause: error });
  }
}

function wholeNumber(flag: string, text: string | boolean | undefined, limits: Flag): number {
  if (text === undefined) return limits.default;
  const number = typeof text === 'string' && /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (number >= limits.min && number <= limits.max) return number;
  throw new UsageError(
    `--${flag} is not a whole number from ${limits.min} to ${limits.max}: ${String(text)}`,
  );
}

function overview(benchmarks: Benchmarks): string {
  const lines = Object.entries(benchmarks).map(([name, { summary }]) => `  ${name}  ${summary}`);
  return [
    'npm run bench -- <benchmark> [flags] [--json] [--keep]',
    '',
    ...lines,
    '',
    '--json leaves one JSON object on stdout; --keep keeps the run under bench/results;',
    '<benchmark> --help tells its flags.',
  ].join('\n');
}

function usage(name: string, { summary, flags }: Benchmark): string {
  const lines = Object.entries(flags).map(
    ([flag, limits]) => `  --${flag} N`.padEnd(18) + `${limits.help} (${limits.default})`,
  );
  return [
    `npm run bench -- ${name} [flags]`,
    '',
    summary,
    '',
    ...lines,
    '  --json'.padEnd(18) + 'one JSON object on stdout and nothing else',
    '  --keep'.padEnd(18) + 'the run is kept under bench/results, and shown on its page',
  ].join('\n');
}
