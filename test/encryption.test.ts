import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { decodePayload } from '../codec/data-converter.js';
import { signedBatch } from '../sandbox/callback-signing.js';
import {
  DIGEST_MEMO,
  documentWorkflowId,
  noticeReceivedSignal,
  progressQuery,
  waitForChangeUpdate,
  WORKFLOW_TYPES,
  type SigningOutcome,
} from '../workflows/contract.js';
import { clientWith, workerWith } from './support/other-keys.js';
import { openStage, type Stage } from './support/stage.js';
import { until } from './support/until.js';

const K1 = `k1:${randomBytes(32).toString('base64')}`;
const K2 = `k2:${randomBytes(32).toString('base64')}`;
const REASON = 'My landlord Zebedee raised the rent';

let stage: Stage;

before(async () => {
  stage = await openStage({
    environment: { COUNTERSIGN_ENCRYPTION_KEYS: K1, CALLBACK_RETRY_PAUSES: '1ms' },
  });
});

after(() => stage.close());

interface Content {
  /** Where in the history, and how encoded. */
  readonly encodings: readonly (readonly [path: string, encoding: string])[];
  readonly texts: readonly string[];
}

/** Everything in a history that is a payload, search attributes apart; and all other texts. */
async function contentOf(workflowId: string): Promise<Content> {
  const encodings: [string, string][] = [];
  const texts: string[] = [];
  const walk = (value: unknown, path: string): void => {
    if (typeof value === 'string') texts.push(value);
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
    const { encoding } = (value as { metadata?: { encoding?: Uint8Array } }).metadata ?? {};
    if (encoding) encodings.push([path, Buffer.from(encoding).toString()]);
    for (const [name, child] of Object.entries(value)) {
      if (name !== 'searchAttributes') walk(child, `${path}.${name}`);
    }
  };
  walk(await stage.client.workflow.getHandle(workflowId).fetchHistory(), '');
  return { encodings, texts };
}

test('a history holds no payload and no failure in the clear, and all works as without', async () => {
  stage.sandbox.changeFaults({ failApi: 1 });
  const { id, signers } = stage.sandbox.createDocument({ signers: 2 });
  await stage.countersign.trackDocument(id);
  const handle = stage.client.workflow.getHandle(documentWorkflowId(id));
  // A failure, on its way into the history of the pending activity.
  await until(async () => {
    const { raw } = await handle.describe();
    const failure = raw.pendingActivities?.[0]?.lastFailure;
    if (!failure) return false;
    assert.equal(failure.message, 'Encoded failure');
    assert.equal(failure.stackTrace, '');
    return true;
  });
  // A failure of the workflow's own: by the bundle's failure converter.
  const rejected = handle.executeUpdate(waitForChangeUpdate, { args: [{} as never] });
  await assert.rejects(rejected, (error: Error & { cause?: Error }) => {
    assert.match(error.cause?.message ?? '', /waitForChange takes/);
    return true;
  });
  stage.sandbox.changeFaults({ failApi: 0 });
  await handle.signal('retry');
  stage.sandbox.advanceSigner(signers[0] ?? '');
  stage.sandbox.advanceSigner(signers[1] ?? '', { status: 'rejected', reason: REASON });
  await stage.sandbox.flushCallbacks();
  const outcome = await stage.countersign.waitForOutcome(id);
  assert.equal(outcome.kind, 'rejected');
  assert.equal(outcome.rejection?.reason, REASON);
  await handle.result();

  const { encodings, texts } = await contentOf(documentWorkflowId(id));
  assert.ok(encodings.length > 8);
  assert.deepEqual(
    // Its details are the server's own: ACTIVITY_ID_NOT_STARTED.
    encodings.filter(
      ([path, encoding]) =>
        encoding !== 'binary/encrypted' && !path.includes('activityTaskCanceled'),
    ),
    [],
  );
  assert.ok(!texts.some((text) => /Zebedee|answered|waitForChange takes/.test(text)));
});

test('the reconciliation reads encrypted memos, and histories with entries set aside', async () => {
  const { id } = stage.sandbox.createDocument({ signers: 1 });
  await stage.countersign.trackDocument(id);
  await stage.sandbox.flushCallbacks();
  await stage.sandbox.idle();
  // No callback tells visibility of it.
  const stranger = stage.sandbox.createDocument({ signers: 1, muted: 1 });
  const entry = {
    timestamp: new Date().toISOString().slice(0, 19),
    name: 'status',
    value: '20',
    resource_uri: `/api/v1/signer/${stranger.signers[0]}/`,
  };
  stage.sandbox.changeFaults({ failApi: 1 });
  const { headers, body } = signedBatch([entry], stage.sandbox.keyPair.privateKey);
  const url = `${stage.webhookUrl}/callbacks/legalesign`;
  await fetch(url, { method: 'POST', headers, body: new Uint8Array(body) });
  await until(async () => (await stage.client.workflow.count('EntriesSetAside > 0')).count > 0);
  stage.sandbox.changeFaults({ failApi: 0 });
  await until(async () => {
    const { memo } = await stage.client.workflow.getHandle(documentWorkflowId(id)).describe();
    return typeof memo?.[DIGEST_MEMO] === 'string';
  });
  const { report } = await stage.countersign.reconcile();
  assert.equal(report.counts.failed, 0, JSON.stringify(report.failedParts));
  assert.ok(report.isComplete);
  // With those that the first test left behind.
  assert.ok(report.setAside.redelivered >= 1);
  // Handed to deliveries of their own, which the run does not wait for.
  await until(async () => {
    const { signers } = await stage.countersign.progress(stranger.id);
    return signers[0]?.status === 'visited';
  });
});

test('a document from before encryption goes on, and one under an old key after rotation', async () => {
  await stage.stopWorker();
  const plain = await workerWith(stage, '');
  // Without callbacks: those of this stage's webhook are encrypted already.
  const { id } = stage.sandbox.createDocument({ signers: 1, muted: 1 });
  const workflowId = documentWorkflowId(id);
  const bare = clientWith(stage, '');
  await bare.workflow.start(WORKFLOW_TYPES.documentSigning, {
    workflowId,
    taskQueue: stage.taskQueue,
    args: [{ documentId: id }],
  });
  await until(async () => (await bare.workflow.getHandle(workflowId).query(progressQuery)).number);
  await plain.close();

  await stage.startWorker();
  await stage.countersign.trackDocument(id, { tag: 'encrypted-from-here' });
  await until(async () => (await stage.countersign.progress(id)).tag);
  await stage.stopWorker();

  await stage.sandbox.completeDocument(id);
  await stage.client.workflow.getHandle(workflowId).signal(noticeReceivedSignal);

  const rotated = await workerWith(stage, `${K2},${K1}`);
  try {
    const newer = clientWith(stage, `${K2},${K1}`);
    const outcome = (await newer.workflow.getHandle(workflowId).result()) as SigningOutcome;
    assert.equal(outcome.kind, 'completed');
    const { encodings } = await contentOf(workflowId);
    const kinds = new Set(encodings.map(([, encoding]) => encoding));
    assert.deepEqual(kinds, new Set(['json/plain', 'binary/encrypted']));
  } finally {
    await rotated.close();
    await stage.startWorker();
  }
});

test('a worker without the key says which one it lacks, loses nothing, and is healed by it', async () => {
  await stage.stopWorker();
  const { id } = stage.sandbox.createDocument({ signers: 1 });
  await stage.countersign.trackDocument(id);
  const handle = stage.client.workflow.getHandle(documentWorkflowId(id));
  const other = await workerWith(stage, K2);
  const attributes = await until(async () => {
    const { events } = await handle.fetchHistory();
    return events?.flatMap(
      (event) => event.workflowTaskFailedEventAttributes?.failure?.encodedAttributes ?? [],
    )[0];
  });
  const { loadedDataConverter } = clientWith(stage, K2).options;
  const told = await decodePayload<{ message: string }>(loadedDataConverter, attributes);
  assert.match(told.message, /encrypted under the key k1, and this process has only k2/);
  await other.close();
  await stage.startWorker();
  await stage.sandbox.completeDocument(id);
  await stage.sandbox.flushCallbacks();
  assert.equal((await stage.countersign.waitForOutcome(id)).kind, 'completed');
  // A client without the key: the same words.
  await assert.rejects(clientWith(stage, '').workflow.getHandle(documentWorkflowId(id)).result(), {
    message: /encrypted under the key k1, and this process has no key at all/,
  });
});
