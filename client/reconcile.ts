import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client, WorkflowHandle } from '@temporalio/client';
import {
  RECONCILIATION_SCHEDULE_ID,
  reconciliationProgressQuery,
  WORKFLOW_TYPES,
  type ReconciliationProgress,
  type ReconciliationReport,
  type ReconciliationScope,
} from '../workflows/contract.js';
import { isTooLate } from './answer-limit.js';
import { waiting } from './follow-document.js';
import type { WaitOptions } from './follow-document.js';
import type { Start } from './track-document.js';

/** A run's report, and where it can be looked at. */
export interface ReconciliationRun {
  readonly workflowId: string;
  readonly report: ReconciliationReport;
}

/** The signal ends the waiting, not the run. */
export interface ReconcileOptions extends WaitOptions {
  /**
   * Hears of the run once it is begun, and every second how far it is; without `progress` where
   * none was told for ten seconds: no worker runs, or those that do are far behind.
   */
  readonly onProgress?: (workflowId: string, progress?: ReconciliationProgress) => void;
}

const ASK_EVERY_MS = 1_000;
const ANSWER_LIMIT_MS = 10_000;

/** Runs one reconciliation beside the nightly ones; resolves with its report. */
export async function reconcile(
  { client, taskQueue }: Start,
  scope: ReconciliationScope,
  { onProgress, ...options }: ReconcileOptions = {},
): Promise<ReconciliationRun> {
  const workflowId = `${RECONCILIATION_SCHEDULE_ID}-on-demand-${randomUUID()}`;
  const handle = await client.workflow.start(WORKFLOW_TYPES.reconciliation, {
    workflowId,
    taskQueue,
    args: [scope],
    staticSummary: `on demand: ${JSON.stringify(scope)}`,
  });
  const isOver = new AbortController();
  const ended = waiting(client, options, () => handle.result()).finally(() => {
    isOver.abort();
  });
  const told = onProgress && tellProgress(client, handle, onProgress, isOver.signal);
  const [report] = await Promise.all([ended as Promise<ReconciliationReport>, told]);
  return { workflowId, report };
}

async function tellProgress(
  client: Client,
  handle: WorkflowHandle,
  onProgress: NonNullable<ReconcileOptions['onProgress']>,
  isOver: AbortSignal,
): Promise<void> {
  const ask = (): Promise<ReconciliationProgress> =>
    client.withDeadline(Date.now() + ANSWER_LIMIT_MS, () =>
      handle.query(reconciliationProgressQuery),
    );
  const goesOn = (): boolean => !isOver.aborted;
  onProgress(handle.workflowId);
  while (goesOn()) {
    let progress: ReconciliationProgress | undefined;
    let isTold = true;
    try {
      progress = await waiting(client, { signal: isOver }, ask);
    } catch (error) {
      // Any other trouble the run's own end tells of, if it lasts.
      isTold = isTooLate(error, true);
    }
    if (isTold && goesOn()) onProgress(handle.workflowId, progress);
    await delay(ASK_EVERY_MS, undefined, { signal: isOver }).catch(() => undefined);
  }
}

/** The report of the latest run that has come to its end; undefined where there is none. */
export async function lastReconciliation(client: Client): Promise<ReconciliationRun | undefined> {
  const query = `WorkflowType = '${WORKFLOW_TYPES.reconciliation}' AND ExecutionStatus = 'Completed'`;
  for await (const { workflowId, runId } of client.workflow.list({ query, pageSize: 1 })) {
    const report: unknown = await client.workflow.getHandle(workflowId, runId).result();
    return { workflowId, report: report as ReconciliationReport };
  }
  return undefined;
}
