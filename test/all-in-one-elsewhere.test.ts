import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { demoDocument, makePlace, processesOf, startChild } from './support/all-in-one-child.js';
import { until } from './support/until.js';
import { readArchived } from './support/archived.js';
import { startTestSandbox } from './support/sandbox-stage.js';
import { startTestServer } from './support/temporal.js';

test('with TEMPORAL_ADDRESS it uses that server and starts none', async (t) => {
  const server = await startTestServer();
  t.after(() => server.stop());
  const place = await makePlace(t);
  const child = startChild(place, { TEMPORAL_ADDRESS: server.address });
  const [, printed] = await child.line(/^ {2}Temporal +(\S+)/);
  assert.equal(printed, server.address);
  const documentId = await demoDocument(child);
  await child.line(/^demo +completed/);
  assert.ok(await readArchived(place.archiveFolder, documentId));
  assert.deepEqual(await processesOf(place), []);
  // Where its UI is, nobody has said.
  assert.ok(!child.output.some((line) => line.includes('/workflows/')));
  child.kill('SIGTERM');
  assert.equal((await child.ended).code, 0);
});

test('an address where nothing answers is told in a line', async (t) => {
  const place = await makePlace(t);
  const address = `127.0.0.1:${place.environment['COUNTERSIGN_TEMPORAL_PORT'] ?? ''}`;
  const { code, complaints } = await startChild(place, { TEMPORAL_ADDRESS: address }).ended;
  assert.equal(code, 1);
  assert.equal(complaints.length, 1, complaints.join('\n'));
  assert.match(complaints[0] ?? '', new RegExp(`^Temporal at ${address} .*does not answer`));
});

test('with an API key it speaks to that provider, and starts no sandbox', async (t) => {
  const place = await makePlace(t);
  const provider = await startTestSandbox(t, { apiKeys: ['user:key'] });
  const certificate = join(place.folder, 'provider.pem');
  await writeFile(certificate, provider.certificatePem);
  const child = startChild(place, {
    LEGALESIGN_API_URL: provider.apiUrl,
    LEGALESIGN_API_KEY: 'user:key',
    LEGALESIGN_CERTIFICATES: certificate,
  });
  const [, url = ''] = await child.line(/^ {2}Callbacks +(\S+)/);
  for (const notify of ['all', 'signed', 'realtime'] as const) provider.subscribe({ url, notify });
  const { id } = provider.createDocument();
  await provider.completeDocument(id, { visit: true });
  const archived = await until(() => readArchived(place.archiveFolder, id));
  assert.equal(archived.hashes['document.pdf'], provider.document(id).hash);
  await child.line(new RegExp(`"${id}/document.completed"`));
  assert.ok(!child.output.some((line) => /Sandbox|demo/.test(line)));
  child.kill('SIGTERM');
  assert.equal((await child.ended).code, 0);
});

test('where callbacks need a token, the sandbox is given one', async (t) => {
  const place = await makePlace(t);
  const token = 'a-token-of-some-length';
  const child = startChild(place, { WEBHOOK_TOKENS: token, WEBHOOK_TOKEN_REQUIRED: 'on' });
  await child.line(/^ {2}Callbacks +\S+\/callbacks\/legalesign\/<token of WEBHOOK_TOKENS>/);
  await child.line(/^demo +completed/);
  assert.ok(!child.output.some((line) => line.includes(token)));
  child.kill('SIGTERM');
  assert.equal((await child.ended).code, 0);
});
