/** Runs of the reconciliation on a stage, and what there is to see of them. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { defaultPayloadConverter } from '@temporalio/common';
import {
  documentWorkflowId,
  WORKFLOW_TYPES,
  type CallbackDeliveryInput,
  type CallbackDeliveryResult,
  type ReconcilePageInput,
  type ReconciliationInput,
  type ReconciliationReport,
} from '../../workflows/contract.js';
import { openStage, type Stage, type StageOptions } from './stage.js';

/** On a stage whose sandbox's callbacks reach nobody: all there is, a run has to find. */
export async function withSilentStage(
  options: StageOptions,
  use: (stage: Stage) => Promise<void>,
): Promise<void> {
  const stage = await openStage({ subscribes: false, ...options });
  try {
    await use(stage);
  } finally {
    await stage.close();
  }
}

/** A run under way. */
export interface StartedRun {
  readonly workflowId: string;
  readonly report: Promise<ReconciliationReport>;
}

/** Starts a run; nobody else has its ID. */
export async function startReconciliation(
  { client, taskQueue }: Stage,
  input: ReconciliationInput = {},
): Promise<StartedRun> {
  const workflowId = `reconciliation-${randomUUID()}`;
  const handle = await client.workflow.start(WORKFLOW_TYPES.reconciliation, {
    ...{ workflowId, taskQueue, args: [input] },
  });
  return { workflowId, report: handle.result() as Promise<ReconciliationReport> };
}

/** A whole run. */
export async function reconcile(
  stage: Stage,
  input: ReconciliationInput = {},
): Promise<ReconciliationReport> {
  return (await startReconciliation(stage, input)).report;
}

/** Whether a document has a workflow. */
export async function isTracked({ client }: Stage, documentId: string): Promise<boolean> {
  try {
    await client.workflow.getHandle(documentWorkflowId(documentId)).describe();
    return true;
  } catch {
    return false;
  }
}

/** Offsets of the pages that a run asked for so far, and how many of them were answered. */
export async function pagesOf(
  { client }: Stage,
  workflowId: string,
): Promise<{ readonly offsets: readonly number[]; readonly answered: number }> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const pages = new Map<string, number>();
  let answered = 0;
  for (const { eventId, ...event } of events ?? []) {
    const scheduled = event.activityTaskScheduledEventAttributes;
    const payload = scheduled?.input?.payloads?.[0];
    if (scheduled?.activityType?.name === 'reconcilePage' && payload) {
      const { offset } = defaultPayloadConverter.fromPayload<ReconcilePageInput>(payload);
      pages.set(String(eventId), offset);
    }
    const completed = event.activityTaskCompletedEventAttributes?.scheduledEventId;
    if (completed && pages.has(String(completed))) answered += 1;
  }
  return { offsets: [...pages.values()], answered };
}

/** A delivery that ends with its one entry set aside. @returns its Workflow ID */
export async function deliverInVain(
  { client, taskQueue }: Stage,
  signerId: string,
): Promise<string> {
  const at = new Date().toISOString();
  const input: CallbackDeliveryInput = {
    source: 'batch',
    receivedAt: at,
    changes: [{ subject: 'signer', id: signerId, status: 'visited', at, position: 0 }],
    setAside: [],
  };
  const workflowId = `callback:${randomUUID()}`;
  const result: unknown = await client.workflow.execute(WORKFLOW_TYPES.callbackDelivery, {
    ...{ workflowId, taskQueue, args: [input] },
  });
  assert.equal((result as CallbackDeliveryResult).setAside.length, 1);
  return workflowId;
}
