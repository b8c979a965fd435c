import { setTimeout as delay } from 'node:timers/promises';
import { ProviderError } from '../provider/provider-error.js';

/** Where the provider throttles us without saying for how long. */
const THROTTLED_PAUSE_MS = 30_000;

/**
 * For activities that ask for many things: being throttled is no answer. They have hours, and the
 * quota is back within a minute; another attempt would spend it on what this one has asked for.
 */
export async function askPatiently<Answer>(
  ask: () => Promise<Answer>,
  signal: AbortSignal,
): Promise<Answer> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ProviderError && error.kind === 'throttled')) throw error;
      await delay(error.retryAfterMs ?? THROTTLED_PAUSE_MS, undefined, { signal });
    }
  }
}
