/**
 * What is large works, or is refused in words: the figures of docs/limits.md. Reduced where the
 * whole takes longer than a test may; `LIMITS_FULL=1` runs it at full size.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import {
  documentWorkflowId,
  SEARCH_ATTRIBUTES,
  statusChangedSignal,
  WORKFLOW_TYPES,
  type StatusReport,
} from '../workflows/contract.js';
import { documentPage } from '../provider/document-listing.js';
import { readConfiguration } from '../worker/configuration.js';
import { openStage, type Stage } from './support/stage.js';
import { until } from './support/until.js';
import { sendTo } from './support/webhook-harness.js';
import {
  batchRequest,
  entry,
  jsonRequest,
  recipientEvent,
  signerWith,
  type TestSigner,
} from './support/webhook-signing.js';

const isFull = process.env['LIMITS_FULL'] === '1';
const PATIENCE = { timeout: isFull ? 600_000 : 120_000 };

/** Through the door, where callbacks that come together share a write. */
const CALLBACKS = isFull ? 12_000 : 1_000;
/** Past the door: more than one run of a document's workflow takes (2,000). */
const SIGNALS = 2_500;
const BATCH_ENTRIES = 50_000;
const BATCH_DOCUMENTS = 20;

let stage: Stage;
before(async () => {
  stage = await openStage({
    subscribes: false,
    environment: { CALLBACK_RETRY_PAUSES: '1ms' },
  });
});
after(() => stage.close());

const signer = (): TestSigner => signerWith(stage.sandbox.keyPair.privateKey);

async function inFlights<Item>(
  items: readonly Item[],
  atOnce: number,
  run: (item: Item) => Promise<unknown>,
): Promise<void> {
  for (let start = 0; start < items.length; start += atOnce) {
    await Promise.all(items.slice(start, start + atOnce).map(run));
  }
}

/** What is told of it is newer than what the provider shows: that would outrank it. */
function secondsAfter(documentId: string): number {
  return Math.ceil(stage.sandbox.document(documentId).modified / 1000) + 1;
}

test(`one document takes ${CALLBACKS} callbacks at the door`, PATIENCE, async () => {
  const { id, signers } = stage.sandbox.createDocument({ signers: 1 });
  const signerId = signers[0] ?? '';
  const signs = signer();
  const firstSeconds = secondsAfter(id);
  const port = Number(new URL(stage.webhookUrl).port);
  const numbers = Array.from({ length: CALLBACKS }, (_, index) => index);
  await inFlights(numbers, 100, async (index) => {
    const isLast = index === CALLBACKS - 1;
    const event = isLast ? 'recipient.visiting' : 'recipient.emailOpened';
    const body = JSON.stringify({
      ...recipientEvent(id, event, { uuid: signerId }),
      created: firstSeconds + index,
    });
    const signature = signs.signature('sha256', Buffer.from(body));
    const answer = await sendTo(port, jsonRequest(body, { 'x-signed-sha256': signature }));
    assert.equal(answer.status, 200, answer.text);
  });
  await until(async () => {
    const view = await stage.countersign.progress(id).catch(() => undefined);
    return view?.signers[0]?.status === 'visited';
  });
  await stage.sandbox.completeDocument(id);
  await stage.countersign.refresh(id);
  assert.equal((await stage.countersign.waitForOutcome(id)).kind, 'completed');
});

test(`one document takes ${SIGNALS} signals at once, over several runs`, PATIENCE, async () => {
  const { id, signers } = stage.sandbox.createDocument({ signers: 1 });
  await stage.countersign.trackDocument(id);
  const handle = stage.client.workflow.getHandle(documentWorkflowId(id));
  const first = (await handle.describe()).runId;
  const firstSeconds = secondsAfter(id);
  const numbers = Array.from({ length: SIGNALS }, (_, index) => index);
  await inFlights(numbers, 50, (index) => {
    const at = new Date((firstSeconds + index) * 1000).toISOString();
    const status = index === SIGNALS - 1 ? 'visited' : 'emailOpened';
    const change = { subject: 'signer', id: signers[0] ?? '', status, at, position: 0 } as const;
    const report: StatusReport = { source: 'realtime', changes: [change] };
    return handle.signal(statusChangedSignal, report);
  });
  const progress = await until(async () => {
    const view = await stage.countersign.progress(id);
    return view.signers[0]?.status === 'visited' && view;
  });
  assert.equal(progress.signers.length, 1);
  await until(async () => (await handle.describe()).runId !== first);
  await stage.sandbox.completeDocument(id);
  await stage.countersign.refresh(id);
  assert.equal((await stage.countersign.waitForOutcome(id)).kind, 'completed');
});

test(`a batch of ${BATCH_ENTRIES} entries arrives whole, in parts`, PATIENCE, async () => {
  const ids = Array.from({ length: BATCH_DOCUMENTS }, () => randomUUID());
  const entries = Array.from({ length: BATCH_ENTRIES }, (_, index) =>
    entry('document', ids[index % ids.length] ?? '', '20'),
  );
  const answer = await sendTo(
    Number(new URL(stage.webhookUrl).port),
    batchRequest(signer(), JSON.stringify(entries)),
  );
  assert.equal(answer.status, 200);
  const digest = await until(async () => {
    for await (const { workflowId } of stage.client.workflow.list()) {
      const [, found] = /^callback:([0-9a-f]{64}):2$/.exec(workflowId) ?? [];
      if (found !== undefined) return found;
    }
    return undefined;
  });
  let delivered = 0;
  let parts = 0;
  for (; delivered < BATCH_ENTRIES; parts += 1) {
    const suffix = parts === 0 ? '' : `:${parts + 1}`;
    const handle = stage.client.workflow.getHandle(`callback:${digest}${suffix}`);
    const result = (await handle.result()) as { delivered: number; setAside: unknown[] };
    assert.deepEqual(result.setAside, []);
    delivered += result.delivered;
  }
  assert.equal(delivered, BATCH_ENTRIES);
  assert.ok(parts > 1);
});

test(
  'a document with 100 signers hears of each, those beyond the search attribute too',
  PATIENCE,
  async () => {
    const { id, signers } = stage.sandbox.createDocument({
      signers: Array.from({ length: 100 }, () => ({})),
    });
    await stage.countersign.trackDocument(id);
    const handle = stage.client.workflow.getHandle(documentWorkflowId(id));
    const found = await until(async () =>
      (await handle.describe()).typedSearchAttributes.get(SEARCH_ATTRIBUTES.signerIds),
    );
    assert.ok(found.length < 100);
    const entries = signers.map((signerId) => entry('signer', signerId, '20'));
    await sendTo(
      Number(new URL(stage.webhookUrl).port),
      batchRequest(signer(), JSON.stringify(entries)),
    );
    await until(async () => {
      const view = await stage.countersign.progress(id);
      return view.signers.filter(({ status }) => status === 'visited').length === 100;
    });
  },
);

test('a page of 5,000 documents is read; to be asked for, it is refused in words', () => {
  const rows = Array.from({ length: 5000 }, () => ({ uuid: randomUUID(), status: '10' }));
  const page = documentPage({ meta: { next: null }, objects: rows }, undefined);
  assert.equal(page?.documents.length, 5000);
  const environment = { ...stage.environment, RECONCILE_PAGE_SIZE: '5000' };
  assert.throws(() => readConfiguration(environment), /RECONCILE_PAGE_SIZE.*1000/);
});

/** Temporal's number of `WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND`. */
const UNHANDLED_COMMAND = 1;

/** Sticky caches hold few documents where there are many: each is replayed when it is called on. */
const OPEN_DOCUMENTS = isFull ? 1000 : 60;
test(`${OPEN_DOCUMENTS} open documents on a worker that caches ten`, PATIENCE, async () => {
  const small = await openStage({ subscribes: false, maxCachedWorkflows: 10 });
  try {
    const created = small.sandbox.createDocuments(OPEN_DOCUMENTS, { signers: 1 });
    await inFlights(created, 25, ({ id }) => small.countersign.trackDocument(id));
    const open = `WorkflowType = '${WORKFLOW_TYPES.documentSigning}' AND ExecutionStatus = 'Running'`;
    await until(async () => (await small.client.workflow.count(open)).count === OPEN_DOCUMENTS);
    await inFlights(created, 25, async ({ id }) => {
      await small.sandbox.completeDocument(id);
      await small.countersign.refresh(id);
    });
    await inFlights(created, 25, async ({ id }) => {
      assert.equal((await small.countersign.waitForOutcome(id)).kind, 'completed');
      const handle = small.client.workflow.getHandle(documentWorkflowId(id));
      for (const event of (await handle.fetchHistory()).events ?? []) {
        // A signal that came while the workflow ended is no fault; anything else would be.
        const { cause, failure } = event.workflowTaskFailedEventAttributes ?? {};
        assert.ok(
          [0, UNHANDLED_COMMAND].includes(cause ?? 0),
          `${String(cause)} ${failure?.message}`,
        );
      }
    });
  } finally {
    await small.close();
  }
});
