import PQueue from 'p-queue';

/**
 * Does all, so many at once. Where one fails, what has not begun never does: another attempt begins
 * it again, and would find the provider or Temporal busy with what this one left behind.
 */
export async function allAtOnce<Result>(
  tasks: readonly (() => Promise<Result>)[],
  concurrency: number,
): Promise<Result[]> {
  const queue = new PQueue({ concurrency });
  try {
    return await queue.addAll(tasks);
  } finally {
    queue.clear();
  }
}
