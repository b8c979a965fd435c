import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { readArguments } from '../bench/arguments.js';
import type { Benchmark } from '../bench/benchmark.js';
import { keepRun, plainFigures, readRuns, writePage } from '../bench/kept-runs.js';
import { describeRun } from '../bench/machine.js';
import { noBrowser, openPage } from './support/browser.js';

let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-results-'));
});

after(() => rm(folder, { recursive: true }));

const REPORT = {
  json: { rate: 12.5, settings: { documents: 10 }, times: { p50Ms: 3, p99Ms: 40 }, runs: [1, 2] },
  text: '',
  failures: 0,
};

test('a kept run says where and when it was, and what it measured', async () => {
  const run = await describeRun('1.2.3', 1);
  assert.match(run.commit, /^[0-9a-f]{10}\+?$/);
  assert.match(run.date, /^\d{4}-\d\d-\d\dT/);
  await keepRun('demo', { documents: 10 }, REPORT, run, folder);
  const kept = (await readRuns(folder))[0] ?? assert.fail('nothing was kept');
  assert.equal(kept.run.version, '1.2.3');
  assert.deepEqual(kept.figures, { rate: 12.5, 'times.p50Ms': 3, 'times.p99Ms': 40 });
  assert.deepEqual(kept.report, REPORT.json);
});

test('a run is never written over another of the same moment', async () => {
  const run = { ...(await describeRun('1.2.3', 1)), date: '2030-01-01T00:00:00.000Z' };
  await keepRun('demo', { documents: 10 }, REPORT, run, folder);
  await assert.rejects(keepRun('demo', { documents: 10 }, REPORT, run, folder), /EEXIST/);
});

test('settings, machine and failures are no figures', () => {
  const report = { settings: { seed: 1 }, machine: { cores: 2 }, failures: { total: 0 }, rate: 1 };
  assert.deepEqual(plainFigures(report), { rate: 1 });
});

test('--keep is told apart from not keeping', () => {
  const benchmark: Benchmark = {
    summary: '',
    flags: {},
    run: () => Promise.resolve(REPORT),
  };
  const invocation = (...words: string[]) => readArguments(['demo', ...words], { demo: benchmark });
  assert.deepEqual(
    [invocation(), invocation('--keep')].map((each) => each.kind === 'run' && each.keep),
    [false, true],
  );
});

test(
  'the page draws one chart per figure, and shows what a commit is called',
  { skip: noBrowser },
  async (context) => {
    const run = await describeRun('1.2.3', 1);
    const hostile = { ...run, date: '2031-01-01T00:00:00.000Z', commit: '<img src=x>' };
    await keepRun('drawn', {}, { ...REPORT, figures: { 'a "rate", 1/s': 7 } }, run, folder);
    const failed = { ...REPORT, failures: 2, figures: { 'a "rate", 1/s': 9 } };
    await keepRun('drawn', {}, failed, hostile, folder);
    const { page, troubles } = await openPage(context, pathToFileURL(await writePage(folder)).href);
    const drawn = page.locator('h2', { hasText: 'drawn' }).locator('xpath=following::figure[1]');
    assert.equal(await drawn.locator('figcaption span').innerText(), 'a "rate", 1/s');
    assert.equal(await drawn.locator('circle').count(), 2);
    assert.equal(await drawn.locator('circle.failed').count(), 1);
    assert.equal(await page.locator('img').count(), 0);
    assert.ok(((await drawn.locator('svg').boundingBox())?.height ?? 0) > 50);
    assert.deepEqual(troubles, []);
  },
);
