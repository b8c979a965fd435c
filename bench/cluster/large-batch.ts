/** One batch larger than a payload may be: as after the provider's longest silence. */
import { WORKFLOW_TYPES } from '../../workflows/contract.js';
import type { CallbackDeliveryResult } from '../../workflows/contract.js';
import { signedBatch } from '../../sandbox/callback-signing.js';
import { deadlineFor } from '../signed-documents.js';
import { untilNothingRuns } from '../until-closed.js';
import type { ClusterStage } from './cluster-stage.js';
import type { Ledger } from './phases.js';
import type { LargeBatch } from './report.js';

/** Some 4 MB as a workflow's input: twice what the server takes in one payload. */
const ENTRIES = 30_000;

/** Tells of signers what is known of them already, 30,000 times in one callback. */
export async function largeBatchPhase(
  stage: ClusterStage,
  { documentIds, failures }: Ledger,
): Promise<LargeBatch> {
  const { client, signal } = stage;
  const beganAt = new Date().toISOString();
  const body = batchBody(stage, documentIds);
  const beganMs = performance.now();
  const { status } = await post(stage, body);
  const acknowledgedMs = performance.now() - beganMs;
  if (status !== 200) failures.note('callbackNotAnswered200', `a large batch: ${status}`);
  await untilNothingRuns(client, deadlineFor(0), signal);
  const query = `WorkflowType = '${WORKFLOW_TYPES.callbackDelivery}' AND StartTime > '${beganAt}'`;
  let [parts, changes] = [0, 0];
  for await (const { workflowId, runId } of client.workflow.list({ query })) {
    const handle = client.workflow.getHandle(workflowId, runId);
    const result = (await handle.result()) as CallbackDeliveryResult;
    parts += 1;
    changes += result.changes;
    for (const { reason, count } of result.setAside) failures.note('entrySetAside', reason, count);
  }
  failures.note('entryLost', `of ${ENTRIES} in a large batch`, ENTRIES - changes);
  return { entries: ENTRIES, bytes: body.body.length, parts, acknowledgedMs };
}

function batchBody({ sandbox }: ClusterStage, documentIds: readonly string[]) {
  const signers = documentIds.flatMap((id) => [...sandbox.document(id).signers]);
  const timestamp = new Date().toISOString().slice(0, 19);
  const entries = Array.from({ length: ENTRIES }, (_, index) => {
    const { id, status } = signers[index % signers.length] ?? { id: '', status: 0 };
    return {
      timestamp,
      name: 'status',
      value: String(status),
      resource_uri: `/api/v1/signer/${id}/`,
    };
  });
  return signedBatch(entries, sandbox.keyPair.privateKey);
}

async function post(
  { balancer }: ClusterStage,
  { headers, body }: ReturnType<typeof signedBatch>,
): Promise<Response> {
  return fetch(`${balancer.url}/callbacks/legalesign`, {
    ...{ method: 'POST', headers },
    body: new Uint8Array(body),
  });
}
