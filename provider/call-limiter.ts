import { setTimeout as wait } from 'node:timers/promises';
import PQueue from 'p-queue';
import { ProviderError } from './provider-error.js';

const MINUTE_MS = 60_000;

/** Bounds on what one client sends. */
export interface CallLimits {
  /** Calls in flight at once; a download counts until its first byte. */
  readonly concurrency: number;
  /** Calls started in any 60 seconds; unlimited when undefined. */
  readonly callsPerMinute?: number | undefined;
  /** A pause longer than this fails calls at once, instead of holding their callers up. */
  readonly maxHoldMs: number;
}

/** One valve before every call of a client. */
export interface CallLimiter {
  /**
   * Runs the call when its turn has come and no pause is on.
   * @throws ProviderError `throttled` where a pause would hold it for longer than `maxHoldMs`
   */
  run<T>(asked: string, call: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Starts no call for this long; a pause already longer stands. */
  pause(durationMs: number): void;
}

/** A valve with the given bounds. */
export function createCallLimiter(limits: CallLimits): CallLimiter {
  const { concurrency, callsPerMinute, maxHoldMs } = limits;
  const rate =
    callsPerMinute === undefined
      ? {}
      : { intervalCap: callsPerMinute, interval: MINUTE_MS, strict: true };
  const queue = new PQueue({ concurrency, ...rate });
  // A clock that nobody sets: a wall clock put back would lengthen a pause by as much.
  let pausedUntilMs = 0;

  // Inside the queue's turn, so that what was queued before the pause waits as well.
  async function passGate(asked: string, signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      const leftMs = pausedUntilMs - performance.now();
      if (leftMs <= 0) return;
      if (leftMs > maxHoldMs) throw pausedError(asked, leftMs);
      await wait(leftMs, undefined, { signal });
    }
  }

  return {
    async run(asked, call, signal) {
      signal?.throwIfAborted();
      let underWay: ReturnType<typeof call> | undefined;
      const turn = async (): ReturnType<typeof call> => {
        await passGate(asked, signal);
        underWay = call();
        return underWay;
      };
      try {
        return await queue.add(turn, { signal });
      } catch (error) {
        // The queue gives up at once; what became of a call that has begun, only that call knows.
        if (underWay === undefined) throw error;
        return underWay;
      }
    },
    pause(durationMs) {
      pausedUntilMs = Math.max(pausedUntilMs, performance.now() + durationMs);
    },
  };
}

function pausedError(asked: string, retryAfterMs: number): ProviderError {
  const came = 'was not sent: the provider throttles us';
  return new ProviderError({ kind: 'throttled', asked, came, retryAfterMs });
}
