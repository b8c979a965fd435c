import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 50;

/** For what other processes do, on a machine that is busy with other tests too. */
const LIMIT_MS = 60_000;

/** Asks until the answer is something. @throws when that takes too long */
export async function until<Answer>(
  ask: () => Answer | undefined | false | Promise<Answer | undefined | false>,
  limitMs = LIMIT_MS,
): Promise<Answer> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > deadline) throw new Error(`not within ${limitMs} ms: ${String(ask)}`);
    await delay(POLL_MS);
  }
}
