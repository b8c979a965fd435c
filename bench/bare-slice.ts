/** One slice of the bare side, and what it is made like. */
import { randomUUID } from 'node:crypto';
import PQueue from 'p-queue';
import { documentWorkflowId } from '../workflows/contract.js';
import { bare, poked } from './bare-workflow.js';
import type { BareShape } from './bare-workflow.js';
import type { BenchStage } from './bench-stage.js';
import { CREATING_AT_ONCE, deadlineFor } from './signed-documents.js';
import { median } from './statistics.js';
import { untilClosed } from './until-closed.js';

/** As many as the sandbox has callbacks in flight. */
const SIGNALLING_AT_ONCE = 8;

/** So many histories show what is usual. */
const SAMPLE = 25;

/** The median document's signals and activities. */
export async function bareShapeOf(
  { client }: BenchStage,
  documentIds: readonly string[],
): Promise<BareShape> {
  const signals: number[] = [];
  const activities: number[] = [];
  for (const id of documentIds.slice(0, SAMPLE)) {
    const { events } = await client.workflow.getHandle(documentWorkflowId(id)).fetchHistory();
    const known = events ?? [];
    signals.push(known.filter((event) => event.workflowExecutionSignaledEventAttributes).length);
    activities.push(known.filter((event) => event.activityTaskScheduledEventAttributes).length);
  }
  return { signals: Math.round(median(signals)), activities: Math.round(median(activities)) };
}

/**
 * Starts and signals as many bare workflows, with as much in flight as on our side.
 * @returns from before the first start until the last was seen closed, in ms
 */
export async function runBareSlice(
  { client, bareTaskQueue: taskQueue, signal }: BenchStage,
  count: number,
  shape: BareShape,
): Promise<{ readonly durationMs: number }> {
  const starting = new PQueue({ concurrency: CREATING_AT_ONCE });
  const signalling = new PQueue({ concurrency: SIGNALLING_AT_ONCE });
  const deadlineMs = deadlineFor(count);
  const beganMs = performance.now();
  const runOne = async (): Promise<string> => {
    signal.throwIfAborted();
    const workflowId = `bare:${randomUUID()}`;
    const handle = await client.workflow.start(bare, { workflowId, taskQueue, args: [shape] });
    for (let sent = 0; sent < shape.signals; sent += 1) {
      void signalling.add(() => handle.signal(poked));
    }
    return workflowId;
  };
  const workflowIds = await starting.addAll(Array.from({ length: count }, () => runOne));
  const [open] = await Promise.all([
    untilClosed(client, workflowIds, deadlineMs, signal),
    signalling.onIdle(),
  ]);
  if (open.length > 0) throw new Error(`${open.length} bare workflows did not close`);
  return { durationMs: performance.now() - beganMs };
}
