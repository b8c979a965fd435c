import assert from 'node:assert/strict';
import { test } from 'node:test';
import { portObstacle } from '../cli/ports.js';
import {
  addressesOf,
  demoDocument,
  makePlace,
  processesOf,
  startChild,
} from './support/all-in-one-child.js';
import { until } from './support/until.js';
import type { Place } from './support/all-in-one-child.js';
import { readArchived } from './support/archived.js';
import { completeAt, createAt, documentAt } from './support/sandbox-calls.js';

const PORTS = [
  'COUNTERSIGN_TEMPORAL_PORT',
  'COUNTERSIGN_TEMPORAL_UI_PORT',
  'WEBHOOK_PORT',
  'SANDBOX_PORT',
] as const;

/** Nobody waits longer at a terminal. */
const STOP_LIMIT_MS = 8000;

async function assertNothingRuns(place: Place): Promise<void> {
  assert.deepEqual(await processesOf(place), []);
  for (const name of PORTS) {
    assert.equal(await portObstacle('127.0.0.1', Number(place.environment[name])), undefined, name);
  }
}

test('a start takes the demo through its whole life, and Ctrl-C ends all in order', async (t) => {
  const place = await makePlace(t);
  const child = startChild(place);
  const addresses = await addressesOf(child);
  await child.line(/^ready in \d+\.\d s$/);
  assert.deepEqual(addresses, {
    temporal: `127.0.0.1:${place.environment['COUNTERSIGN_TEMPORAL_PORT'] ?? ''}`,
    temporalUi: `http://127.0.0.1:${place.environment['COUNTERSIGN_TEMPORAL_UI_PORT'] ?? ''}`,
    sandbox: `http://127.0.0.1:${place.environment['SANDBOX_PORT'] ?? ''}`,
    callbacks: `http://127.0.0.1:${place.environment['WEBHOOK_PORT'] ?? ''}/callbacks/legalesign`,
  });
  const documentId = await demoDocument(child);
  await child.line(/^demo +completed/);

  const archived = await readArchived(place.archiveFolder, documentId);
  const { hash } = await documentAt(addresses.sandbox, documentId);
  assert.ok(archived && hash !== null);
  assert.deepEqual(Object.keys(archived.hashes), ['document.pdf', 'audit-log.pdf']);
  for (const { name, sha256 } of archived.receipt.files) {
    assert.equal(archived.hashes[name], sha256, name);
  }
  assert.equal(archived.hashes['document.pdf'], hash);
  assert.equal(archived.receipt.providerHash, hash);
  assert.ok((await processesOf(place)).some((line) => line.includes('server start-dev')));

  const stoppedMs = Date.now();
  // As npm does: once from the terminal, and handed on once more.
  child.kill('SIGINT');
  child.kill('SIGINT');
  const { code, output, complaints } = await child.ended;
  assert.ok(Date.now() - stoppedMs < STOP_LIMIT_MS);
  assert.deepEqual([code, complaints], [0, []]);
  assert.match(output.at(-1) ?? '', /^stopped/);
  const announced = output.filter((line) => line.includes(`"${documentId}/document.completed"`));
  assert.equal(announced.length, 1);
  await assertNothingRuns(place);
});

test('Ctrl-C in the middle of a start and of a demo is no failure; the demo goes on', async (t) => {
  const place = await makePlace(t);
  const early = startChild(place);
  await early.line(/starting/);
  early.kill('SIGINT');
  const earlyEnding = await early.ended;
  assert.deepEqual([earlyEnding.code, earlyEnding.complaints], [0, []]);

  const second = startChild(place);
  const documentId = await demoDocument(second);
  await second.line(/visited/);
  second.kill('SIGINT');
  const secondEnding = await second.ended;
  assert.deepEqual([secondEnding.code, secondEnding.complaints], [0, []]);
  await assertNothingRuns(place);

  const third = startChild(place);
  assert.equal(await demoDocument(third), documentId);
  await third.line(/^demo +completed/);
  assert.ok(await readArchived(place.archiveFolder, documentId));
});

test('a document left open by one run is completed in the next, in any namespace', async (t) => {
  const place = await makePlace(t);
  const environment = { COUNTERSIGN_DEMO: 'off', TEMPORAL_NAMESPACE: 'contracts' };
  const first = startChild(place, environment);
  await first.line(/namespace contracts/);
  const { sandbox } = await addressesOf(first);
  const documentId = await createAt(sandbox, { name: 'Left open', tag: 'kept' });
  first.kill('SIGTERM');
  assert.equal((await first.ended).code, 0);
  assert.equal(await readArchived(place.archiveFolder, documentId), undefined);

  const second = startChild(place, environment);
  await second.line(/^ready/);
  const open = await documentAt(sandbox, documentId);
  assert.deepEqual([open.status, open.hash], [10, null]);
  const { hash } = await completeAt(sandbox, documentId);
  const archived = await until(() => readArchived(place.archiveFolder, documentId));
  assert.equal(archived.hashes['document.pdf'], hash);
  await second.line(new RegExp(`"${documentId}/document.completed"`));
  second.kill('SIGINT');
  const { output } = await second.ended;
  const announced = output.filter((line) => line.includes(`"${documentId}/document.completed"`));
  assert.equal(announced.length, 1);
});
