/** What goes on where a key is lost: what it sealed does not stop those that only look around. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { Client } from '@temporalio/client';
import {
  createPrepareReconciliation,
  type ReconciliationSurroundings,
} from '../activities/prepare-reconciliation.js';
import { completeRuns } from '../activities/reconciliation-runs.js';
import { createRetrySetAside } from '../activities/retry-set-aside.js';
import { createSignerRoutes } from '../activities/signer-routes.js';
import { connect, DocumentClosedError } from '../client/index.js';
import type { Countersign, ListedDocument } from '../client/index.js';
import { createProviderClient, type ProviderClient } from '../provider/provider-client.js';
import type { RunningWorker } from '../worker/main.js';
import { documentWorkflowId, WORKFLOW_TYPES } from '../workflows/contract.js';
import type { CallbackDeliveryInput } from '../workflows/contract.js';
import { inActivity } from './support/in-activity.js';
import { clientWith, configurationWith, workerWith } from './support/other-keys.js';
import { openStage, type Stage } from './support/stage.js';
import { until } from './support/until.js';

const K1 = `k1:${randomBytes(32).toString('base64')}`;
const K2 = `k2:${randomBytes(32).toString('base64')}`;
/** Made anew, under the name of the one that was lost. */
const OTHER_K1 = `k1:${randomBytes(32).toString('base64')}`;

const SET_ASIDE = 'callback:set-aside';

let stage: Stage;
let worker: RunningWorker | undefined;
let countersign: Countersign;
let provider: ProviderClient;
/** Ended while there still was the key. */
let sealed: { readonly id: string; readonly signers: readonly string[] };
/** When the reconciliation that nobody can read any more began. */
let sealedRunAt: string;

before(async () => {
  stage = await openStage({ environment: { COUNTERSIGN_ENCRYPTION_KEYS: K1 } });
  sealed = stage.sandbox.createDocument({ signers: 1 });
  await stage.countersign.trackDocument(sealed.id);
  await stage.sandbox.completeDocument(sealed.id);
  await stage.sandbox.flushCallbacks();
  await stage.countersign.waitForOutcome(sealed.id);
  await stage.client.workflow.getHandle(documentWorkflowId(sealed.id)).result();
  sealedRunAt = (await stage.countersign.reconcile()).report.startedAt;
  const entries: CallbackDeliveryInput['setAside'] = [
    { reason: 'not understood', entry: '{"x":1}' },
    { reason: 'not understood', entry: '{"x":2}' },
  ];
  await stage.client.workflow.execute(WORKFLOW_TYPES.callbackDelivery, {
    workflowId: SET_ASIDE,
    taskQueue: stage.taskQueue,
    args: [{ source: 'batch', receivedAt: '2030-01-01T00:00:00Z', changes: [], setAside: entries }],
  });
  await until(async () => (await stage.client.workflow.count('EntriesSetAside > 0')).count > 0);

  await stage.stopWorker();
  const { taskQueue, provider: options, encryptionKeys } = configurationWith(stage, K2);
  const address = stage.environment['TEMPORAL_ADDRESS'] ?? '';
  worker = await workerWith(stage, K2);
  provider = createProviderClient(options);
  const temporal = { connectionOptions: { address } };
  countersign = await connect({ temporal, taskQueue, provider: options, encryptionKeys });
});

after(async () => {
  await countersign.close();
  provider.close();
  await worker?.close();
  await stage.close();
});

/** A document of which no callback tells: those of this stage's webhook are sealed as well. */
function unheard(): ReturnType<Stage['sandbox']['createDocument']> {
  return stage.sandbox.createDocument({ signers: 1, muted: 1 });
}

function surroundings(client: Client): ReconciliationSurroundings {
  const { reconciliation } = configurationWith(stage, K2);
  const policy = { ...reconciliation.policy, channels: [] };
  return { client, provider, policy, subscriptions: undefined, maxAgeMs: 1 };
}

test('a sealed document is listed beside those that can be read', async () => {
  const { id } = unheard();
  await countersign.trackDocument(id);
  const found = await until(async () => {
    const all: ListedDocument[] = [];
    for await (const each of countersign.listDocuments()) all.push(each);
    return all.length >= 2 && all;
  });
  const byId = new Map(found.map((each) => [each.documentId, each]));
  assert.ok(byId.has(id));
  const { outcome, workflow } = byId.get(sealed.id) ?? assert.fail('the sealed one is not listed');
  assert.deepEqual([outcome, workflow], ['completed', 'completed']);
});

test('what is told to a sealed document that has ended is answered as by any other', async () => {
  await countersign.trackDocument(sealed.id);
  await assert.rejects(countersign.refresh(sealed.id), (error: Error) => {
    assert.ok(error instanceof DocumentClosedError, String(error));
    assert.equal(error.outcome, 'completed');
    return true;
  });
});

test('signers of a sealed document are routed, and those beside them', async () => {
  const { id, signers } = unheard();
  const known = signers.map((signerId) => ({ id: signerId, status: 'sent' as const }));
  await countersign.trackDocument(id, { signers: known });
  const query = `SignerIds IN ('${signers[0]}')`;
  await until(async () => (await stage.client.workflow.count(query)).count === 1);
  for (const keys of [K2, OTHER_K1]) {
    const { documents, unrouted } = await createSignerRoutes(
      clientWith(stage, keys),
      provider,
    ).route([...sealed.signers, ...signers], {
      askProvider: false,
      signal: new AbortController().signal,
      onProgress: () => undefined,
    });
    assert.deepEqual([...unrouted], []);
    assert.equal(documents.get(sealed.signers[0] ?? ''), sealed.id);
    assert.equal(documents.get(signers[0] ?? ''), id);
  }
});

test('a run that cannot be read counts as one of which nothing is known but its time', async () => {
  for (const keys of [K2, OTHER_K1]) {
    const { latest, unreadable } = await completeRuns(clientWith(stage, keys));
    assert.equal(latest, undefined);
    assert.equal(unreadable.length, 1);
    assert.match(unreadable[0]?.reason ?? '', /under the key k1/);
  }
  const client = clientWith(stage, K2);
  const prepared = await inActivity(() =>
    createPrepareReconciliation(surroundings(client))({ scope: {} }),
  );
  // As if there had been none, what happened since would be no news to the run.
  const previousMs = Date.parse(prepared.previousStartedAt ?? '');
  assert.ok(Math.abs(previousMs - Date.parse(sealedRunAt)) < 5_000, prepared.previousStartedAt);
  assert.deepEqual(prepared.setAside.workflowIds, [SET_ASIDE]);
});

test('what a sealed delivery set aside is counted as remaining, and why is said', async () => {
  for (const keys of [K2, OTHER_K1]) {
    const client = clientWith(stage, keys);
    const routes = createSignerRoutes(client, provider);
    const retry = createRetrySetAside({ client, taskQueue: stage.taskQueue, routes });
    const report = await inActivity(() => retry({ workflowIds: [SET_ASIDE, 'callback:absent'] }));
    assert.deepEqual([report.deliveries, report.redelivered, report.remaining], [1, 0, 2]);
    assert.match(
      report.examples.join('\n'),
      /callback:set-aside cannot be read: .*under the key k1/,
    );
  }
});

test('a run over a document that can be read goes through', async () => {
  const { id } = unheard();
  await countersign.trackDocument(id);
  const { report } = await countersign.reconcile({ documentId: id });
  assert.ok(report.isComplete, JSON.stringify(report));
  assert.equal(report.counts.failed, 0);
});
