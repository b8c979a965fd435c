import assert from 'node:assert/strict';
import { test } from 'node:test';
import { demoDocument, makePlace, processesOf, startChild } from './support/all-in-one-child.js';
import { until } from './support/until.js';
import { readArchived } from './support/archived.js';

test('killed in the middle of the demo, the next start completes the same document', async (t) => {
  const place = await makePlace(t);
  const first = startChild(place);
  const documentId = await demoDocument(first);
  await first.line(/^ +created .*visited/);
  first.kill('SIGKILL');
  assert.equal((await first.ended).signal, 'SIGKILL');
  await until(async () => (await processesOf(place)).length === 0);

  const second = startChild(place);
  assert.equal(await demoDocument(second), documentId);
  await second.line(/^demo +completed/);
  const archived = await readArchived(place.archiveFolder, documentId);
  assert.equal(archived?.hashes['document.pdf'], archived?.receipt.providerHash);
  await second.line(new RegExp(`document.completed .*"${documentId}/document.completed"`));
});

test('when its Temporal server ends by itself, it says so and ends with exit code 1', async (t) => {
  const place = await makePlace(t);
  const child = startChild(place, { COUNTERSIGN_DEMO: 'off' });
  await child.line(/Ctrl-C/);
  const pids = (await processesOf(place))
    .filter((line) => line.includes('server start-dev') && !line.includes('/bin/sh'))
    .map((line) => Number.parseInt(line, 10));
  assert.equal(pids.length, 1);
  process.kill(pids[0] ?? 0, 'SIGKILL');
  const { code, complaints } = await child.ended;
  assert.equal(code, 1);
  assert.match(complaints[0] ?? '', /^the Temporal server was ended by SIGKILL/);
  assert.equal(complaints.length, 1, complaints.join('\n'));
});
