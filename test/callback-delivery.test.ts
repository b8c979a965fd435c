import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { NotTrackedError } from '../client/index.js';
import { signedBatch, type BatchEntry } from '../sandbox/callback-signing.js';
import {
  callbackWorkflowId,
  SEARCH_ATTRIBUTES,
  type CallbackDeliveryResult,
} from '../workflows/contract.js';
import { openStage, type Stage } from './support/stage.js';

const TOKEN = 'a-token-for-unsigned-callbacks';

let stage: Stage;

before(async () => {
  stage = await openStage({
    subscribes: false,
    environment: { WEBHOOK_TOKENS: TOKEN, CALLBACK_RETRY_PAUSES: '1ms,1ms' },
  });
});

after(() => stage.close());

const now = (): string => new Date().toISOString().slice(0, 19);

function signerEntry(id: string, value: string, timestamp = now()): BatchEntry {
  return { timestamp, name: 'status', value, resource_uri: `/api/v1/signer/${id}/` };
}

interface Answer {
  readonly status: number;
  readonly body: { readonly result?: string };
  /** What became of the batch, once its workflow ended. */
  readonly delivery: () => Promise<CallbackDeliveryResult>;
  readonly workflowId: string;
}

async function post(entries: readonly BatchEntry[]): Promise<Answer> {
  const data = JSON.stringify(entries);
  const { headers, body } = signedBatch(entries, stage.sandbox.keyPair.privateKey);
  const url = `${stage.webhookUrl}/callbacks/legalesign`;
  const response = await fetch(url, { method: 'POST', headers, body: new Uint8Array(body) });
  const workflowId = callbackWorkflowId(createHash('sha256').update(data).digest('hex'));
  return {
    status: response.status,
    body: (await response.json()) as Answer['body'],
    workflowId,
    delivery: () =>
      stage.client.workflow.getHandle(workflowId).result() as Promise<CallbackDeliveryResult>,
  };
}

async function signerStatuses(documentId: string): Promise<string[]> {
  return (await stage.countersign.progress(documentId)).signers.map(({ status }) => status);
}

describe('a batch', () => {
  test('reaches tracked documents and strangers alike, each with one signal', async () => {
    const tracked = stage.sandbox.createDocument({ signers: 2 });
    const stranger = stage.sandbox.createDocument({ signers: 1 });
    await stage.countersign.trackDocument(tracked.id);
    const answer = await post([
      ...tracked.signers.map((id) => signerEntry(id, '40')),
      signerEntry(stranger.signers[0] ?? '', '20'),
    ]);
    assert.equal(answer.status, 200);
    const { delivered, documents, setAside } = await answer.delivery();
    // A signer found only by asking the provider comes in a delivery of its own.
    assert.equal(delivered, 3);
    assert.ok(documents >= 2);
    assert.deepEqual(setAside, []);
    assert.deepEqual(await signerStatuses(tracked.id), ['signed', 'signed']);
    assert.deepEqual(await signerStatuses(stranger.id), ['visited']);
  });

  test('delivered again is acknowledged and does nothing', async () => {
    const { id, signers } = stage.sandbox.createDocument({ signers: 1 });
    await stage.countersign.trackDocument(id);
    const entries = [signerEntry(signers[0] ?? '', '20')];
    const first = await post(entries);
    await first.delivery();
    const { revision } = await stage.countersign.progress(id);
    const second = await post(entries);
    assert.deepEqual([second.status, second.body.result], [200, 'duplicate']);
    assert.equal((await stage.countersign.progress(id)).revision, revision);
  });

  test('sets a signer aside whom nobody knows, where ops see it, and delivers the rest', async () => {
    const { id, signers } = stage.sandbox.createDocument({ signers: 1 });
    await stage.countersign.trackDocument(id);
    const unknown = randomUUID();
    const answer = await post([
      signerEntry(unknown, '40'),
      signerEntry(signers[0] ?? '', '20'),
      { timestamp: now(), name: 'mood', value: 'sunny', resource_uri: '/api/v1/weather/1/' },
    ]);
    assert.equal(answer.status, 200);
    const { delivered, setAside } = await answer.delivery();
    assert.equal(delivered, 1);
    assert.equal(setAside.length, 2);
    assert.ok(setAside.some(({ reason }) => reason.includes('does not know this signer')));
    assert.ok(setAside.some(({ examples }) => examples.join().includes(unknown)));
    assert.deepEqual(await signerStatuses(id), ['visited']);
    const { typedSearchAttributes: found } = await stage.client.workflow
      .getHandle(answer.workflowId)
      .describe();
    assert.equal(found.get(SEARCH_ATTRIBUTES.entriesSetAside), 2);
  });

  test('of many signers of whom the provider tells nothing ends, with few reasons', async () => {
    stage.sandbox.changeFaults({ failApi: 1 });
    const answer = await post(Array.from({ length: 300 }, () => signerEntry(randomUUID(), '40')));
    const { setAside } = await answer.delivery();
    stage.sandbox.changeFaults({ failApi: 0 });
    assert.deepEqual(
      setAside.map(({ reason, count }) => [reason, count]),
      [['the provider could not be asked: unavailable, answered 500', 300]],
    );
    assert.equal(setAside[0]?.indexes?.length, 300);
  });

  test('older than the limit is held: shown, not delivered', async () => {
    const { id, signers } = stage.sandbox.createDocument({ signers: 1 });
    await stage.countersign.trackDocument(id);
    const answer = await post([signerEntry(signers[0] ?? '', '40', '2018-03-20T07:09:52')]);
    assert.deepEqual([answer.status, answer.body.result], [200, 'setAside']);
    const { delivered, setAside } = await answer.delivery();
    assert.equal(delivered, 0);
    assert.match(setAside[0]?.reason ?? '', /older than 7d/);
    assert.notDeepEqual(await signerStatuses(id), ['signed']);
  });

  test('is routed in order of its list within a second', async () => {
    const { id, signers } = stage.sandbox.createDocument({ signers: 1 });
    await stage.countersign.trackDocument(id);
    const [signer = ''] = signers;
    const second = new Date(Date.now() + 60_000).toISOString().slice(0, 19);
    const steps = ['20', '40', '10'].map((value) => signerEntry(signer, value, second));
    await (await post(steps)).delivery();
    assert.deepEqual(await signerStatuses(id), ['sent']);
  });
});

describe('an unsigned callback with the token', () => {
  async function postHint(documentId: string, token: string): Promise<Response> {
    return fetch(`${stage.webhookUrl}/callbacks/legalesign/${token}`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        resource_uri: `/api/v1/document/${documentId}/`,
        group: '/api/v1/group/test/',
        name: 'Agreement',
        uuid: documentId,
        tag: '',
      }),
    });
  }

  test('makes a tracked document ask the provider', async () => {
    const { id } = stage.sandbox.createDocument({ signers: 1 });
    await stage.countersign.trackDocument(id);
    await stage.sandbox.completeDocument(id);
    assert.equal((await postHint(id, TOKEN)).status, 200);
    assert.equal((await stage.countersign.waitForOutcome(id)).kind, 'completed');
  });

  test('starts a document that the provider knows', async () => {
    const { id } = stage.sandbox.createDocument({ signers: 1 });
    await stage.sandbox.completeDocument(id);
    assert.equal((await postHint(id, TOKEN)).status, 200);
    while (!(await isTracked(id))) await setImmediate();
    assert.equal((await stage.countersign.waitForOutcome(id)).kind, 'completed');
  });

  test('starts nothing for a document that the provider does not know', async () => {
    const id = randomUUID();
    assert.equal((await postHint(id, TOKEN)).status, 200);
    const query = `WorkflowType = 'callbackDelivery' AND EntriesSetAside = 1`;
    const before = (await stage.client.workflow.count(query)).count;
    assert.equal((await postHint(id, TOKEN)).status, 200);
    while ((await stage.client.workflow.count(query)).count === before) await setImmediate();
    assert.equal(await isTracked(id), false);
  });

  test('is refused without the token, and with another', async () => {
    const { id } = stage.sandbox.createDocument({ signers: 1 });
    assert.equal((await postHint(id, 'another')).status, 401);
    assert.equal((await postHint(id, '')).status, 401);
    assert.equal(await isTracked(id), false);
  });

  async function isTracked(documentId: string): Promise<boolean> {
    try {
      await stage.countersign.progress(documentId);
      return true;
    } catch (error) {
      if (error instanceof NotTrackedError) return false;
      throw error;
    }
  }
});
