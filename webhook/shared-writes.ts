/**
 * Lets equal writes that coincide share one. A write that is under way is never joined, because
 * what it announces may already have been acted on: whoever comes meanwhile shares the next one.
 * So for each key at most one write runs and one waits, however many ask.
 */
export function createSharedWrites<Result>(): (
  key: string,
  write: () => Promise<Result>,
) => Promise<Result> {
  const running = new Map<string, Promise<Result>>();
  const waiting = new Map<string, Promise<Result>>();

  function run(key: string, write: () => Promise<Result>): Promise<Result> {
    const done = write().finally(() => {
      if (running.get(key) === done) running.delete(key);
    });
    running.set(key, done);
    return done;
  }

  return (key, write) => {
    const next = waiting.get(key);
    if (next !== undefined) return next;
    const current = running.get(key);
    if (current === undefined) return run(key, write);
    const begin = (): Promise<Result> => {
      waiting.delete(key);
      return run(key, write);
    };
    // The current write's failure belongs to its own callers.
    const queued = current.then(begin, begin);
    waiting.set(key, queued);
    return queued;
  };
}
