import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { program } from './support/build.js';
import {
  isTracked,
  pagesOf,
  reconcile,
  startReconciliation,
  withSilentStage,
} from './support/reconciling.js';
import { until } from './support/until.js';

const SMALL_PAGES = { RECONCILE_PAGE_SIZE: '20' };
const HOUR_MS = 3_600_000;
/** A process that compiles itself and bundles the workflows, on a machine that is busy. */
const START_LIMIT_MS = 180_000;

test('a worker killed in the middle: another one goes on where it was, and nothing is counted twice', async (context) => {
  await withSilentStage({ environment: SMALL_PAGES }, async (stage) => {
    stage.sandbox.createDocuments(80, { signers: 1 });
    const losses = stage.sandbox.losses({ limit: 0 });
    await stage.stopWorker();
    stage.sandbox.changeFaults({ slowListingMs: 200 });
    const worker = spawn(process.execPath, program('worker/main'), {
      env: { ...process.env, ...stage.environment },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    context.after(() => worker.kill('SIGKILL'));
    const { workflowId, report: running } = await startReconciliation(stage);
    await until(async () => (await pagesOf(stage, workflowId)).answered >= 1, START_LIMIT_MS);
    worker.kill('SIGKILL');
    await once(worker, 'exit');
    stage.sandbox.replaceFaults();
    await stage.startWorker();
    const report = await running;
    assert.equal(report.isComplete, true);
    assert.equal(report.counts.adopted, 80);
    assert.equal(report.missedChanges, losses.changes);
    const { offsets } = await pagesOf(stage, workflowId);
    const fromTheFront = offsets.filter((offset) => offset === 0).length;
    // The front is read once more at the end of every run.
    assert.equal(fromTheFront, 2);
    assert.equal(new Set(offsets).size, offsets.length - 1);
  });
});

test('a provider that does not answer in time only costs time', async () => {
  const environment = { ...SMALL_PAGES, LEGALESIGN_TIMEOUT: '500ms' };
  await withSilentStage({ environment }, async (stage) => {
    stage.sandbox.createDocuments(5, { signers: 1 });
    stage.sandbox.changeFaults({ slowListingMs: 2_000 });
    const { workflowId, report } = await startReconciliation(stage);
    const handle = stage.client.workflow.getHandle(workflowId);
    await until(async () =>
      (await handle.describe()).raw.pendingActivities?.some(({ attempt }) => Number(attempt) > 1),
    );
    stage.sandbox.replaceFaults();
    const { failedParts, counts } = await report;
    assert.deepEqual(failedParts, []);
    assert.equal(counts.adopted, 5);
  });
});

test('a document that the provider deletes before it is asked for is told of, and stops nothing', async () => {
  await withSilentStage({ environment: SMALL_PAGES }, async (stage) => {
    const [first, second] = stage.sandbox.createDocuments(2, { signers: 1 });
    assert.equal((await reconcile(stage)).counts.adopted, 2);
    // Archived, it is in no listing; deleted while the listing is made, nobody knows it.
    await stage.sandbox.completeDocument(first?.id ?? '');
    stage.sandbox.changeFaults({ slowListingMs: 500 });
    const { report: running } = await startReconciliation(stage);
    await stage.sandbox.deleteDocument(first?.id ?? '');
    const report = await running;
    assert.equal(report.isComplete, true);
    assert.equal(report.counts.gone, 1);
    assert.equal(report.unlisted, 1);
    assert.match(report.examples[0]?.what ?? '', /does not know it/);
    assert.equal(await isTracked(stage, second?.id ?? ''), true);
  });
});

for (const clockSkewMs of [-2 * HOUR_MS, 2 * HOUR_MS]) {
  const where = clockSkewMs < 0 ? 'behind' : 'ahead';
  test(`a provider whose clock is two hours ${where}: what is young is young by its clock`, async () => {
    const environment = { ...SMALL_PAGES, RECONCILE_GRACE: '15m' };
    await withSilentStage({ environment, sandbox: { clockSkewMs } }, async (stage) => {
      const [created] = stage.sandbox.createDocuments(2, { signers: 1 });
      const report = await reconcile(stage);
      assert.ok(Math.abs((report.clockSkewMs ?? 0) - clockSkewMs) < 60_000);
      assert.equal(report.counts.adopted, 2);
      assert.equal(report.missedChanges, 0);
      assert.equal(report.counts.youngChanges, report.counts.repairedChanges);
      // One by one too: an archived document is in no listing.
      await stage.sandbox.completeDocument(created?.id ?? '');
      const next = await reconcile(stage);
      assert.equal(next.unlisted, 1);
      assert.equal(next.missedChanges, 0);
      assert.ok(next.counts.youngChanges > 0);
    });
  });
}

test('the time that it takes to compare a page is not taken for the provider’s clock', async () => {
  await withSilentStage({}, async (stage) => {
    stage.sandbox.createDocuments(300, { signers: 1 });
    const { counts, clockSkewMs = Infinity } = await reconcile(stage);
    assert.equal(counts.adopted, 300);
    // Whole seconds are told, and the answer has to get from the worker into the workflow.
    assert.ok(Math.abs(clockSkewMs) < 4_000, String(clockSkewMs));
  });
});

test('a listing of hundreds of pages goes on in a new history, and shows each document once', async () => {
  const environment = { ...SMALL_PAGES, RECONCILE_ADOPT: 'ignore' };
  await withSilentStage({ environment }, async (stage) => {
    stage.sandbox.createDocuments(3_400, { signers: 1 });
    const { workflowId, report: running } = await startReconciliation(stage);
    const report = await running;
    assert.equal(report.isComplete, true);
    assert.ok(report.pages > 200, String(report.pages));
    // Now and then one is taken for shown before: what remembers them is a filter.
    const { documents } = report;
    assert.ok(documents <= 3_400 && documents > 3_395, String(documents));
    assert.equal(report.unknownIgnored, documents);
    const { events } = await stage.client.workflow.getHandle(workflowId).fetchHistory();
    const started = events?.[0]?.workflowExecutionStartedEventAttributes;
    assert.ok(started?.continuedExecutionRunId, 'one history held it all');
  });
});
