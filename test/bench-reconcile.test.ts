import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LossesResult } from '../bench/reconcile-losses.js';
import type { ReconcileResult } from '../bench/reconcile-report.js';
import { bench } from './support/bench.js';

test('a run with nothing to repair is measured beside fetching its pages, as JSON alone', async () => {
  const { code, stdout, stderr } = await bench(
    ...['reconcile', '--documents', '90', '--open', '10', '--small', '30'],
    ...['--page', '30', '--rounds', '1', '--json'],
  );
  assert.equal(code, 0, stderr);
  const result = JSON.parse(stdout) as ReconcileResult;
  assert.deepEqual(result.failures.examples, []);
  assert.deepEqual(result.documents, { listed: 90, open: 10, ignored: 80 });
  // 90 documents on pages of 30 of which neighbours share six rows; the front is read again.
  assert.equal(result.pages, 5);
  assert.ok(result.time.ratio.median > 0);
  assert.ok(result.rss.peakBytes > 10e6);
  const pages = result.actions.table.find(({ name }) => name === 'reconcilePage');
  // The first page, those after it, the front: quick ones share an activity.
  assert.ok(pages && pages.count >= 3 && pages.count <= result.pages, JSON.stringify(pages));
});

test('callbacks dropped on purpose are found to the last one, and counted as the sandbox does', async () => {
  const { code, stdout, stderr } = await bench(
    ...['reconcile-losses', '--documents', '20', '--silent', '10', '--some', '20'],
    ...['--finished', '1', '--json'],
  );
  assert.equal(code, 0, `${stdout}${stderr}`);
  const { lost, found, touched, second, finished } = JSON.parse(stdout) as LossesResult;
  assert.ok(lost.documents >= 3, `${lost.documents} documents`);
  assert.equal(found.changes, lost.changes);
  assert.equal(found.documents, lost.documents);
  assert.equal(touched, lost.documents);
  assert.equal(second.repairedDocuments, 0);
  assert.deepEqual(finished, { documents: 1, archived: 1, announced: 1 });
});
