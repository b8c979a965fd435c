import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import {
  RECONCILIATION_SCHEDULE_ID,
  WORKFLOW_TYPES,
  type ReconciliationReport,
  type ReconciliationScope,
} from '../workflows/contract.js';
import type { Start } from './track-document.js';

/** A run's report, and where it can be looked at. */
export interface ReconciliationRun {
  readonly workflowId: string;
  readonly report: ReconciliationReport;
}

/** Runs one reconciliation beside the nightly ones; resolves with its report. */
export async function reconcile(
  { client, taskQueue }: Start,
  scope: ReconciliationScope,
): Promise<ReconciliationRun> {
  const workflowId = `${RECONCILIATION_SCHEDULE_ID}-on-demand-${randomUUID()}`;
  const report: unknown = await client.workflow.execute(WORKFLOW_TYPES.reconciliation, {
    workflowId,
    taskQueue,
    args: [scope],
    staticSummary: `on demand: ${JSON.stringify(scope)}`,
  });
  return { workflowId, report: report as ReconciliationReport };
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
