/** The command line where payloads are encrypted: it reads, writes and refuses as the others do. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Client } from '@temporalio/client';
import type { Finding } from '../cli/doctor/check.js';
import type { StoredCallback } from '../cli/stored-callbacks.js';
import type { Environment } from '../configuration/settings.js';
import { WORKFLOW_TYPES, type CallbackDeliveryInput } from '../workflows/contract.js';
import { runCli, type CliEnding } from './support/cli.js';
import { openStage, type Stage } from './support/stage.js';
import { until } from './support/until.js';

const K1 = `k1:${randomBytes(32).toString('base64')}`;
const K2 = `k2:${randomBytes(32).toString('base64')}`;

let stage: Stage;
let folder: string;
let environment: Environment;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-encrypted-'));
  stage = await openStage({
    sandbox: { apiKeys: ['test:key'] },
    environment: {
      COUNTERSIGN_ENCRYPTION_KEYS: K1,
      COUNTERSIGN_DATA: folder,
      RECONCILE_CRON: '0 2 * * *',
    },
  });
  environment = {
    ...stage.environment,
    WEBHOOK_PORT: new URL(stage.webhookUrl).port,
    WEBHOOK_PUBLIC_URL: stage.webhookUrl,
  };
});

after(async () => {
  await stage.close();
  await rm(folder, { recursive: true });
});

function callbacks(words: readonly string[], more: Environment = {}): Promise<CliEnding> {
  return runCli(['callbacks', ...words], { environment: { ...environment, ...more } });
}

async function listed(more: Environment = {}): Promise<readonly StoredCallback[]> {
  const { code, out, notes } = await callbacks(['list', '--json'], more);
  assert.equal(code, 0, notes.join('\n'));
  return JSON.parse(out.join('\n')) as StoredCallback[];
}

/** A batch that the webhook has stored, delivered. */
async function storedBatch(): Promise<StoredCallback> {
  const { id } = stage.sandbox.createDocument({ signers: 1 });
  await stage.sandbox.completeDocument(id);
  await stage.sandbox.flushCallbacks();
  await stage.countersign.waitForOutcome(id);
  return until(async () =>
    (await listed()).find(({ source, state }) => source === 'batch' && state === 'COMPLETED'),
  );
}

/** How the input of a delivery stands in its history. */
async function encodingOf(workflowId: string): Promise<string> {
  const { events } = await stage.client.workflow.getHandle(workflowId).fetchHistory();
  const payload = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0];
  return Buffer.from(payload?.metadata?.['encoding'] ?? []).toString();
}

/** A delivery of a batch that changes nothing. */
async function delivered(client: Client, workflowId: string): Promise<void> {
  const input: CallbackDeliveryInput = {
    ...{ source: 'batch', receivedAt: '2030-01-01T00:00:00Z', changes: [], setAside: [] },
  };
  await client.workflow.execute(WORKFLOW_TYPES.callbackDelivery, {
    ...{ workflowId, taskQueue: stage.taskQueue, args: [input] },
  });
}

test('an encrypted callback is listed, shown and replayed, and its replay is encrypted', async () => {
  const { workflowId, changes, delivered: arrived } = await storedBatch();
  assert.ok(changes !== undefined && changes > 0);
  assert.equal(arrived, changes);
  const shown = await callbacks(['show', workflowId]);
  assert.equal(shown.code, 0, shown.notes.join('\n'));
  assert.match(shown.out.join('\n'), /document .* at 20/);
  const replayed = await callbacks(['replay', workflowId]);
  assert.deepEqual([replayed.code, replayed.notes], [0, []]);
  assert.equal(await encodingOf(`${workflowId}:replay:1`), 'binary/encrypted');
  await stage.client.workflow.getHandle(`${workflowId}:replay:1`).result();
});

test('a callback from before encryption is encrypted where it is replayed', async () => {
  const workflowId = 'callback:plain';
  // It reads what the worker, which has a key, answers by no key of its own: so it only starts.
  const bare = new Client({ connection: stage.client.connection });
  await assert.rejects(delivered(bare, workflowId));
  assert.equal(await encodingOf(workflowId), 'json/plain');
  const replayed = await callbacks(['replay', workflowId]);
  assert.deepEqual([replayed.code, replayed.notes], [0, []]);
  assert.equal(await encodingOf(`${workflowId}:replay:1`), 'binary/encrypted');
});

test('without the key, show and replay say which one and which setting, and list the rest', async () => {
  const { workflowId } = await storedBatch();
  const lacking = { COUNTERSIGN_ENCRYPTION_KEYS: K2 };
  for (const word of ['show', 'replay']) {
    const { code, out, notes } = await callbacks([word, workflowId], lacking);
    assert.deepEqual([code, out], [1, []]);
    const said = notes.join('\n');
    assert.match(said, /under the key k1, and this process has only k2/);
    assert.match(said, /COUNTERSIGN_ENCRYPTION_KEYS/);
    assert.doesNotMatch(said, /\n\s+at /);
  }
  const all = await listed(lacking);
  const sealed = all.find((each) => each.workflowId === workflowId);
  assert.match(sealed?.unreadable ?? '', /under the key k1/);
  assert.equal(sealed?.changes, undefined);
  const table = await callbacks(['list'], lacking);
  assert.equal(table.code, 0);
  assert.ok(table.out.some((line) => line.includes(workflowId)));
  assert.match(table.notes.join('\n'), /cannot be read: .*under the key k1.*only k2/);
});

test('keys that are none are a problem of the configuration, also here', async () => {
  const wrong = await callbacks(['list'], { COUNTERSIGN_ENCRYPTION_KEYS: 'nokey' });
  assert.equal(wrong.code, 1);
  assert.match(wrong.notes.join('\n'), /key 1 is not of the form/);
});

async function diagnose(more: Environment = {}): Promise<ReadonlyMap<string, Finding>> {
  const options = { environment: { ...environment, ...more } };
  const { out } = await runCli(['doctor', '--json'], options);
  const { findings } = JSON.parse(out.join('\n')) as { findings: readonly Finding[] };
  return new Map(findings.map((finding) => [finding.name, finding]));
}

test('the doctor finds nothing wrong with an encrypted set-up', async () => {
  await stage.countersign.reconcile();
  const findings = await until(async () => {
    const all = await diagnose();
    return all.get('last reconciliation')?.state === 'ok' && all;
  });
  const notWell = [...findings.values()].filter(({ state }) => !/ok|skipped/.test(state));
  assert.deepEqual(notWell, []);
});

test('without the key the doctor names it, and looks over all the rest', async () => {
  const findings = await diagnose({ COUNTERSIGN_ENCRYPTION_KEYS: K2 });
  for (const name of ['Schedule', 'last reconciliation']) {
    const { state, found = '', todo = '' } = findings.get(name) ?? {};
    assert.match(state ?? '', /problem|warning/, name);
    assert.match(found, /under the key k1, and this process has only k2/, name);
    assert.notEqual(todo, '', name);
  }
  assert.equal(findings.get('workers')?.state, 'ok');
  const none = await diagnose({ COUNTERSIGN_ENCRYPTION_KEYS: 'nokey' });
  assert.equal(none.get("worker's settings")?.state, 'problem');
  assert.equal(none.get('namespace')?.state, 'ok');
});
