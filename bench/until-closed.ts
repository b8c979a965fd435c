import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowFailedError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import PQueue from 'p-queue';

/** Each waits in a long poll of its own; most workflows have ended when their turn comes. */
const WAITING_AT_ONCE = 20;

const COUNT_EVERY_MS = 200;

/**
 * Resolves when every workflow is closed, however it ended.
 * @param deadlineMs milliseconds since the epoch: those still open then are given up
 * @returns the IDs of those that could not be seen to close
 */
export async function untilClosed(
  client: Client,
  workflowIds: readonly string[],
  deadlineMs: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const queue = new PQueue({ concurrency: WAITING_AT_ONCE });
  const open: string[] = [];
  const wait = async (workflowId: string): Promise<void> => {
    try {
      await client.withDeadline(deadlineMs, () =>
        client.withAbortSignal(AbortSignal.any([signal]), () =>
          client.workflow.getHandle(workflowId).result(),
        ),
      );
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof WorkflowFailedError)) open.push(workflowId);
    }
  };
  await queue.addAll(workflowIds.map((workflowId) => () => wait(workflowId)));
  return open;
}

/**
 * Resolves when visibility, which trails, shows nothing running twice in a row.
 * @param deadlineMs milliseconds since the epoch
 * @returns how many still run; 0 unless the deadline passed
 */
export async function untilNothingRuns(
  client: Client,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<number> {
  let seen = '';
  for (;;) {
    const { count: running } = await client.workflow.count("ExecutionStatus = 'Running'");
    const { count: all } = await client.workflow.count();
    const now = `${running} of ${all}`;
    if (Date.now() > deadlineMs || (running === 0 && now === seen)) return running;
    seen = now;
    await delay(COUNT_EVERY_MS, undefined, { signal });
  }
}
