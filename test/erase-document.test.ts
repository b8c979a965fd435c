import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Client } from '@temporalio/client';
import { eraseDocument, planErasure, type Archive, type ErasurePlan } from '../activities/index.js';
import { openArchive } from '../activities/index.js';
import { namingOf } from '../activities/erase-document.js';
import { createDataConverter } from '../codec/data-converter.js';
import { createProviderClient, type ProviderClient } from '../provider/provider-client.js';
import { readConfiguration } from '../worker/configuration.js';
import {
  documentWorkflowId,
  SEARCH_ATTRIBUTES,
  type ArchiveReceipt,
} from '../workflows/contract.js';
import { openReceiver, type Receiver } from './support/receiver.js';
import { openStage, type Stage } from './support/stage.js';
import { until } from './support/until.js';

let receiver: Receiver;
let stage: Stage;
let archive: Archive;
let provider: ProviderClient;

before(async () => {
  receiver = await openReceiver();
  stage = await openStage({
    environment: { NOTIFY_WEBHOOK_URL: receiver.url, NOTIFY_WEBHOOK_SECRETS: receiver.secret },
  });
  archive = openArchive(pathToFileURL(stage.archiveFolder).href);
  provider = createProviderClient(readConfiguration(stage.environment).provider);
});

after(async () => {
  provider.close();
  await stage.close();
  await receiver.close();
});

const NOW = '2030-01-31T12:00:00.000Z';

function plan(documentId: string): Promise<ErasurePlan> {
  return planErasure({ client: stage.client, archive, provider }, { documentId, nowIso: NOW });
}

/** Archived, closed, with a batch of its own behind it, all of it visible. */
async function finished(on = stage): Promise<{ id: string; signers: readonly string[] }> {
  const { client, countersign, sandbox } = on;
  const { id, signers } = sandbox.createDocument({ signers: 2 });
  await countersign.trackDocument(id);
  sandbox.advanceSigner(signers[0] ?? '');
  await sandbox.flushCallbacks();
  await sandbox.completeDocument(id);
  await sandbox.flushCallbacks();
  await sandbox.idle();
  await client.workflow.getHandle(documentWorkflowId(id)).result();
  await until(async () => (await client.workflow.count(`ExecutionStatus='Running'`)).count === 0);
  return { id, signers };
}

function idsOf(histories: ErasurePlan['histories']): readonly string[] {
  return histories.map(({ workflowId }) => workflowId);
}

async function receiptOf(id: string): Promise<ArchiveReceipt> {
  const text = await readFile(join(stage.archiveFolder, id, 'receipt.json'), 'utf8');
  return JSON.parse(text) as ArchiveReceipt;
}

async function untilForgotten({ histories }: ErasurePlan): Promise<void> {
  for (const { workflowId, runId } of histories) {
    const query = `WorkflowId = '${workflowId}' AND RunId = '${runId}'`;
    await until(async () => (await stage.client.workflow.count(query)).count === 0);
  }
}

test('a document is erased: files, its histories, its callbacks; a tombstone stays', async () => {
  const { id, signers } = await finished();
  const before = await receiptOf(id);
  const planned = await plan(id);
  assert.equal(planned.obstacle, undefined);
  assert.equal(planned.files.length, 2);
  assert.equal(planned.histories.at(-1)?.workflowId, documentWorkflowId(id));
  assert.ok(planned.histories.some(({ workflowId }) => workflowId.startsWith('callback:')));
  assert.deepEqual(planned.shared, []);
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['cli/countersign.js', 'erase', id, '--dry-run'],
    { env: { ...process.env, ...stage.environment }, timeout: 60_000 },
  );
  assert.match(stdout, /file {6}.*document\.pdf\n/);
  assert.ok(planned.histories.every(({ runId }) => stdout.includes(runId)));
  // Planning changed nothing.
  assert.deepEqual(await receiptOf(id), before);

  await eraseDocument({ client: stage.client, archive }, planned);
  await untilForgotten(planned);
  assert.deepEqual(await readdir(join(stage.archiveFolder, id)), ['receipt.json']);
  const tombstone = await receiptOf(id);
  assert.deepEqual(tombstone, { ...before, erasedAt: NOW, changes: [] });
  assert.ok(!signers.some((signer) => JSON.stringify(tombstone).includes(signer)));

  const again = await plan(id);
  assert.deepEqual([again.files, again.histories, again.obstacle], [[], [], undefined]);
  assert.equal(again.tombstone.erasedAt, NOW);

  // A late callback, and a reconciliation: no second life, and nothing is announced.
  const announced = receiver.messages.length;
  await stage.countersign.trackDocument(id);
  const outcome = await stage.countersign.waitForOutcome(id);
  assert.equal(outcome.alreadyArchived, true);
  await stage.countersign.reconcile({ documentId: id });
  assert.equal(receiver.messages.length, announced);
  assert.equal(existsSync(join(stage.archiveFolder, id, 'document.pdf')), false);
});

test('of many signers, without a receipt that names them, all callbacks are found', async () => {
  const { id, signers } = stage.sandbox.createDocument({
    signers: Array.from({ length: 80 }, () => ({ order: 1 })),
  });
  await stage.countersign.trackDocument(id, { deadline: new Date(0).toISOString() });
  assert.equal((await stage.countersign.waitForOutcome(id)).kind, 'expired');
  const handle = stage.client.workflow.getHandle(documentWorkflowId(id));
  const { typedSearchAttributes } = await handle.describe();
  const searchable = typedSearchAttributes.get(SEARCH_ATTRIBUTES.signerIds) ?? [];
  const others = signers.filter((signer) => !searchable.includes(signer));
  assert.ok(others.length > 2);
  // In a batch of its own each.
  for (const signer of others.slice(0, 2)) {
    stage.sandbox.advanceSigner(signer);
    await stage.sandbox.flushCallbacks();
  }
  await stage.sandbox.idle();
  await until(
    async () => (await stage.client.workflow.count(`ExecutionStatus='Running'`)).count === 0,
  );
  const { histories } = await plan(id);
  const callbacks = histories.filter(({ workflowId }) => workflowId.startsWith('callback:'));
  assert.equal(callbacks.length, 2);
});

test('what is encrypted under a key that is not there is left only where that is said', async (t) => {
  const [then, now] = ['then', 'now'].map((id) => ({ id, secret: randomBytes(32) }));
  assert.ok(then && now);
  const sealed = await openStage({
    environment: {
      COUNTERSIGN_ENCRYPTION_KEYS: `${then.id}:${Buffer.from(then.secret).toString('base64')}`,
    },
  });
  t.after(() => sealed.close());
  const { id } = await finished(sealed);
  const { connection } = sealed.client;
  const client = new Client({ connection, dataConverter: createDataConverter([now], 'null') });
  const itsArchive = openArchive(pathToFileURL(sealed.archiveFolder).href);
  const order = { documentId: id, nowIso: NOW };
  const sealedErasure = { client, archive: itsArchive, provider: undefined };
  const refused = await planErasure(sealedErasure, order);
  assert.match(refused.obstacle ?? '', /not among COUNTERSIGN_ENCRYPTION_KEYS: add it/);
  await assert.rejects(eraseDocument(sealedErasure, refused), /--leave-unreadable/);
  assert.ok((await readdir(join(sealed.archiveFolder, id))).length > 1);
  const readable = await planErasure({ ...sealedErasure, client: sealed.client }, order);
  assert.equal(readable.obstacle, undefined);
  assert.deepEqual(readable.unreadable, []);

  const planned = await planErasure(sealedErasure, { ...order, leavesUnreadable: true });
  const own = documentWorkflowId(id);
  assert.equal(planned.obstacle, undefined);
  assert.deepEqual(idsOf(planned.histories), [own]);
  assert.ok(planned.unreadable.length > 0);
  assert.deepEqual([...idsOf(readable.histories)].sort(), [...planned.unreadable, own].sort());
  await eraseDocument(sealedErasure, planned);
  assert.deepEqual(await readdir(join(sealed.archiveFolder, id)), ['receipt.json']);
  for (const workflowId of planned.unreadable) {
    await sealed.client.workflow.getHandle(workflowId).describe();
  }
});

test('an erasure that dies between two histories is gone on with', async () => {
  const { id } = await finished();
  const planned = await plan(id);
  assert.ok(planned.histories.length >= 2);
  // As if killed after the first history, when tombstone and files were done.
  const dying: Archive = {
    ...archive,
    erase: async (documentId, tombstone) => {
      if (tombstone.changes.length === 0) throw new Error('killed');
      await archive.erase(documentId, tombstone);
    },
  };
  const begun = { ...planned, histories: planned.histories.slice(0, 1) };
  await assert.rejects(eraseDocument({ client: stage.client, archive: dying }, begun), /killed/);
  await untilForgotten(begun);
  assert.equal((await receiptOf(id)).erasedAt, NOW);

  const rest = await plan(id);
  assert.deepEqual(rest.files, []);
  assert.deepEqual(
    rest.histories.map(({ runId }) => runId).sort(),
    planned.histories
      .slice(1)
      .map(({ runId }) => runId)
      .sort(),
  );
  await eraseDocument({ client: stage.client, archive }, rest);
  await untilForgotten(rest);
  assert.deepEqual((await receiptOf(id)).changes, []);
});

test('a document is erased also where nobody reads what the command says of it', async () => {
  const { id } = await finished();
  const command = `'${process.execPath}' --import tsx cli/run-process.ts erase ${id} --yes`;
  await promisify(execFile)('bash', ['-c', `set -o pipefail; ${command} | true`], {
    env: { ...process.env, ...stage.environment },
    timeout: 60_000,
  });
  assert.ok((await receiptOf(id)).erasedAt);
});

test('an open document is not erased', async () => {
  const { id } = stage.sandbox.createDocument({ signers: 1, muted: 1 });
  await stage.countersign.trackDocument(id);
  const query = `WorkflowId = '${documentWorkflowId(id)}'`;
  await until(async () => (await stage.client.workflow.count(query)).count === 1);
  const planned = await plan(id);
  assert.match(
    planned.obstacle ?? '',
    /still open in Temporal: remove the document at the provider/,
  );
  await assert.rejects(eraseDocument({ client: stage.client, archive }, planned), /still open/);
  assert.equal(await archive.readReceipt(id), undefined);
  stage.sandbox.removeDocument(id);
});

const change = { subject: 'signer', status: 'signed', at: NOW, position: 0 } as const;
const delivery = { source: 'batch', receivedAt: NOW, setAside: [] } as const;

test('a callback goes only if it names nobody else', () => {
  const signers = new Set(['s1', 's2']);
  const naming = (
    ids: readonly string[],
    setAside: readonly { reason: string; entry: string }[] = [],
  ): string =>
    namingOf(
      { ...delivery, changes: ids.map((id) => ({ ...change, id })), setAside },
      'd1',
      signers,
    );
  assert.equal(naming(['s1', 's2']), 'alone');
  assert.equal(naming(['s1', 'stranger']), 'shared');
  assert.equal(naming(['stranger']), 'others');
  assert.equal(naming([]), 'others');
  assert.equal(naming(['s1'], [{ reason: 'unreadable', entry: '{"x":1}' }]), 'shared');
  assert.equal(namingOf({ ...delivery, changes: [], hints: ['d1'] }, 'd1', signers), 'alone');
});
