import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { documentWorkflowId, statusChangedSignal, WORKFLOW_TYPES } from '../workflows/contract.js';
import { openReceiver, type Receiver } from './support/receiver.js';
import { deliverInVain, isTracked, reconcile, withSilentStage } from './support/reconciling.js';
import type { Stage } from './support/stage.js';
import { until } from './support/until.js';

let receiver: Receiver;

before(async () => {
  receiver = await openReceiver();
});

after(() => receiver.close());

/** Visibility lags. */
async function untilEnded({ client }: Stage, type: string): Promise<void> {
  const query = `WorkflowType = '${type}' AND ExecutionStatus = 'Completed'`;
  await until(async () => (await client.workflow.count(query)).count === 1);
}

function reasonsOf(type: string): string[] {
  return receiver.messages
    .filter((message) => message.type === type)
    .map(({ data }) => String(data['reason']));
}

test('entries set aside by hundreds of deliveries are all tried again, the oldest too', async () => {
  await withSilentStage({ environment: { CALLBACK_RETRY_PAUSES: '1ms' } }, async (stage) => {
    const [created] = stage.sandbox.createDocuments(1, { signers: 1 });
    stage.sandbox.changeFaults({ failApi: 1 });
    await deliverInVain(stage, created?.signers[0] ?? '');
    stage.sandbox.replaceFaults();
    await Promise.all(Array.from({ length: 110 }, () => deliverInVain(stage, randomUUID())));
    const query = `WorkflowType = '${WORKFLOW_TYPES.callbackDelivery}' AND EntriesSetAside > 0`;
    await until(async () => (await stage.client.workflow.count(query)).count === 111);
    const { setAside } = await reconcile(stage);
    assert.deepEqual(
      { ...setAside, examples: setAside.examples.length },
      { deliveries: 111, redelivered: 1, remaining: 110, examples: 20, hasMore: false },
    );
  });
});

test('a document that ended here otherwise than the provider says is an alarm, once', async () => {
  const environment = {
    NOTIFY_WEBHOOK_URL: receiver.url,
    NOTIFY_WEBHOOK_SECRETS: receiver.secret,
    RECONCILE_ALARM_CHANGES: '1000',
    RECONCILE_ALARM_SHARE: '100%',
    // The other listing does not show what is archived.
    RECONCILE_GROUPS: 'sales',
    RECONCILE_LISTING: 'groups',
  };
  await withSilentStage({ environment }, async (stage) => {
    const { countersign, sandbox, client } = stage;
    const { id } = sandbox.createDocument({ signers: 1, group: 'sales' });
    await countersign.trackDocument(id);
    // As whoever has the provider's key could.
    const at = new Date().toISOString();
    await client.workflow.getHandle(documentWorkflowId(id)).signal(statusChangedSignal, {
      source: 'batch',
      changes: [{ subject: 'document', id, status: 'rejected', at, position: 0 }],
    });
    assert.equal((await countersign.waitForOutcome(id)).kind, 'rejected');
    await untilEnded(stage, WORKFLOW_TYPES.documentSigning);
    await sandbox.completeDocument(id);
    // The provider tells times in whole seconds: its change is to be before the run.
    await until(() => Date.now() > sandbox.document(id).modified + 2_000);
    const report = await reconcile(stage);
    assert.equal(report.counts.contradicted, 1);
    assert.match(report.examples[0]?.what ?? '', /ended here as rejected, .* says completed/);
    assert.equal(reasonsOf('reconciliation.alarm').length, 1);
    assert.match(reasonsOf('reconciliation.alarm')[0] ?? '', /otherwise than how 1 documents/);
    await untilEnded(stage, WORKFLOW_TYPES.reconciliation);
    assert.equal((await reconcile(stage)).counts.contradicted, 1);
    assert.equal(reasonsOf('reconciliation.alarm').length, 1);
  });
});

test('by groups, too: what was finished and archived since the last run is found', async () => {
  const environment = { RECONCILE_GROUPS: 'sales', RECONCILE_LISTING: 'groups' };
  await withSilentStage({ environment }, async (stage) => {
    const { countersign, sandbox } = stage;
    const followed = sandbox.createDocument({ signers: 2, group: 'sales' });
    const first = await reconcile(stage);
    assert.equal(first.listing, 'groups');
    assert.equal(first.counts.adopted, 1);
    const unheardOf = sandbox.createDocument({ signers: 1, group: 'sales' });
    await sandbox.completeDocument(followed.id);
    await sandbox.completeDocument(unheardOf.id);
    const second = await reconcile(stage);
    assert.equal(second.isComplete, true);
    assert.equal(second.counts.adopted, 1);
    assert.equal(await isTracked(stage, unheardOf.id), true);
    for (const { id } of [followed, unheardOf]) {
      assert.equal((await countersign.waitForOutcome(id)).kind, 'completed');
    }
    assert.equal((await reconcile(stage)).counts.repairedDocuments, 0);
  });
});

test('by groups, too: a small one in front of a large one hides no document of that', async () => {
  const environment = {
    RECONCILE_GROUPS: 'small,large',
    RECONCILE_LISTING: 'groups',
    RECONCILE_ADOPT: 'ignore',
  };
  await withSilentStage({ environment }, async (stage) => {
    const { countersign, sandbox } = stage;
    sandbox.createDocument({ signers: 1, group: 'small' });
    const deleted = sandbox.createDocuments(20, { signers: 1, group: 'large' });
    const shown = sandbox.createDocuments(20, { signers: 1, group: 'large' });
    for (const { id } of [...deleted, ...shown]) await countersign.trackDocument(id);
    for (const { id } of deleted) await sandbox.deleteDocument(id);
    sandbox.createDocuments(8_000, { signers: 1, group: 'large' });
    const report = await reconcile(stage);
    assert.equal(report.counts.gone, deleted.length);
    // Now and then one is taken for shown before: what remembers them is a filter.
    assert.ok(report.documents > 7_995, String(report.documents));
  });
});

test('with the key of another account nobody is told that their document is gone', async () => {
  await withSilentStage({}, async (stage) => {
    const { client, countersign, sandbox } = stage;
    const ours = sandbox.createDocuments(10, { signers: 1 });
    for (const { id } of ours) await countersign.trackDocument(id);
    const query = `WorkflowType = '${WORKFLOW_TYPES.documentSigning}'`;
    await until(async () => (await client.workflow.count(query)).count === ours.length);
    for (const { id } of ours) {
      await until(async () => (await countersign.progress(id)).signers.length === 1);
      await sandbox.deleteDocument(id);
    }
    sandbox.createDocument({ signers: 1 });
    const other = await reconcile(stage);
    assert.deepEqual([other.unlisted, other.counts.gone, other.isComplete], [10, 0, false]);
    assert.match(other.failedParts[0]?.reason ?? '', /LEGALESIGN_API_KEY/);
    for (const { id } of ours) assert.equal(await signalsOf(stage, id), 0);

    const { id = '' } = ours[0] ?? {};
    assert.equal((await reconcile(stage, { documentId: id })).counts.gone, 1);
    assert.equal(await signalsOf(stage, id), 1);
  });
});

async function signalsOf({ client }: Stage, documentId: string): Promise<number> {
  const { events } = await client.workflow.getHandle(documentWorkflowId(documentId)).fetchHistory();
  return (events ?? []).filter((event) => event.workflowExecutionSignaledEventAttributes).length;
}

test('documents that expired here and were deleted since are no sign of another account', async () => {
  await withSilentStage({}, async (stage) => {
    const { client, countersign, sandbox } = stage;
    const expired = sandbox.createDocuments(10, { signers: 1 });
    const deadline = new Date(Date.now() + 1_000).toISOString();
    for (const { id } of expired) await countersign.trackDocument(id, { deadline });
    const query = `WorkflowType = '${WORKFLOW_TYPES.documentSigning}' AND DocumentOutcome = 'expired'`;
    await until(async () => (await client.workflow.count(query)).count === expired.length);
    for (const { id } of expired) await sandbox.deleteDocument(id);
    const report = await reconcile(stage);
    assert.deepEqual(report.failedParts, []);
    assert.deepEqual([report.unlisted, report.counts.gone, report.isComplete], [10, 0, true]);
  });
});
