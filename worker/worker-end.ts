import type { Worker } from '@temporalio/worker';
import { setTimeout as delay } from 'node:timers/promises';

const LOOK_EVERY_MS = 1_000;

/** So long a worker that failed may take to come to its end in order. */
const END_GRACE_MS = 5_000;

/**
 * Runs a worker until it is shut down, or until its polling breaks. The SDK's own worker, when one
 * of its pollers gives up (an API key that expired, say), waits for the other one for ever: a
 * process that lives, and does half of its work.
 */
export async function runToItsEnd(worker: Pick<Worker, 'run' | 'getState'>): Promise<void> {
  const looking = new AbortController();
  try {
    await Promise.race([worker.run(), brokenWorker(worker, looking.signal)]);
  } finally {
    looking.abort();
  }
}

async function brokenWorker(
  worker: Pick<Worker, 'getState'>,
  signal: AbortSignal,
): Promise<undefined> {
  const wait = (ms: number): Promise<void> => delay(ms, undefined, { ref: false, signal });
  try {
    while (worker.getState() !== 'FAILED') await wait(LOOK_EVERY_MS);
    await wait(END_GRACE_MS);
  } catch {
    // The worker has come to its end by itself.
    return undefined;
  }
  throw new Error(
    'Temporal lets this worker poll no longer, as the log says above: mend that (TEMPORAL_API_KEY, ' +
      'TEMPORAL_ADDRESS), and start it again',
  );
}
