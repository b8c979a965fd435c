import fc from 'fast-check';
import { LISTINGS_AT_ONCE, oddListings, startListingFuzz } from './fuzz-listings.js';
import { PARSERS, runParser } from './fuzz-parsers.js';
import { startRouteFuzz, type Tally } from './fuzz-route.js';
import { hostileRequest } from './hostile-requests.js';

/** What to run: cases by target, from one seed. */
export interface FuzzPlan {
  /** A quarter of them go to the route, the rest to the parsers in equal shares. */
  readonly cases: number;
  readonly seed: number;
  /** One of them alone, with all cases; all but `listings` unless told: these take seconds each. */
  readonly target?: string | undefined;
  /** Of a failure: repeats that one case. */
  readonly path?: string | undefined;
}

/** What was run. Failures are thrown, with the command that repeats them. */
export interface FuzzReport {
  readonly cases: number;
  readonly tally: Tally;
}

export const LISTINGS = 'listings';

/** All that take no longer than some milliseconds for a case. */
export const TARGETS: readonly string[] = ['route', ...Object.keys(PARSERS)];

/** Runs a plan. @throws Error with the smallest failing case and how to run it again */
export async function runFuzz(plan: FuzzPlan): Promise<FuzzReport> {
  const targets = plan.target === undefined ? TARGETS : [plan.target];
  let cases = 0;
  const tally: Tally = new Map();
  for (const target of targets) {
    const share = plan.target === undefined ? shareOf(target, plan.cases) : plan.cases;
    const parameters = { numRuns: share, seed: plan.seed, ...(plan.path && { path: plan.path }) };
    const details = await fuzz(target, parameters, tally);
    cases += details.numRuns;
    if (details.failed) throw new Error(failureText(target, share, details));
  }
  return { cases, tally };
}

function shareOf(target: string, cases: number): number {
  const quarter = Math.ceil(cases / 4);
  return target === 'route' ? quarter : Math.ceil((cases - quarter) / Object.keys(PARSERS).length);
}

type Details = fc.RunDetails<unknown>;
type Parameters = Readonly<Pick<fc.Parameters, 'seed' | 'path'>> & { readonly numRuns: number };

async function fuzz(target: string, parameters: Parameters, tally: Tally): Promise<Details> {
  if (target === 'route') return fuzzRoute(parameters, tally);
  return target === LISTINGS ? fuzzListings(parameters) : fuzzParser(target, parameters);
}

async function fuzzRoute(parameters: Parameters, tally: Tally): Promise<Details> {
  const route = await startRouteFuzz();
  try {
    const property = fc.asyncProperty(hostileRequest, (request) => route.check(request));
    return (await fc.check(property, parameters)) as Details;
  } finally {
    for (const [what, count] of route.tally) tally.set(what, count);
    await route.close();
  }
}

/** A case is several listings, read at the same time. */
async function fuzzListings(parameters: Parameters): Promise<Details> {
  const listings = await startListingFuzz();
  try {
    const property = fc.asyncProperty(oddListings, (odd) => listings.check(odd));
    const numRuns = Math.ceil(parameters.numRuns / LISTINGS_AT_ONCE);
    const details = await fc.check(property, { ...parameters, numRuns, endOnFailure: true });
    return { ...(details as Details), numRuns: details.numRuns * LISTINGS_AT_ONCE };
  } finally {
    await listings.close();
  }
}

function fuzzParser(name: string, parameters: Parameters): Details {
  const parser = PARSERS[name];
  if (!parser)
    throw new Error(`no such target: ${name}; there are ${[...TARGETS, LISTINGS].join(', ')}`);
  const property = fc.property(parser.input, (bytes) => {
    runParser(parser, bytes);
  });
  return fc.check(property, parameters) as Details;
}

function failureText(target: string, cases: number, details: Details): string {
  const { seed, counterexamplePath, counterexample, errorInstance } = details;
  const path = counterexamplePath ?? '';
  const shown = JSON.stringify(counterexample, showBuffer).slice(0, 4000);
  const why = errorInstance instanceof Error ? errorInstance.stack : String(errorInstance);
  return [
    `${target} failed on ${shown}`,
    why,
    'Again: npm run fuzz --' + ` --target ${target} --cases ${cases} --seed ${seed} --path ${path}`,
  ].join('\n');
}

/** Bytes as the text that they mostly are. */
function showBuffer(_key: string, value: unknown): unknown {
  const isBuffer = typeof value === 'object' && value !== null && 'data' in value;
  return isBuffer ? Buffer.from(value.data as number[]).toString('latin1') : value;
}
