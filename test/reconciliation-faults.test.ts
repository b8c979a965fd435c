import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ensureSchedule } from '../worker/schedule.js';
import { RECONCILIATION_SCHEDULE_ID } from '../workflows/contract.js';
import { isTracked, reconcile, withSilentStage } from './support/reconciling.js';
import { until } from './support/until.js';

const SMALL_PAGES = { RECONCILE_PAGE_SIZE: '20' };

test('a page that fails for ever is left out and told of; the rest goes on', async () => {
  await withSilentStage(
    { environment: { ...SMALL_PAGES, RECONCILE_PATIENCE: '10s' } },
    async (stage) => {
      stage.sandbox.createDocuments(70, { signers: 1 });
      stage.sandbox.changeFaults({ failPages: [16] });
      const report = await reconcile(stage);
      assert.equal(report.isComplete, false);
      assert.equal(report.failedParts.length, 1);
      assert.match(report.failedParts[0]?.what ?? '', /rows from 16/);
      // What was answered last, not that time is up.
      assert.match(report.failedParts[0]?.reason ?? '', /was answered 500/);
      assert.ok(report.counts.adopted >= 50, String(report.counts.adopted));
      stage.sandbox.replaceFaults();
      const next = await reconcile(stage);
      assert.equal(next.isComplete, true);
      assert.equal(report.counts.adopted + next.counts.adopted, 70);
    },
  );
});

test('a listing that changes while it is read loses no document', async () => {
  await withSilentStage({ environment: SMALL_PAGES }, async (stage) => {
    const stay = stage.sandbox.createDocuments(60, { signers: 1, tag: 'stay' });
    stage.sandbox.createDocuments(120, { signers: 1, tag: 'churn' });
    // More rows go away with every page than neighbouring pages share.
    stage.sandbox.changeFaults({ churnArchive: 12 });
    const report = await reconcile(stage);
    assert.deepEqual(report.failedParts, []);
    for (const { id } of stay) assert.equal(await isTracked(stage, id), true, id);
    assert.ok(report.pagesReadAgain > 1, String(report.pagesReadAgain));
  });
});

test('429 and 500 in the middle of a listing only cost time', async () => {
  await withSilentStage({ environment: SMALL_PAGES }, async (stage) => {
    stage.sandbox.createDocuments(60, { signers: 1 });
    stage.sandbox.changeFaults({ failApi: 0.3 });
    const report = await reconcile(stage);
    assert.deepEqual(report.failedParts, []);
    assert.equal(report.counts.adopted, 60);
  });
});

test('where only the newer listing is answered, it is read group by group', async () => {
  await withSilentStage({ environment: { RECONCILE_GROUPS: 'sandbox' } }, async (stage) => {
    const [created] = stage.sandbox.createDocuments(3, { signers: 1 });
    stage.sandbox.changeFaults({ listings: 'groups' });
    const report = await reconcile(stage);
    assert.equal(report.listing, 'groups');
    assert.equal(report.isComplete, true);
    assert.equal(await isTracked(stage, created?.id ?? ''), true);
  });
});

test('where neither listing can be read, both reasons are told', async () => {
  await withSilentStage({}, async (stage) => {
    stage.sandbox.changeFaults({ listings: 'groups' });
    const { isComplete, failedParts } = await reconcile(stage);
    assert.equal(isComplete, false);
    assert.match(
      failedParts[0]?.reason ?? '',
      /set RECONCILE_GROUPS.* was refused: .*answered 400/,
    );
  });
});

test('documents without a workflow are ignored or reported, as it is set', async () => {
  for (const mode of ['ignore', 'report'] as const) {
    await withSilentStage({ environment: { RECONCILE_ADOPT: mode } }, async (stage) => {
      const [created] = stage.sandbox.createDocuments(3, { signers: 1 });
      const report = await reconcile(stage);
      assert.equal(report.counts.adopted, 0);
      assert.equal(mode === 'ignore' ? report.unknownIgnored : report.unknownReported, 3);
      assert.equal(await isTracked(stage, created?.id ?? ''), false);
    });
  }
});

test('among many documents that are ignored, those that are followed are compared all the same', async () => {
  const environment = { ...SMALL_PAGES, RECONCILE_ADOPT: 'ignore' };
  await withSilentStage({ environment }, async (stage) => {
    const { countersign, sandbox } = stage;
    const followed: { readonly id: string; readonly signers: readonly string[] }[] = [];
    for (let part = 0; part < 3; part += 1) {
      sandbox.createDocuments(50, { signers: 1 });
      const created = sandbox.createDocument({ signers: 2 });
      await countersign.trackDocument(created.id);
      followed.push(created);
    }
    sandbox.createDocuments(50, { signers: 1 });
    const [, missed, stopped] = followed;
    assert.ok(missed && stopped);
    await countersign.stop(stopped.id, 'not ours any more');
    assert.equal((await countersign.waitForOutcome(stopped.id)).kind, 'stopped');
    const visible = `WorkflowType = 'documentSigning' AND DocumentStatus IS NOT NULL`;
    await until(async () => (await stage.client.workflow.count(visible)).count === 3);
    // The first run finds most of them unknown, the second begins with that.
    for (const repaired of [0, 1, 0]) {
      if (repaired > 0) sandbox.advanceSigner(missed.signers[0] ?? '');
      const report = await reconcile(stage);
      assert.equal(report.unknownIgnored, 200);
      assert.equal(report.counts.adopted, 0);
      assert.equal(report.counts.repairedDocuments, repaired);
    }
    const { signers } = await countersign.progress(missed.id);
    assert.equal(signers.find(({ id }) => id === missed.signers[0])?.status, 'emailOpened');
  });
});

test('a worker stopped in the middle: another one goes on, and the figures are the same', async () => {
  await withSilentStage({ environment: SMALL_PAGES }, async (stage) => {
    stage.sandbox.createDocuments(200, { signers: 1 });
    const losses = stage.sandbox.losses({ limit: 0 });
    const running = reconcile(stage);
    await stage.stopWorker();
    await stage.startWorker();
    const report = await running;
    assert.equal(report.counts.adopted, 200);
    assert.equal(report.missedChanges, losses.changes);
  });
});

test('callbacks that are missing or inactive at the provider are registered again', async () => {
  const url = 'http://127.0.0.1:9/callbacks/legalesign';
  const environment = { WEBHOOK_PUBLIC_URL: 'http://127.0.0.1:9' };
  await withSilentStage({ environment }, async (stage) => {
    stage.sandbox.subscribe({ url, notify: 'all' });
    stage.sandbox.subscribe({ url, notify: 'realtime' });
    stage.sandbox.subscribe({ url: 'http://127.0.0.1:9/other', notify: 'all' });
    stage.sandbox.deactivateSubscription(url, 'realtime');
    const { subscriptions } = await reconcile(stage);
    assert.deepEqual([...subscriptions.created].sort(), ['realtime', 'signed']);
    assert.deepEqual(subscriptions.inactive, ['realtime']);
    assert.equal(subscriptions.strangers.length, 1);
    assert.deepEqual((await reconcile(stage)).subscriptions.created, []);
  });
});

test('the Schedule is created once, updated when a setting changes, and stays paused', async () => {
  await withSilentStage({}, async ({ client, taskQueue }) => {
    const settings = { cron: '0 2 * * *', timeZone: 'UTC', jitterMs: 1000, catchUpMs: 60_000 };
    assert.match((await ensureSchedule(client, taskQueue, settings)) ?? '', /created/);
    assert.equal(await ensureSchedule(client, taskQueue, settings), undefined);
    const handle = client.schedule.getHandle(RECONCILIATION_SCHEDULE_ID);
    await handle.pause('by operations');
    const later = { ...settings, cron: '30 3 * * *' };
    assert.match((await ensureSchedule(client, taskQueue, later)) ?? '', /30 3/);
    const description = await handle.describe();
    assert.equal(description.state.paused, true);
    assert.equal(description.policies.overlap, 'SKIP');
    assert.equal(description.policies.catchupWindow, 60_000);
    const elsewhere = await ensureSchedule(client, 'another', later);
    assert.match(elsewhere ?? '', new RegExp(`queue another, no longer on ${taskQueue}: .*namesp`));
  });
});
