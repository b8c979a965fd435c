import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import {
  documentWorkflowId,
  WORKFLOW_TYPES,
  type ReconciliationInput,
  type ReconciliationReport,
  type SigningOutcome,
} from '../workflows/contract.js';
import { openStage, type Stage } from './support/stage.js';
import { until } from './support/until.js';

let stage: Stage;

before(async () => {
  stage = await openStage({ environment: { RECONCILE_PAGE_SIZE: '20' } });
});

after(() => stage.close());

async function reconcile(input: ReconciliationInput = {}): Promise<ReconciliationReport> {
  return (await stage.client.workflow.execute(WORKFLOW_TYPES.reconciliation, {
    workflowId: `reconciliation-${randomUUID()}`,
    taskQueue: stage.taskQueue,
    args: [input],
  })) as ReconciliationReport;
}

/** Nothing under way: what was sent is delivered, and visibility shows it. */
async function settled(): Promise<void> {
  await stage.sandbox.flushCallbacks();
  await stage.sandbox.idle();
  const running = `WorkflowType = '${WORKFLOW_TYPES.callbackDelivery}' AND ExecutionStatus = 'Running'`;
  await until(async () => (await stage.client.workflow.count(running)).count === 0);
}

/** Their workflows run, and have had the provider's answer to their first question. */
async function known(ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const handle = stage.client.workflow.getHandle(documentWorkflowId(id));
    await until(async () =>
      (await handle.fetchHistory()).events?.some(
        (event) => event.activityTaskCompletedEventAttributes,
      ),
    );
  }
}

/** Documents whose signers have gone some way, known by their callbacks. */
async function documents(count: number): Promise<string[]> {
  const created = stage.sandbox.createDocuments(count, { signers: 2 });
  for (const { signers } of created) stage.sandbox.advanceSigner(signers[0] ?? '');
  await settled();
  const ids = created.map(({ id }) => id);
  await known(ids);
  return ids;
}

describe('a reconciliation', () => {
  test('finds nothing where every callback arrived, and costs no document an event', async () => {
    const [id = ''] = await documents(30);
    const first = await reconcile();
    assert.equal(first.documents, 30);
    assert.equal(first.isComplete, true);
    assert.deepEqual(first.failedParts, []);
    const handle = stage.client.workflow.getHandle(documentWorkflowId(id));
    const before = (await handle.fetchHistory()).events?.length;
    const second = await reconcile();
    assert.equal(second.counts.repairedDocuments, 0);
    assert.equal(second.missedChanges, 0);
    assert.equal((await handle.fetchHistory()).events?.length, before);
  });

  test('repairs what callbacks missed, counts it as the sandbox does, and finds nothing after', async () => {
    const silent = stage.sandbox.createDocuments(5, { signers: 3, muted: 1 });
    const created = [...silent, ...stage.sandbox.createDocuments(15, { signers: 3 })];
    await settled();
    await known(created.slice(5).map(({ id }) => id));
    // Changes of one second in two batches have no order that a receiver could know.
    // A document's own times run ahead of the clock by a millisecond for each of its changes.
    const modifiedMs = stage.sandbox.documents().map(({ modified }) => modified);
    const second = Math.floor(Math.max(Date.now(), ...modifiedMs) / 1000);
    await until(() => Math.floor(Date.now() / 1000) > second);
    for (const { id } of created.slice(5, 10)) stage.sandbox.muteDocument(id);
    for (const { signers } of created) stage.sandbox.advanceSigner(signers[0] ?? '');
    await settled();
    const losses = stage.sandbox.losses();
    assert.ok(losses.changes >= 15);
    const report = await reconcile();
    assert.equal(report.missedChanges, losses.changes);
    assert.equal(report.counts.adopted, 5);
    assert.equal(report.counts.missedDocuments, losses.documents);
    for (const { id } of created) {
      const progress = await stage.countersign.progress(id);
      for (const signer of progress.signers) {
        assert.equal(signer.number, stage.sandbox.signer(signer.id).status);
      }
    }
    const again = await reconcile();
    assert.equal(again.missedChanges, 0);
    assert.equal(again.counts.repairedDocuments, 0);
  });

  test('finds a document that was finished and archived unheard', async () => {
    const [id = ''] = await documents(1);
    stage.sandbox.muteDocument(id);
    await stage.sandbox.completeDocument(id);
    await settled();
    const report = await reconcile();
    assert.equal(report.isComplete, true);
    const outcome = (await stage.client.workflow
      .getHandle(documentWorkflowId(id))
      .result()) as SigningOutcome;
    assert.equal(outcome.kind, 'completed');
  });

  test('of one document looks at that one alone', async () => {
    const [id = ''] = await documents(1);
    stage.sandbox.muteDocument(id);
    stage.sandbox.advanceSigner(stage.sandbox.document(id).signers[1]?.id ?? '', {
      status: 'visited',
    });
    const report = await reconcile({ documentId: id });
    assert.equal(report.pages, 0);
    assert.equal(report.missedChanges, 1);
  });
});
