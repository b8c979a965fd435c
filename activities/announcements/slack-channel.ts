import { ApplicationFailure } from '@temporalio/common';
import { LRUCache } from 'lru-cache';
import { FAILURE_TYPES, idempotencyKey } from '../../workflows/contract.js';
import type { Channel } from './channel.js';
import { createHttpPoster } from './http-poster.js';
import { slackMessage } from './slack-message.js';

/** Slack gives a wait with every 429; should it not, this one. */
const DEFAULT_WAIT_MS = 30_000;

/** Slack takes one message a second from an incoming webhook, and short bursts. */
const PACE_MS = 1_000;

/** Messages remembered as taken: enough for every activity that is attempted again. */
const REMEMBERED = 10_000;

/** What a Slack channel is made with. */
export interface SlackChannelOptions {
  /** Of an incoming webhook; the whole URL is a secret. */
  readonly url: string;
  /** For the whole exchange. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Events as messages to an incoming webhook of Slack. Once Slack asks to slow down, nothing more is
 * sent until the time it gave. Slack knows no idempotency key: what this process knows to be taken
 * is not sent again, but after a crash or an answer lost on the way a message may appear twice.
 * @throws Error where the URL is not one of HTTP
 */
export function createSlackChannel({ url, timeoutMs }: SlackChannelOptions): Channel {
  const poster = createHttpPoster({ url, setting: 'NOTIFY_SLACK_URL', timeoutMs });
  const taken = new LRUCache<string, true>({ max: REMEMBERED });
  // By a clock that nobody sets.
  let quietUntilMs = 0;
  let lastTurnMs = 0;

  /** Those that wait come back one by one. */
  function checkQuiet(): void {
    const nowMs = performance.now();
    if (nowMs >= quietUntilMs) return;
    lastTurnMs = Math.max(lastTurnMs, quietUntilMs) + PACE_MS;
    throw ApplicationFailure.create({
      type: FAILURE_TYPES.throttled,
      message: 'Slack asked to slow down.',
      nextRetryDelay: lastTurnMs - nowMs,
    });
  }

  function noteQuiet(error: unknown): void {
    if (!(error instanceof ApplicationFailure) || error.type !== FAILURE_TYPES.throttled) return;
    const nextRetryDelay: unknown = error.nextRetryDelay;
    const waitMs = typeof nextRetryDelay === 'number' ? nextRetryDelay : DEFAULT_WAIT_MS;
    quietUntilMs = Math.max(quietUntilMs, performance.now() + waitMs);
  }

  return {
    name: 'slack',
    async announce(announcement, { signal }) {
      const key = idempotencyKey(announcement);
      if (taken.has(key)) return;
      checkQuiet();
      try {
        await poster.post(JSON.stringify(slackMessage(announcement)), {}, signal);
      } catch (error) {
        noteQuiet(error);
        throw error;
      }
      taken.set(key, true);
    },
    close() {
      poster.close();
    },
  };
}
