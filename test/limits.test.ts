/**
 * What is large works, or is refused in words: the figures of docs/limits.md. Reduced where the
 * whole takes longer than a test may; `LIMITS_FULL=1` runs it at full size.
 */
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { openArchive } from '../activities/index.js';
import {
  documentWorkflowId,
  NO_COUNTS,
  SEARCH_ATTRIBUTES,
  SIGNERS_MAX,
  statusChangedSignal,
  WORKFLOW_TYPES,
  type ArchiveReceipt,
  type StatusReport,
} from '../workflows/contract.js';
import { documentPage } from '../provider/document-listing.js';
import { documentStart } from '../workflows/document-start.js';
import { readConfiguration } from '../worker/configuration.js';
import {
  isTracked,
  pagesOf,
  reconcile,
  startReconciliation,
  withSilentStage,
} from './support/reconciling.js';
import { json, startStage } from './support/provider-stage.js';
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
    environment: { CALLBACK_RETRY_PAUSES: '1ms', NOTIFY_SIGNER_EVENTS: 'signed' },
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
  // An Update waits as long as the worker needs; Temporal gives up a query sooner.
  let progress = await stage.countersign.waitForChange(id, -1);
  while (progress.signers[0]?.status !== 'visited') {
    progress = await stage.countersign.waitForChange(id, progress.revision);
  }
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

test(
  `of ${SIGNERS_MAX + 20} signers ${SIGNERS_MAX} are followed, and the document to its end`,
  PATIENCE,
  async () => {
    const { id } = stage.sandbox.createDocument({
      signers: Array.from({ length: SIGNERS_MAX + 20 }, () => ({})),
    });
    await stage.countersign.trackDocument(id);
    await stage.sandbox.completeDocument(id);
    await stage.countersign.refresh(id);
    const { kind, signers, archive } = await stage.countersign.waitForOutcome(id);
    assert.equal(kind, 'completed');
    assert.equal(signers.length, SIGNERS_MAX);
    assert.equal(archive?.files.length, 2);
    const { announcements = [] } = await until(async () => {
      const view = await stage.countersign.progress(id);
      return view.announcements?.every(({ owedTo }) => owedTo.length === 0) && view;
    });
    const told = announcements.filter(({ event }) => event.startsWith('signer.signed/'));
    assert.equal(told.length, SIGNERS_MAX);
  },
);

test('a page of 5,000 documents is read; to be asked for, it is refused in words', () => {
  const rows = Array.from({ length: 5000 }, () => ({ uuid: randomUUID(), status: '10' }));
  const listed = { meta: { next: null }, objects: rows };
  const page = documentPage(listed, { date: undefined, offset: 0 });
  assert.equal(page?.documents.length, 5000);
  const environment = { ...stage.environment, RECONCILE_PAGE_SIZE: '5000' };
  assert.throws(() => readConfiguration(environment), /RECONCILE_PAGE_SIZE.*1000/);
});

/** The largest payload in a workflow's history, in bytes. */
async function largestPayload({ client }: Stage, workflowId: string): Promise<number> {
  let largest = 0;
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
    const { data } = value as { data?: unknown };
    if (data instanceof Uint8Array) largest = Math.max(largest, data.length);
    for (const child of Object.values(value)) walk(child);
  };
  walk(await client.workflow.getHandle(workflowId).fetchHistory());
  return largest;
}

/** Now and then one is taken for shown before: what remembers them is a filter. */
function assertAbout(documents: number, expected: number): void {
  assert.ok(documents <= expected && documents > expected - 5, String(documents));
}

test('5,000 documents that come in one page, few of them new: each is counted once', async () => {
  const environment = { RECONCILE_PAGE_SIZE: '1000', RECONCILE_ADOPT: 'ignore,wanted=adopt' };
  await withSilentStage({ environment }, async (page) => {
    const archive = openArchive(pathToFileURL(page.archiveFolder).href);
    const wanted = (count: number): string[] =>
      page.sandbox.createDocuments(count, { signers: 1, group: 'wanted' }).map(({ id }) => id);
    // The first to be created are the last to be shown.
    const [archived, adopted] = [wanted(7), wanted(10)];
    page.sandbox.createDocuments(4_983, { signers: 1 });
    for (const id of archived) await archive.erase(id, tombstoneOf(id));
    page.sandbox.changeFaults({ pageRows: 5_000 });
    const { workflowId, report: running } = await startReconciliation(page);
    const report = await running;
    assert.deepEqual(report.failedParts, []);
    const { documents, unknownIgnored, unlisted, counts } = report;
    assert.deepEqual(
      { unlisted, ...counts },
      {
        ...NO_COUNTS,
        ...{ unlisted: 0, alreadyArchived: 7, adopted: 10 },
        ...{ repairedDocuments: 10, missedDocuments: 10, repairedChanges: 20 },
        missed: { ...NO_COUNTS.missed, documentUnknown: 20 },
      },
    );
    assertAbout(documents, 5_000);
    assertAbout(unknownIgnored, 4_983);
    for (const id of adopted) assert.ok(await isTracked(page, id));
    assert.deepEqual((await pagesOf(page, workflowId)).offsets, [0]);
    const bytes = await largestPayload(page, workflowId);
    assert.ok(bytes > 5_000 * 17 && bytes < 100_000, `${bytes} bytes`);
    const again = await reconcile(page);
    assertAbout(again.documents, 5_000);
    assert.equal(again.counts.repairedDocuments, 0);
  });
});

/** A provider whose whole listing is one page of the shortest rows. */
async function withListing(rows: number, use: (apiUrl: string) => Promise<void>): Promise<void> {
  const objects = Array.from({ length: rows }, () => ({ uuid: randomUUID(), status: '10' }));
  const page = { meta: { next: null, total_count: rows }, objects };
  const provider = await startStage(json(page));
  try {
    await use(`${provider.origin}/api/v1`);
  } finally {
    await provider.close();
  }
}

const IGNORING = { RECONCILE_ADOPT: 'ignore' };
/** What one page may hold (activities/reconcile-page.ts); its result has 1.7 MB. */
const PAGE_ROWS = 100_000;

test('a page of more rows than a payload can tell of is given up at once, and told of', async () => {
  await withListing(PAGE_ROWS + 1, async (apiUrl) => {
    await withSilentStage(
      { environment: { ...IGNORING, LEGALESIGN_API_URL: apiUrl } },
      async (page) => {
        const { failedParts, isComplete } = await reconcile(page);
        assert.equal(isComplete, false);
        assert.match(
          failedParts[0]?.reason ?? '',
          /a page of 500 rows with 100001: more than 100000/,
        );
      },
    );
  });
});

/** What takes too long at any smaller size that would still show it. */
function testAtFullSize(name: string, run: () => Promise<void>): void {
  if (isFull) void test(name, PATIENCE, run);
}

testAtFullSize('a page of as many rows as a payload can tell of is read', async () => {
  await withListing(PAGE_ROWS, async (apiUrl) => {
    const COUNTERSIGN_ENCRYPTION_KEYS = `k1:${randomBytes(32).toString('base64')}`;
    const environment = { ...IGNORING, COUNTERSIGN_ENCRYPTION_KEYS, LEGALESIGN_API_URL: apiUrl };
    await withSilentStage({ environment }, async (page) => {
      const { failedParts, unknownIgnored } = await reconcile(page);
      assert.deepEqual(failedParts, []);
      assert.ok(unknownIgnored > PAGE_ROWS * 0.999, String(unknownIgnored));
    });
  });
});

/** More than are found before they are asked for. */
const UNLISTED = 6_100;
testAtFullSize(
  `${UNLISTED} open documents that no listing shows are asked for part by part`,
  async () => {
    const environment = { RECONCILE_LISTING: 'groups', RECONCILE_GROUPS: 'sandbox' };
    await withSilentStage({ environment }, async (page) => {
      // At the provider they have moved into another group since.
      const moved = page.sandbox.createDocuments(UNLISTED, { signers: 1, group: 'moved' });
      await inFlights(moved, 50, ({ id, signers }) =>
        page.client.workflow.start(WORKFLOW_TYPES.documentSigning, {
          ...documentStart({
            documentId: id,
            group: 'sandbox',
            signers: signers.map((signerId) => ({ id: signerId, status: 'sent' })),
          }),
          // Nobody is there to run them: that they are open is enough.
          taskQueue: 'nobody',
        }),
      );
      const open = `WorkflowType = '${WORKFLOW_TYPES.documentSigning}'`;
      await until(async () => (await page.client.workflow.count(open)).count === UNLISTED);
      const { workflowId, report: running } = await startReconciliation(page);
      const report = await running;
      assert.deepEqual([report.failedParts, report.unlisted], [[], UNLISTED]);
      const { events } = await page.client.workflow.getHandle(workflowId).fetchHistory();
      const asked = (events ?? []).flatMap(
        (event) => event.activityTaskScheduledEventAttributes?.activityType?.name ?? [],
      );
      const parts = asked.join(' ').match(/findUnlisted( reconcileDocuments)+/g) ?? [];
      assert.equal(parts.length, 2);
    });
  },
);

function tombstoneOf(documentId: string): ArchiveReceipt {
  const workflow = { workflowId: '', firstExecutionRunId: '' };
  const nothing = { files: [], providerHash: '', changes: [], workflow };
  return { documentId, archivedAt: '', erasedAt: '2026-01-01T00:00:00Z', ...nothing };
}

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
