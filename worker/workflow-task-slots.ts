/** How many Workflow Tasks a worker takes at once: no more than its thread is kept busy with. */
import type { WorkerOptions } from '@temporalio/worker';
import type { NamespaceConnection } from './permissions.js';

/**
 * One thread runs all workflows, one task after the other. A task that is taken and waits for it
 * has been started: what a document hears meanwhile costs a task more, and a server with little to
 * spare works for tasks that wait instead of for the webhook's writes.
 */
const AT_LEAST = 2;

/** The SDK's own figures, and the most that distance alone asks for. */
export const SDK_SLOTS = 40;
const SDK_POLLS = 10;

/** What one takes the thread, about (docs/performance.md). */
const TASK_MS = 5;

/** The quickest counts: one may wait for a connection or for other work of this process. */
const ROUND_TRIPS = 5;
const ANSWER_MS = 10_000;

/** Where `WORKER_CONCURRENT_WORKFLOW_TASKS` says nothing. */
export async function measuredSlots(connection: NamespaceConnection): Promise<number> {
  return workflowTaskSlotsFor(await roundTripMs(connection));
}

/** For a server so far away. */
export function workflowTaskSlotsFor(roundTripMs: number): number {
  // A task comes by one trip and is answered by the next, and so long its slot is taken. A server
  // that has much to do answers within some ms, too, and is not far away for that.
  const underWay = 2 * Math.floor(roundTripMs / TASK_MS);
  return Math.min(AT_LEAST + underWay, SDK_SLOTS);
}

/** As the worker takes them. @param given more of its options: a tuner has its own way to say it */
export function workflowTaskOptions(
  slots: number,
  given: Pick<WorkerOptions, 'tuner'> = {},
): Pick<WorkerOptions, 'maxConcurrentWorkflowTaskExecutions' | 'maxConcurrentWorkflowTaskPolls'> {
  if (given.tuner) return {};
  return {
    maxConcurrentWorkflowTaskExecutions: slots,
    maxConcurrentWorkflowTaskPolls: Math.min(slots, SDK_POLLS),
  };
}

/** How far away the server is, in ms: of a question that it answers from memory. */
export async function roundTripMs(connection: NamespaceConnection): Promise<number> {
  const { workflowService } = connection;
  let quickest = Infinity;
  for (let asked = 0; asked < ROUND_TRIPS; asked += 1) {
    const beganMs = performance.now();
    await connection.withDeadline(Date.now() + ANSWER_MS, () => workflowService.getSystemInfo({}));
    quickest = Math.min(quickest, performance.now() - beganMs);
  }
  return quickest;
}
