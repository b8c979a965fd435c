/** IDs that climb out of folders, from every side from which one can come, on the real thing. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { after, before, test } from 'node:test';
import { createProviderClient } from '../provider/provider-client.js';
import { ID_PATTERN } from '../workflows/contract.js';
import { HOSTILE_IDS } from './fuzz/hostile-json.js';
import { json, startStage } from './support/provider-stage.js';
import { openStage, type Stage } from './support/stage.js';
import { sendTo } from './support/webhook-harness.js';
import {
  batchRequest,
  documentEvent,
  entry,
  hintRequest,
  jsonRequest,
  noticeRequest,
  recipientEvent,
  signerWith,
  type TestRequest,
  type TestSigner,
} from './support/webhook-signing.js';
import { until } from './support/until.js';

const TOKEN = 'a-token-for-hostile-hints';
const CLIMBING = HOSTILE_IDS.filter((id) => !ID_PATTERN.test(id));

let stage: Stage;
before(async () => {
  stage = await openStage({
    subscribes: false,
    environment: { WEBHOOK_TOKENS: TOKEN, CALLBACK_RETRY_PAUSES: '1ms' },
  });
});
after(() => stage.close());

const signer = (): TestSigner => signerWith(stage.sandbox.keyPair.privateKey);

function realtime(event: Record<string, unknown>): TestRequest {
  const body = Buffer.from(JSON.stringify(event));
  return jsonRequest(body, { 'x-signed-sha256': signer().signature('sha256', body) });
}

/** Every file and folder around and in the archive. */
async function everything(): Promise<string[]> {
  const names = await readdir(dirname(stage.archiveFolder), { recursive: true });
  // The sandbox writes its own state whenever it likes.
  return names.filter((name) => !name.startsWith('sandbox')).sort();
}

async function workflowIds(): Promise<string[]> {
  const ids: string[] = [];
  for await (const { workflowId } of stage.client.workflow.list()) ids.push(workflowId);
  return ids;
}

const formats: Readonly<Record<string, (id: string) => TestRequest>> = {
  batch: (id) => batchRequest(signer(), JSON.stringify([entry('document', id, '100')])),
  notice: (id) =>
    noticeRequest(signer(), JSON.stringify({ resource_uri: `/api/v1/document/${id}/` })),
  'realtime event of a document': (id) => realtime(documentEvent(id)),
  'realtime event of a signer': (id) => realtime(recipientEvent(id)),
  hint: (id) => hintRequest(id, TOKEN),
};

for (const [name, request] of Object.entries(formats)) {
  test(`a ${name} whose document's ID is none is acknowledged, and moves nothing`, async () => {
    const before = await everything();
    const port = Number(new URL(stage.webhookUrl).port);
    for (const id of CLIMBING) {
      const { status } = await sendTo(port, request(id));
      assert.equal(status, 200, id.slice(0, 80));
    }
    const running = `WorkflowType = 'callbackDelivery' AND ExecutionStatus = 'Running'`;
    await until(async () => (await stage.client.workflow.count(running)).count === 0);
    const begun = await workflowIds();
    assert.deepEqual(
      begun.filter((id) => id.startsWith('document:')),
      [],
    );
    assert.deepEqual(await everything(), before);
  });
}

test('an ID that is none is refused by every call of the client, before anything is sent', async () => {
  const before = await workflowIds();
  const { countersign } = stage;
  for (const id of CLIMBING) {
    await assert.rejects(countersign.trackDocument(id), RangeError);
    await assert.rejects(countersign.progress(id));
    await assert.rejects(countersign.refresh(id));
    await assert.rejects(countersign.stop(id, 'no'));
    await assert.rejects(countersign.waitForOutcome(id));
  }
  assert.deepEqual(await workflowIds(), before);
});

test('an ID that is none in the provider’s answers is no document and no signer', async () => {
  const answers = { id: '' };
  const server = await startStage((request, response) => {
    const { id } = answers;
    const document = {
      uuid: id,
      resource_uri: `/api/v1/document/${id}/`,
      status: '30',
      signer_objects: [{ uuid: id, resource_uri: `/api/v1/signer/${id}/`, status: '40' }],
    };
    const isListing = request.url?.includes('cache') ?? false;
    json(isListing ? { meta: {}, objects: [document] } : { ...document, document: id })(
      request,
      response,
    );
  });
  const client = createProviderClient({
    apiUrl: `${server.origin}/api/v1`,
    apiKey: 'test:key',
    timeoutMs: 5000,
  });
  try {
    for (const id of CLIMBING) {
      answers.id = id;
      const page = await client.listDocuments({ kind: 'cache', limit: 10, offset: 0 });
      assert.deepEqual([page?.documents, page?.unreadable], [[], 1]);
      await assert.rejects(client.getSigner('some-signer'));
      assert.deepEqual((await client.getDocument('some-document'))?.signers, []);
      await assert.rejects(client.getDocument(id));
    }
  } finally {
    client.close();
    await server.close();
  }
});
