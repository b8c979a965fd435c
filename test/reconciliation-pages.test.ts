import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { defaultPayloadConverter } from '@temporalio/common';
import { createReconcilePage } from '../activities/reconcile-page.js';
import { SIGNALS_AT_ONCE } from '../activities/signal-document.js';
import { createProviderClient } from '../provider/provider-client.js';
import { readConfiguration } from '../worker/configuration.js';
import type { ReconcilePageInput, ReconcilePageResult } from '../workflows/contract.js';
import { inActivity } from './support/in-activity.js';
import {
  isTracked,
  reconcile,
  startReconciliation,
  withSilentStage,
} from './support/reconciling.js';
import type { Stage } from './support/stage.js';
import { until } from './support/until.js';

const SMALL_PAGES = { RECONCILE_PAGE_SIZE: '20' };
const IGNORING = { ...SMALL_PAGES, RECONCILE_ADOPT: 'ignore' };
const IMPATIENT = { RECONCILE_PATIENCE: '5s' };

/** For each activity that read pages, the offsets it was to read. */
async function pagesAsked({ client }: Stage, workflowId: string): Promise<number[][]> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: scheduled }) => {
    const payload = scheduled?.input?.payloads?.[0];
    if (scheduled?.activityType?.name !== 'reconcilePage' || !payload) return [];
    const { offset, furtherOffsets = [] } =
      defaultPayloadConverter.fromPayload<ReconcilePageInput>(payload);
    return [[offset, ...furtherOffsets]];
  });
}

/** Documents that are followed, among many that are not, a page apart. */
async function followedAmong(
  stage: Stage,
  parts: number,
): Promise<{ id: string; signer: string }[]> {
  const followed: { id: string; signer: string }[] = [];
  for (let part = 0; part < parts; part += 1) {
    stage.sandbox.createDocuments(30, { signers: 1 });
    const { id, signers } = stage.sandbox.createDocument({ signers: 1 });
    await stage.countersign.trackDocument(id);
    followed.push({ id, signer: signers[0] ?? '' });
  }
  const visible = `WorkflowType = 'documentSigning' AND DocumentStatus IS NOT NULL`;
  await until(async () => (await stage.client.workflow.count(visible)).count === parts);
  return followed;
}

test('pages that come at once share an activity; what was missed on each is repaired and counted', async () => {
  await withSilentStage({ environment: IGNORING }, async (stage) => {
    const followed = await followedAmong(stage, 8);
    await reconcile(stage);
    for (const { signer } of followed) stage.sandbox.advanceSigner(signer);
    const report = await reconcile(stage);
    assert.equal(report.counts.repairedDocuments, 8);
    assert.equal(report.missedChanges, 8);
    assert.equal(report.isComplete, true);
    // How many share one follows from how quick they were: one page alone may have been slow.
    const inStep = await until(async () => {
      const { workflowId, report: running } = await startReconciliation(stage);
      const { counts, pages } = await running;
      assert.equal(counts.repairedDocuments, 0);
      const asked = await pagesAsked(stage, workflowId);
      return asked.length < pages / 2 && asked;
    });
    assert.ok(inStep.every((offsets) => offsets.length <= 10));
  });
});

test('one of the pages of an activity fails for ever: it alone is left out', async () => {
  await withSilentStage({ environment: { ...IGNORING, ...IMPATIENT } }, async (stage) => {
    const followed = await followedAmong(stage, 8);
    await reconcile(stage);
    for (const { signer } of followed) stage.sandbox.advanceSigner(signer);
    // The twelfth page, wherever an activity begins: all before it are read by then.
    stage.sandbox.changeFaults({ failPages: [176] });
    const { workflowId, report: running } = await startReconciliation(stage);
    const report = await running;
    assert.deepEqual(
      report.failedParts.map(({ what }) => what),
      ['the listing of outstanding documents, rows from 176'],
    );
    const { repairedDocuments } = report.counts;
    assert.ok(repairedDocuments >= 7, String(repairedDocuments));
    assert.equal(report.missedChanges, repairedDocuments);
    const asked = (await pagesAsked(stage, workflowId)).filter((all) => all.includes(176));
    // In the end as the first page of an activity, whose others were asked for without it.
    assert.equal(asked.at(-1)?.[0], 176);
    stage.sandbox.replaceFaults();
    const next = await reconcile(stage);
    assert.equal(next.isComplete, true);
    assert.equal(repairedDocuments + next.counts.repairedDocuments, 8);
  });
});

test('a listing that grows while it is read shows every document that was there', async () => {
  const environment = { RECONCILE_PAGE_SIZE: '50', RECONCILE_ADOPT: 'report,there=ignore' };
  await withSilentStage({ environment }, async (stage) => {
    const there = stage.sandbox.createDocuments(1_500, { signers: 1, group: 'there' });
    // Two more at the front with every page: more than pages share, where they are read in turns.
    stage.sandbox.changeFaults({ churnCreate: 2 });
    const report = await reconcile(stage);
    assert.deepEqual(report.failedParts, []);
    assert.ok(report.pagesReadAgain > 2, String(report.pagesReadAgain));
    // Now and then one is taken for shown before: what remembers them is a filter.
    const { unknownIgnored } = report;
    assert.ok(unknownIgnored >= there.length - 2, `${unknownIgnored} of ${there.length}`);
  });
});

test('the first page fails for ever: the rest goes on', async () => {
  await withSilentStage({ environment: { ...SMALL_PAGES, ...IMPATIENT } }, async (stage) => {
    const documents = stage.sandbox.createDocuments(70, { signers: 1 });
    stage.sandbox.changeFaults({ failPages: [0] });
    const report = await reconcile(stage);
    assert.equal(report.isComplete, false);
    assert.match(report.failedParts[0]?.what ?? '', /rows from 0/);
    // On a slow machine a page more may take longer than this patience.
    const lost = report.failedParts.length * 20;
    assert.ok(report.counts.adopted >= 70 - lost, String(report.counts.adopted));
    stage.sandbox.replaceFaults();
    const next = await reconcile(stage);
    assert.equal(next.isComplete, true);
    // What such a page did before it was given up is done, but not counted.
    const adopted = report.counts.adopted + next.counts.adopted;
    assert.ok(adopted >= 70 - (lost - 20), String(adopted));
    const tracked = await Promise.all(documents.map(({ id }) => isTracked(stage, id)));
    assert.deepEqual(tracked, Array<boolean>(70).fill(true));
  });
});

test('a listing of which no page can be read is lost, and absence from it means nothing', async () => {
  await withSilentStage({ environment: { ...SMALL_PAGES, ...IMPATIENT } }, async (stage) => {
    stage.sandbox.createDocuments(2, { signers: 1 });
    assert.equal((await reconcile(stage)).counts.adopted, 2);
    stage.sandbox.changeFaults({ failPages: [0, 16] });
    const report = await reconcile(stage);
    assert.equal(report.failedParts.length, 2);
    assert.equal(report.unlisted, 0);
  });
});

test('pages that are compared at the same time ask for no more documents at once than one', async () => {
  await withSilentStage({}, async ({ client, environment, sandbox, taskQueue }) => {
    sandbox.createDocuments(160, { signers: 1 });
    const provider = createProviderClient(readConfiguration(environment).provider);
    let [atOnce, most] = [0, 0];
    // The archive is looked into for each document that is to begin.
    const readReceipt = async (): Promise<undefined> => {
      atOnce += 1;
      most = Math.max(most, atOnce);
      await delay(20);
      atOnce -= 1;
    };
    const activity = createReconcilePage({ client, taskQueue, provider, archive: { readReceipt } });
    const read = (offset: number): Promise<ReconcilePageResult> =>
      inActivity(() =>
        activity({
          ...{ key: `run/${offset}`, seed: 'run', segment: { kind: 'cache' }, offset, limit: 40 },
          adoption: { otherwise: 'adopt', byGroup: {} },
          ...{ groups: [], graceMs: 0, failedSubjects: [] },
        }),
      );
    const pages = await Promise.all([0, 40, 80, 120].map(read));
    assert.equal(
      pages.reduce((sum, { counts }) => sum + counts.adopted, 0),
      160,
    );
    assert.equal(most, SIGNALS_AT_ONCE);
    provider.close();
  });
});
