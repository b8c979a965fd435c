import { FAILURE_TYPES } from '../workflows/contract.js';
import type { Activities } from '../workflows/contract.js';
import { permanent } from './failures.js';

/** Temporal refuses a payload of 2 MiB; encryption needs some bytes of its own. */
const RESULT_MAX_BYTES = 2_000_000;

/**
 * The activities, each of which fails for good where its result would fit no payload. Told by the
 * server alone it would be tried again, with all its effects, until its patience ends.
 */
export function withinPayload(activities: Activities): Activities {
  const entries = Object.entries(activities) as [
    string,
    (...input: unknown[]) => Promise<unknown>,
  ][];
  return Object.fromEntries(
    entries.map(([name, activity]) => [
      name,
      async (...input: unknown[]) => requireSize(name, await activity(...input)),
    ]),
  ) as unknown as Activities;
}

function requireSize(name: string, result: unknown): unknown {
  const bytes = result === undefined ? 0 : Buffer.byteLength(JSON.stringify(result));
  if (bytes <= RESULT_MAX_BYTES) return result;
  throw permanent(
    FAILURE_TYPES.requestRefused,
    `The result of ${name} has ${bytes} bytes, more than the ${RESULT_MAX_BYTES} that Temporal ` +
      'takes as one payload.',
  );
}
