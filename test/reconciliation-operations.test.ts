import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { ScheduleOverlapPolicy } from '@temporalio/client';
import { completeRuns } from '../activities/reconciliation-runs.js';
import { ensureSchedule, ensureWatch } from '../worker/schedule.js';
import {
  RECONCILIATION_SCHEDULE_ID,
  RECONCILIATION_WATCH_WORKFLOW_ID,
  WORKFLOW_TYPES,
  type CallbackDeliveryResult,
} from '../workflows/contract.js';
import { bodyOf, startStage, type StageServer } from './support/provider-stage.js';
import { openReceiver, type ReceivedMessage, type Receiver } from './support/receiver.js';
import { deliverInVain, isTracked, reconcile, withSilentStage } from './support/reconciling.js';
import { hasTimer } from './support/recording.js';
import type { Stage } from './support/stage.js';
import { until } from './support/until.js';

let receiver: Receiver;

before(async () => {
  receiver = await openReceiver();
});

after(() => receiver.close());

function announcing(more: Readonly<Record<string, string>>): Record<string, string> {
  return { NOTIFY_WEBHOOK_URL: receiver.url, NOTIFY_WEBHOOK_SECRETS: receiver.secret, ...more };
}

function messagesOf(type: string): ReceivedMessage[] {
  return receiver.messages.filter((message) => message.type === type);
}

test('a run of one group, or since some time, looks at those documents alone', async () => {
  await withSilentStage({}, async (stage) => {
    const [sales] = stage.sandbox.createDocuments(2, { signers: 1, group: 'sales' });
    const [legal] = stage.sandbox.createDocuments(3, { signers: 1, group: 'legal' });
    // A document's own times run ahead of the clock by a millisecond for each of its changes.
    const modifiedMs = stage.sandbox.documents().map(({ modified }) => modified);
    const second = Math.floor(Math.max(Date.now(), ...modifiedMs) / 1000);
    const now = await until(() => {
      const nowMs = Date.now();
      return Math.floor(nowMs / 1000) > second && nowMs;
    });
    const ofGroup = await reconcile(stage, { group: 'sales' });
    assert.equal(ofGroup.counts.adopted, 2);
    assert.equal(ofGroup.documents, 2);
    assert.equal(await isTracked(stage, sales?.id ?? ''), true);
    const [late] = stage.sandbox.createDocuments(1, { signers: 1, group: 'legal' });
    const since = await reconcile(stage, { since: new Date(now).toISOString() });
    assert.equal(since.counts.adopted, 1);
    assert.equal(await isTracked(stage, late?.id ?? ''), true);
    assert.equal(await isTracked(stage, legal?.id ?? ''), false);
    // Neither stands for a run over everything.
    assert.equal((await reconcile(stage)).counts.adopted, 3);
  });
});

test('runs for one document, however many, hide none that covered everything', async () => {
  await withSilentStage({}, async (stage) => {
    const { startedAt } = await reconcile(stage);
    for (let run = 0; run < 3; run += 1) await reconcile(stage, { documentId: randomUUID() });
    const ended = `WorkflowType = 'reconciliation' AND ExecutionStatus = 'Completed'`;
    await until(async () => (await stage.client.workflow.count(ended)).count === 4);
    assert.equal((await completeRuns(stage.client, 2)).latest?.startedAt, startedAt);
  });
});

test('of one document that the settings leave out it is told why nothing was done', async () => {
  const environment = {
    RECONCILE_GROUPS: 'sales,/api/v1/group/legal/',
    RECONCILE_ADOPT: 'ignore,/api/v1/group/legal/=adopt',
  };
  await withSilentStage({ environment }, async (stage) => {
    const why = async (group: string): Promise<string | undefined> => {
      const { id } = stage.sandbox.createDocument({ signers: 1, group });
      const { examples } = await reconcile(stage, { documentId: id });
      return examples.find(({ documentId }) => documentId === id)?.what;
    };
    assert.match((await why('others')) ?? '', /RECONCILE_GROUPS leaves out others/);
    assert.match((await why('sales')) ?? '', /RECONCILE_ADOPT says to ignore it/);
    assert.match((await why('legal')) ?? '', /^documentUnknown/);
  });
});

test('what a run cannot mean is refused with the forms that there are', async () => {
  await withSilentStage({}, async (stage) => {
    await assert.rejects(reconcile(stage, { since: 'yesterday' }), (error: Error) =>
      String(error.cause).includes('since is no time: yesterday'),
    );
    // The first one broke a query, which was tried for ever; nothing is in the second.
    for (const group of ["it's", '/api/v1/group/sales/']) {
      await assert.rejects(reconcile(stage, { group }), (error: Error) =>
        String(error.cause).includes(`no group's slug: ${group}`),
      );
    }
  });
});

test('entries set aside are delivered once they have a document; the rest is in the report', async () => {
  await withSilentStage({ environment: { CALLBACK_RETRY_PAUSES: '1ms' } }, async (stage) => {
    const [created] = stage.sandbox.createDocuments(1, { signers: 1 });
    stage.sandbox.changeFaults({ failApi: 1 });
    const routable = await deliverInVain(stage, created?.signers[0] ?? '');
    await deliverInVain(stage, randomUUID());
    stage.sandbox.replaceFaults();
    const query = `WorkflowType = '${WORKFLOW_TYPES.callbackDelivery}' AND EntriesSetAside > 0`;
    await until(async () => (await stage.client.workflow.count(query)).count === 2);
    const { setAside } = await reconcile(stage);
    assert.equal(setAside.deliveries, 2);
    assert.equal(setAside.redelivered, 1);
    assert.equal(setAside.remaining, 1);
    assert.equal(setAside.examples.length, 1);
    const again = await until(() => redeliveryOf(stage, routable));
    const result = (await stage.client.workflow
      .getHandle(again)
      .result()) as CallbackDeliveryResult;
    assert.equal(result.delivered, 1);
    assert.equal((await reconcile(stage)).setAside.redelivered, 0);
  });
});

test('a change whose callback came and could not be delivered is counted apart', async () => {
  await withSilentStage({ environment: { CALLBACK_RETRY_PAUSES: '1ms' } }, async (stage) => {
    const [failed, silent] = stage.sandbox.createDocuments(2, { signers: 1 });
    const signers = [failed, silent].map((document) => document?.signers[0] ?? '');
    stage.sandbox.changeFaults({ failApi: 1 });
    await deliverInVain(stage, signers[0] ?? '');
    stage.sandbox.replaceFaults();
    for (const id of [failed?.id ?? '', silent?.id ?? '']) {
      await stage.countersign.trackDocument(id);
      await until(async () => (await stage.countersign.progress(id)).signers.length === 1);
    }
    for (const signer of signers) stage.sandbox.advanceSigner(signer, { status: 'visited' });
    const query = `WorkflowType = '${WORKFLOW_TYPES.callbackDelivery}' AND EntriesSetAside > 0`;
    await until(async () => (await stage.client.workflow.count(query)).count === 1);
    const { counts, examples } = await reconcile(stage);
    assert.deepEqual(counts.missed, { neverArrived: 1, arrivedAndFailed: 1, documentUnknown: 0 });
    assert.match(
      examples.find(({ documentId }) => documentId === failed?.id)?.what ?? '',
      /^arrivedAndFailed; signer .* visited/,
    );
  });
});

async function redeliveryOf({ client }: Stage, workflowId: string): Promise<string | undefined> {
  const query = `WorkflowId STARTS_WITH '${workflowId}:again:'`;
  for await (const execution of client.workflow.list({ query })) return execution.workflowId;
  return undefined;
}

test('too much missed is an alarm, with figures and examples; a run that failed is told as well', async () => {
  const environment = announcing({
    RECONCILE_ALARM_CHANGES: '2',
    RECONCILE_ALARM_SHARE: '100%',
    RECONCILE_PATIENCE: '10s',
  });
  await withSilentStage({ environment }, async (stage) => {
    const [created] = stage.sandbox.createDocuments(1, { signers: 1 });
    const calm = await reconcile(stage);
    assert.ok(calm.missedChanges > 0 && calm.missedChanges <= 2, String(calm.missedChanges));
    assert.equal(calm.alarm, undefined);
    assert.deepEqual(messagesOf('reconciliation.alarm'), []);
    stage.sandbox.createDocuments(3, { signers: 1 });
    const report = await reconcile(stage);
    assert.match(report.alarm ?? '', /missed \d+ changes of 3 documents/);
    const [alarm, ...more] = messagesOf('reconciliation.alarm');
    assert.deepEqual(more, []);
    const { figures, examples } = alarm?.data as unknown as {
      figures: Record<string, number>;
      examples: { documentId: string }[];
    };
    assert.equal(figures['documentUnknown'], report.missedChanges);
    assert.equal(examples.length, 3);
    assert.ok(examples.every(({ documentId }) => documentId !== created?.id));
    stage.sandbox.changeFaults({ failPages: [0] });
    assert.equal((await reconcile(stage)).isComplete, false);
    assert.equal(messagesOf('reconciliation.failed').length, 1);
    // What is there all the same must not be taken for what the provider has let go.
    assert.equal(report.counts.gone, 0);
  });
});

test('no run for too long: a channel that refuses or is away keeps it from no other', async () => {
  const slack = await openReceiverOfTexts();
  const environment = announcing({
    RECONCILE_MAX_AGE: '1s',
    NOTIFY_SLACK_URL: `${slack.origin}/services/T0/B0/0`,
  });
  try {
    for (const answer of [410, 503]) {
      slack.texts.length = 0;
      receiver.answers.push(...Array.from({ length: 99 }, () => answer));
      await withSilentStage({ environment }, async ({ client, taskQueue }) => {
        await ensureWatch(client, taskQueue);
        // There is one already.
        await ensureWatch(client, taskQueue);
        await until(() => slack.texts.length > 0);
        assert.match(String(slack.texts), /no reconciliation has covered everything since/);
        assert.ok(messagesOf('reconciliation.overdue').length > 0);
        const watch = client.workflow.getHandle(RECONCILIATION_WATCH_WORKFLOW_ID);
        // It has heard of the refusal, and looks again.
        if (answer === 410) await until(() => hasTimer(watch));
        assert.equal((await watch.describe()).status.name, 'RUNNING');
      });
      receiver.answers.length = 0;
    }
  } finally {
    await slack.close();
  }
});

/** Takes whatever it is sent. */
async function openReceiverOfTexts(): Promise<StageServer & { readonly texts: string[] }> {
  const texts: string[] = [];
  const server = await startStage((request, response) => {
    void bodyOf(request).then((text) => {
      texts.push(text);
      response.end('ok');
    });
  });
  return { ...server, texts };
}

// The SDK's own default for a trigger by hand is to let them overlap.
test('the Schedule skips a run while one is under way', async () => {
  await withSilentStage({}, async (stage) => {
    const { client, taskQueue } = stage;
    stage.sandbox.createDocuments(2, { signers: 1 });
    stage.sandbox.changeFaults({ slowListingMs: 60_000 });
    const settings = { cron: '0 2 * * *', timeZone: 'UTC', jitterMs: 1000, catchUpMs: 60_000 };
    await ensureSchedule(client, taskQueue, settings);
    const schedule = client.schedule.getHandle(RECONCILIATION_SCHEDULE_ID);
    await schedule.trigger(ScheduleOverlapPolicy.SKIP);
    await until(async () => (await schedule.describe()).info.numActionsTaken === 1);
    await schedule.trigger(ScheduleOverlapPolicy.SKIP);
    await until(async () => (await schedule.describe()).info.numActionsSkippedOverlap === 1);
    assert.equal((await schedule.describe()).info.numActionsTaken, 1);
    const query = `WorkflowType = '${WORKFLOW_TYPES.reconciliation}'`;
    assert.equal((await client.workflow.count(query)).count, 1);
  });
});
