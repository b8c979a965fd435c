/** Looks at everything a run left: histories, archive, announcements. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultPayloadConverter } from '@temporalio/common';
import PQueue from 'p-queue';
import { documentWorkflowId, WORKFLOW_TYPES } from '../workflows/contract.js';
import type { CallbackDeliveryResult, SigningOutcome } from '../workflows/contract.js';
import type { SigningStage } from './bench-stage.js';
import type { FailureTally } from './failure-tally.js';
import { sumOf, temporalActions } from './temporal-actions.js';
import type { ActionCount, HistoryEvent } from './temporal-actions.js';

const FETCHING_AT_ONCE = 8;

/** Actions by Workflow Type. */
export type ActionsByType = ReadonlyMap<string, readonly ActionCount[]>;

interface Run {
  readonly workflowId: string;
  readonly runId: string;
  readonly type: string;
}

/** Checks all workflows of the run and counts what they cost. */
export async function inspectWorkflows(
  stage: SigningStage,
  documentIds: readonly string[],
  failures: FailureTally,
): Promise<ActionsByType> {
  const runs = await listRuns(stage);
  noteReopened(runs, documentIds, failures);
  const actions = new Map<string, readonly ActionCount[]>();
  const queue = new PQueue({ concurrency: FETCHING_AT_ONCE });
  const inspect = async ({ workflowId, runId, type }: Run): Promise<void> => {
    stage.signal.throwIfAborted();
    const { events } = await stage.client.workflow.getHandle(workflowId, runId).fetchHistory();
    const known = events ?? [];
    actions.set(type, sumOf([...(actions.get(type) ?? []), ...temporalActions(known)]));
    noteResult(type, workflowId, known.at(-1), failures);
  };
  await queue.addAll(runs.map((run) => () => inspect(run)));
  return actions;
}

async function listRuns({ client }: SigningStage): Promise<readonly Run[]> {
  const types = Object.values(WORKFLOW_TYPES).map((type) => `'${type}'`);
  const query = `WorkflowType IN (${types.join(', ')})`;
  const runs: Run[] = [];
  for await (const { workflowId, runId, type } of client.workflow.list({ query })) {
    runs.push({ workflowId, runId, type });
  }
  return runs;
}

/** No run here has so many signals that it would continue as new: a second one is a second life. */
function noteReopened(
  runs: readonly Run[],
  documentIds: readonly string[],
  failures: FailureTally,
): void {
  const counts = new Map(documentIds.map((id) => [documentWorkflowId(id), 0]));
  const once = runs.filter(({ type }) => type !== WORKFLOW_TYPES.reconciliation);
  for (const { workflowId } of once) counts.set(workflowId, (counts.get(workflowId) ?? 0) + 1);
  for (const [workflowId, count] of counts) {
    if (count !== 1) failures.note('workflowReopened', `${workflowId} has ${count} runs`);
  }
}

function noteResult(
  type: string,
  workflowId: string,
  last: HistoryEvent | undefined,
  failures: FailureTally,
): void {
  const payload = last?.workflowExecutionCompletedEventAttributes?.result?.payloads?.[0];
  const result: unknown = payload ? defaultPayloadConverter.fromPayload(payload) : undefined;
  if (type === WORKFLOW_TYPES.documentSigning) {
    const kind = (result as SigningOutcome | undefined)?.kind;
    if (kind !== 'completed') failures.note('outcomeNotCompleted', `${workflowId}: ${kind ?? '–'}`);
    return;
  }
  if (type !== WORKFLOW_TYPES.callbackDelivery) return;
  for (const { reason, count } of (result as CallbackDeliveryResult | undefined)?.setAside ?? []) {
    failures.note('entrySetAside', `${workflowId}: ${reason}`, count);
  }
}

/** Hashes every archived PDF anew, from the disk. */
export async function inspectArchive(
  { archiveFolder, sandbox }: Pick<SigningStage, 'archiveFolder' | 'sandbox'>,
  documentIds: readonly string[],
  failures: FailureTally,
): Promise<void> {
  for (const id of documentIds) {
    const read = (name: string): Promise<Buffer> => readFile(join(archiveFolder, id, name));
    const sizeOf = async (name: string): Promise<number> => (await read(name)).length;
    const sha256 = await orProblem(
      read('document.pdf').then((pdf) => createHash('sha256').update(pdf).digest('hex')),
    );
    if (sha256 !== sandbox.document(id).hash) failures.note('pdfDiffers', `${id}: ${sha256}`);
    const auditLog = await orProblem(sizeOf('audit-log.pdf'));
    if (!(Number(auditLog) > 0)) failures.note('auditLogMissing', `${id}: ${auditLog}`);
    const receipt = await orProblem(sizeOf('receipt.json'));
    if (!(Number(receipt) > 0)) failures.note('receiptMissing', `${id}: ${receipt}`);
  }
}

/** A file that cannot be read is what is looked for: its failure is the finding. */
async function orProblem<Value>(reading: Promise<Value>): Promise<Value | string> {
  return reading.catch(String);
}

/** Every document announced as completed, once, and of nothing else. */
export function inspectAnnouncements(
  { receiver }: Pick<SigningStage, 'receiver'>,
  documentIds: readonly string[],
  failures: FailureTally,
): void {
  const expected = new Set(documentIds.map((id) => `${id}/document.completed`));
  for (const key of new Set([...expected, ...receiver.deliveries.keys()])) {
    const count = receiver.deliveries.get(key) ?? 0;
    const wanted = expected.has(key) ? 1 : 0;
    if (count !== wanted) failures.note('announcementNotOnce', `${key}: ${count} deliveries`);
  }
  for (const reason of receiver.unverified) failures.note('announcementUnverified', reason);
}
