/** What stands before every call of the REST interface: credentials, throttling, faults. */
import type { Middleware } from 'koa';
import { LRUCache } from 'lru-cache';
import { UNPARSEABLE, type FaultPanel } from './faults.js';
import { Refusal } from './refusal.js';
import type { Random } from './seeded-random.js';

const MINUTE_MS = 60_000;
/** Any well-formed key is one: without a bound, made-up keys would pile up. */
const KEYS_MAX = 10_000;

interface Headers {
  readonly authorization?: string | undefined;
  readonly 'x-organisation'?: string | string[] | undefined;
}

/**
 * The key that a request carries: `user:key`, or `ak_…` with an organisation; undefined without.
 * @param headers the request's, in lower case
 */
function credentialOf(headers: Headers): string | undefined {
  const authorization = headers.authorization ?? '';
  const older = /^ApiKey ([^\s:]+:\S+)$/.exec(authorization)?.[1];
  const newer = /^Bearer (ak_\S+)$/.exec(authorization)?.[1];
  return older ?? (headers['x-organisation'] ? newer : undefined);
}

/** Answers by the provider's clock, which may differ from this machine's. */
export function dateAnswers(now: () => number): Middleware {
  return async (context, next) => {
    context.set('Date', new Date(now()).toUTCString());
    await next();
  };
}

/** Refuses calls without an accepted key (401). No list: every well-formed key will do. */
export function requireCredentials(apiKeys?: readonly string[]): Middleware {
  const accepted = apiKeys && new Set(apiKeys);
  return async (context, next) => {
    const credential = credentialOf(context.req.headers);
    if (credential === undefined || accepted?.has(credential) === false) {
      throw new Refusal(401, 'Unauthorized');
    }
    await next();
  };
}

function throttled(retryAfterSeconds?: number): Refusal {
  const headers =
    retryAfterSeconds === undefined ? {} : { 'Retry-After': String(retryAfterSeconds) };
  return new Refusal(429, 'Throttled', undefined, headers);
}

/** Refuses calls beyond so many within any minute (429), per key. */
export function limitCalls(callsPerMinute: number): Middleware {
  const calls = new LRUCache<string, number[]>({ max: KEYS_MAX, ttl: MINUTE_MS });
  return async (context, next) => {
    const credential = credentialOf(context.req.headers) ?? '';
    const now = Date.now();
    const recent = (calls.get(credential) ?? []).filter((at) => at > now - MINUTE_MS);
    calls.set(credential, recent);
    if (recent.length >= callsPerMinute) {
      throw throttled(Math.ceil(((recent[0] ?? now) + MINUTE_MS - now) / 1000));
    }
    recent.push(now);
    await next();
  };
}

/** Lets calls fail as the faults in force say. */
export function failOnPurpose(faults: FaultPanel, random: Random): Middleware {
  return async (_context, next) => {
    if (faults.strikes('throttleApi')) throw random() < 0.5 ? throttled() : throttled(1);
    if (faults.strikes('failApi')) throw new Refusal(500, 'Failed on purpose', UNPARSEABLE);
    await next();
  };
}
