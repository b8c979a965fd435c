import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { appendFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { temporal as proto } from '@temporalio/proto';
import {
  documentWorkflowId,
  noticeReceivedSignal,
  WORKFLOW_TYPES,
  type CallbackDeliveryInput,
  type StatusReport,
} from '../workflows/contract.js';
import { openGuardedTemporal } from './support/guarded-temporal.js';
import { until } from './support/until.js';
import {
  caughtUp,
  makeWebhookPlace,
  newBatch,
  openTemporal,
  OUTAGE_TOKEN,
  startedAt,
  type NumberedCallback,
  type TestTemporal,
  type WebhookPlace,
  type WebhookProcess,
} from './support/webhook-outage.js';
import {
  batchRequest,
  createTestSigner,
  hintRequest,
  noticeRequest,
  recipientEvent,
  jsonRequest,
} from './support/webhook-signing.js';
import { makeFolder, mountExt4Disk, mountSmallDisk, recordFiles } from './support/webhook-spool.js';

async function sendOne(webhook: WebhookProcess, callback: NumberedCallback): Promise<void> {
  const { status, text } = await webhook.send(callback.request);
  assert.equal(status, 200, text);
}

/** One after the other, so that their order is known. */
async function sendInOrder(
  webhook: WebhookProcess,
  place: WebhookPlace,
  count: number,
): Promise<NumberedCallback[]> {
  const callbacks = Array.from({ length: count }, () => newBatch(place));
  for (const callback of callbacks) await sendOne(webhook, callback);
  return callbacks;
}

/** Each has a workflow, and these were started in this order. */
async function assertDelivered(
  temporal: TestTemporal,
  callbacks: readonly NumberedCallback[],
): Promise<void> {
  await temporal.ask(async (client) => {
    const times: bigint[] = [];
    for (const { workflowId } of callbacks) times.push(await startedAt(client, workflowId));
    assert.deepEqual(
      times,
      times.toSorted((one, other) => (one < other ? -1 : 1)),
    );
  });
}

const RATE_PER_SECOND = 50;
const RATE_SECONDS = 4;

test('50 callbacks a second with Temporal away are answered at once, and delivered in order', async (context) => {
  const temporal = await openTemporal(context);
  const place = await makeWebhookPlace(context, temporal);
  const webhook = await place.start();
  await sendInOrder(webhook, place, 1);
  const callbacks = Array.from({ length: RATE_PER_SECOND * RATE_SECONDS }, () => newBatch(place));
  await temporal.kill();
  const beganMs = performance.now();
  const sending = callbacks.map(async (callback, index) => {
    await delay((index * 1000) / RATE_PER_SECOND);
    const sentMs = performance.now();
    await sendOne(webhook, callback);
    return { callback, sentMs, answeredMs: performance.now() };
  });
  const sent = await Promise.all(sending);
  assert.ok(performance.now() - beganMs < RATE_SECONDS * 1000 + 5000);
  const tookMs = sent.map(({ sentMs, answeredMs }) => answeredMs - sentMs);
  tookMs.sort((one, other) => one - other);
  const [p50 = 0, p99 = 0, most = 0] = [0.5, 0.99, 1].map(
    (part) => tookMs[Math.ceil(part * tookMs.length) - 1],
  );
  const figures = [p50, p99, most].map((ms) => ms.toFixed(1)).join(', ');
  context.diagnostic(`answered within (p50, p99, maximum): ${figures} ms`);
  // The promise of 100 ms is the benchmark's to measure. What waits for Temporal waits for 2 s.
  assert.ok(p99 <= 1000, `p99 ${p99} ms`);
  assert.equal(await webhook.metric('spool_entries'), callbacks.length);
  await temporal.start();
  const backMs = performance.now();
  await caughtUp(webhook);
  const seconds = ((performance.now() - backMs) / 1000).toFixed(1);
  context.diagnostic(`${callbacks.length} handed over within ${seconds} s`);
  await temporal.ask(async (client) => {
    const started = new Map<NumberedCallback, bigint>();
    for (const each of callbacks) started.set(each, await startedAt(client, each.workflowId));
    // Two that are on their way together may arrive in either order.
    const isOvertaken = sent.some(({ callback, answeredMs }) => {
      const later = sent.filter(({ sentMs }) => sentMs > answeredMs);
      const at = started.get(callback) ?? 0n;
      return later.some((other) => (started.get(other.callback) ?? 0n) < at);
    });
    assert.equal(isOvertaken, false);
  });
});

test('while Temporal is up, no folder of the spool is made', async (context) => {
  const temporal = await openTemporal(context);
  const data = await makeFolder();
  const place = await makeWebhookPlace(context, temporal, join(data, 'data'));
  const webhook = await place.start();
  await sendInOrder(webhook, place, 5);
  await assert.rejects(readFile(join(data, 'data')), { code: 'ENOENT' });
  assert.equal(await webhook.metric('callbacks_total'), 5);
});

test('a webhook killed in the outage loses nothing that it has answered, nor its order', async (context) => {
  const temporal = await openTemporal(context);
  const data = await makeFolder();
  const place = await makeWebhookPlace(context, temporal, data);
  const first = await place.start();
  await temporal.kill();
  const before = await sendInOrder(first, place, 60);
  // Killed in the midst of many.
  const racing = Array.from({ length: 200 }, () => newBatch(place));
  const answered: NumberedCallback[] = [];
  const sending = Promise.allSettled(
    racing.map(async (callback) => {
      await sendOne(first, callback);
      answered.push(callback);
    }),
  );
  await until(() => answered.length > 0);
  await first.end('SIGKILL');
  await sending;
  context.diagnostic(`killed after ${answered.length} of ${racing.length}`);
  // As a crash may leave it.
  const [file = ''] = await recordFiles(data);
  await writeFile(file, (await readFile(file)).subarray(0, 200), { flag: 'a' });
  const second = await place.start();
  assert.ok((await second.metric('spool_entries')) >= 60 + answered.length);
  const after = await sendInOrder(second, place, 20);
  await temporal.start();
  await caughtUp(second);
  await assertDelivered(temporal, [...before, ...after]);
  for (const callback of answered) {
    await assertDelivered(temporal, [...before.slice(-1), callback, ...after.slice(0, 1)]);
  }
  assert.equal(await second.end('SIGTERM'), 0);
  assert.deepEqual(await recordFiles(data), []);
});

test('callbacks that come while others are handed over are delivered after them', async (context) => {
  const temporal = await openTemporal(context);
  const place = await makeWebhookPlace(context, temporal);
  const webhook = await place.start();
  await temporal.kill();
  const waiting = await sendInOrder(webhook, place, 150);
  await temporal.start();
  await until(async () => (await webhook.metric('spool_handed_over_total')) > 0);
  const late: NumberedCallback[] = [];
  while ((await webhook.metric('spool_in_use')) === 1) {
    late.push(...(await sendInOrder(webhook, place, 1)));
  }
  context.diagnostic(`${late.length} came meanwhile`);
  assert.ok(late.length > 0);
  const last = await sendInOrder(webhook, place, 5);
  await assertDelivered(temporal, [...waiting, ...late, ...last]);
});

test('readiness, metrics and the log tell of the outage and of its end', async (context) => {
  const temporal = await openTemporal(context);
  const place = await makeWebhookPlace(context, temporal);
  const webhook = await place.start();
  const idle = await webhook.get('/health/ready');
  assert.deepEqual(
    [idle.status, idle.json['status'], idle.json['reason']],
    [200, 'ready', undefined],
  );
  await temporal.kill();
  await sendInOrder(webhook, place, 30);
  await until(async () => (await webhook.metric('spool_oldest_seconds')) >= 1);
  // An answer about readiness stands for a second: the one from before the outage may still do.
  const { status, json } = await until(async () => {
    const answer = await webhook.get('/health/ready');
    return answer.json['reason'] !== undefined && answer;
  });
  const { state, entries, bytes, limitBytes, oldestSeconds } = json['spool'] as Record<
    string,
    number
  >;
  assert.deepEqual(
    [status, json['status'], json['reason']],
    [200, 'ready', 'Temporal takes no callbacks'],
  );
  assert.deepEqual([state, entries, limitBytes], ['holding', 30, 256 * 1024 * 1024]);
  assert.equal(bytes, await webhook.metric('spool_bytes'));
  assert.ok(Number(oldestSeconds) >= 1);
  const { text } = await webhook.get('/metrics');
  assert.match(text, /^countersign_callbacks_total\{format="batch",result="spooled"\} 30$/m);
  await temporal.start();
  await caughtUp(webhook);
  assert.equal(await webhook.metric('spool_handed_over_total'), 30);
  assert.equal(await webhook.metric('spool_bytes'), 0);
  await until(async () => (await webhook.get('/health/ready')).json['reason'] === undefined);
  for (const line of ['Temporal takes no callbacks', 'are handed over', 'go to Temporal again']) {
    assert.ok(
      webhook.lines.some((each) => each.includes(line)),
      line,
    );
  }
});

test('a Temporal that refuses the webhook the right to write: callbacks wait until it has it', async (context) => {
  const temporal = await openTemporal(context);
  const door = await openGuardedTemporal(temporal.address);
  context.after(() => door.close());
  const place = await makeWebhookPlace(context, { ...temporal, address: door.address });
  const webhook = await place.start();
  door.refuse('StartWorkflowExecution');
  const waiting = await sendInOrder(webhook, place, 3);
  const { status, json } = await webhook.get('/health/ready');
  assert.deepEqual([status, json['reason']], [200, 'Temporal takes no callbacks']);
  assert.ok(
    webhook.lines.some((line) => /"level":40.*Request unauthorized/.test(line)),
    webhook.lines.join('\n'),
  );
  door.refuse();
  await caughtUp(webhook);
  await assertDelivered(temporal, waiting);
});

test('a Temporal that is frozen delays no more than the callbacks that wait for it', async (context) => {
  const temporal = await openTemporal(context);
  const place = await makeWebhookPlace(context, temporal);
  const webhook = await place.start();
  const before = await sendInOrder(webhook, place, 3);
  temporal.freeze(true);
  const began = performance.now();
  const unlucky = [newBatch(place), newBatch(place), newBatch(place)];
  await Promise.all(unlucky.map((callback) => sendOne(webhook, callback)));
  const unluckyMs = performance.now() - began;
  assert.ok(unluckyMs < 3000, `${unluckyMs} ms`);
  const meanwhile = performance.now();
  const after = await sendInOrder(webhook, place, 50);
  const eachMs = (performance.now() - meanwhile) / 50;
  assert.ok(eachMs < 100, `${eachMs} ms each`);
  temporal.freeze(false);
  await caughtUp(webhook);
  for (const callback of unlucky)
    await assertDelivered(temporal, [...before, callback, ...after.slice(0, 1)]);
  await assertDelivered(temporal, after);
});

test('one document’s news arrives in order, whatever its format', async (context) => {
  const temporal = await openTemporal(context);
  const place = await makeWebhookPlace(context, temporal);
  const webhook = await place.start();
  await temporal.kill();
  const documentId = randomUUID();
  const events = Array.from({ length: 20 }, () => recipientEvent(documentId));
  const resource = { resource_uri: `/api/v1/document/${documentId}/` };
  for (const [index, event] of events.entries()) {
    const body = Buffer.from(JSON.stringify(event));
    const signed = { 'x-signed-sha256': place.signer.signature('sha256', body) };
    const answer = await webhook.send(jsonRequest(body, signed));
    assert.deepEqual([answer.status, answer.json], [200, { result: 'spooled' }], answer.text);
    if (index !== 9) continue;
    const notice = await webhook.send(noticeRequest(place.signer, JSON.stringify(resource)));
    const hint = await webhook.send(hintRequest(documentId, OUTAGE_TOKEN));
    assert.deepEqual([notice.json, hint.json], [{ result: 'spooled' }, { result: 'spooled' }]);
  }
  await temporal.start();
  await caughtUp(webhook);
  const signers = events.map((event) => (event['data'] as { uuid: string }).uuid);
  const sent = [...signers.slice(0, 10), 'notice', 'notice', ...signers.slice(10)];
  await temporal.ask(async (client) => {
    await until(async () => (await toldOf(client, documentId)).length >= sent.length);
    assert.deepEqual(await toldOf(client, documentId), sent);
  });
});

/**
 * What Temporal was told of the document, in that order: the signers, or `notice`. By signals, or
 * in groups where Temporal was slow to begin with.
 */
async function toldOf(client: Client, documentId: string): Promise<string[]> {
  const ids = [documentWorkflowId(documentId)];
  const query = `WorkflowType = '${WORKFLOW_TYPES.callbackDelivery}'`;
  for await (const { workflowId } of client.workflow.list({ query })) ids.push(workflowId);
  const histories = await Promise.all(
    ids.map((id) => client.workflow.getHandle(id).fetchHistory()),
  );
  const told = histories.flatMap(({ events }) => (events ?? []).flatMap(toldBy));
  return told.toSorted((one, other) => one.atMs - other.atMs).flatMap(({ what }) => what);
}

function toldBy(
  event: proto.api.history.v1.IHistoryEvent,
): { readonly atMs: number; readonly what: string[] }[] {
  const { seconds, nanos } = event.eventTime ?? {};
  const atMs = Number(seconds) * 1_000 + Number(nanos) / 1_000_000;
  const {
    workflowExecutionSignaledEventAttributes: signal,
    workflowExecutionStartedEventAttributes: started,
  } = event;
  if (signal?.signalName === noticeReceivedSignal.name) return [{ atMs, what: ['notice'] }];
  if (signal) {
    const { changes } = contentOf(signal.input) as StatusReport;
    return [{ atMs, what: [changes[0]?.id ?? ''] }];
  }
  if (started?.workflowType?.name !== WORKFLOW_TYPES.callbackDelivery) return [];
  const { named = [], changes } = contentOf(started.input) as CallbackDeliveryInput;
  const what = named.flatMap(({ hints, changes: positions }) => {
    return [...hints.map(() => 'notice'), ...positions.map((index) => changes[index]?.id ?? '')];
  });
  return [{ atMs, what }];
}

function contentOf(input: proto.api.common.v1.IPayloads | null | undefined): unknown {
  return JSON.parse(Buffer.from(input?.payloads?.[0]?.data ?? []).toString());
}

test('what is not genuine never comes into the spool, nor out of it', async (context) => {
  const temporal = await openTemporal(context);
  const data = await makeFolder();
  const place = await makeWebhookPlace(context, temporal, data);
  const first = await place.start();
  await temporal.kill();
  const forger = { ...place, signer: createTestSigner() };
  const genuine = await sendInOrder(first, place, 3);
  const [file = ''] = await recordFiles(data);
  const bytesBefore = await readFile(file);
  const [{ request }] = [newBatch(place)];
  const forgeries = [
    newBatch(forger).request,
    batchRequest(forger.signer, '[]'),
    { ...request, body: Buffer.from(request.body.toString().replace('status', 'statvs')) },
    noticeRequest(forger.signer, JSON.stringify({ resource_uri: '/api/v1/document/a/' })),
    hintRequest(randomUUID()),
    hintRequest(randomUUID(), 'another-token-of-the-url'),
    jsonRequest(JSON.stringify(recipientEvent(randomUUID()))),
  ];
  for (const forgery of forgeries) assert.equal((await first.send(forgery)).status, 401);
  assert.deepEqual(await readFile(file), bytesBefore);
  assert.equal(await first.metric('spool_entries'), 3);
  await first.end('SIGKILL');
  const [kept, altered, also] = genuine.map(({ workflowId }) => workflowId);
  const bent = Buffer.from(bytesBefore);
  bent.write('"source":"BATCH"', bent.indexOf('"source":"batch"', bent.indexOf('batch') + 500));
  assert.notDeepEqual(bent, bytesBefore);
  await writeFile(file, bent);
  const second = await place.start();
  await temporal.start();
  await caughtUp(second);
  assert.equal(await second.metric('spool_damaged_total'), 1);
  await temporal.ask(async (client) => {
    const states = await Promise.all(
      [kept, altered, also].map((id = '') =>
        startedAt(client, id).then(
          () => 'delivered',
          () => 'absent',
        ),
      ),
    );
    assert.deepEqual(states.toSorted(), ['absent', 'delivered', 'delivered']);
  });
});

test('a disk that fills in the outage: 503 for what does not fit, and 200 again when there is space', async (context) => {
  const disk = await mountSmallDisk(context, '128k');
  if (disk === undefined) {
    context.skip('this user may not mount a disk');
    return;
  }
  const temporal = await openTemporal(context);
  const place = await makeWebhookPlace(context, temporal, join(disk.folder, 'data'));
  const webhook = await place.start();
  await temporal.kill();
  const kept = await sendInOrder(webhook, place, 20);
  const filler = join(disk.folder, 'filler');
  await assert.rejects(writeFile(filler, Buffer.alloc(200_000)), { code: 'ENOSPC' });
  const refused: NumberedCallback[] = [];
  while (refused.length < 20) {
    const callback = newBatch(place);
    const { status, headers, json } = await webhook.send(callback.request);
    if (status === 200) {
      kept.push(callback);
    } else {
      assert.deepEqual([status, json['error']], [503, 'unavailable']);
      assert.ok(headers['retry-after']);
      refused.push(callback);
    }
  }
  assert.equal(await webhook.metric('spool_entries'), kept.length);
  await until(async () => (await webhook.get('/health/ready')).status === 503);
  const { json } = await webhook.get('/health/ready');
  assert.equal(json['reason'], 'Temporal takes no callbacks; the spool cannot be written');
  await rm(filler);
  // The provider sends again.
  for (const callback of refused) await sendOne(webhook, callback);
  await until(async () => (await webhook.get('/health/ready')).status === 200);
  await webhook.end('SIGKILL');
  const next = await place.start();
  await temporal.start();
  await caughtUp(next);
  await assertDelivered(temporal, [...kept, ...refused]);
  assert.equal(await next.metric('spool_damaged_total'), 0);
});

test('a webhook killed on a full disk: the next one finds it full, and delivers what waits in order', async (context) => {
  const disk = await mountExt4Disk(context, '3M');
  if (disk === undefined) {
    context.skip('this user may not mount an ext4 disk, or has no mkfs.ext4');
    return;
  }
  const temporal = await openTemporal(context);
  const data = join(disk, 'data');
  const place = await makeWebhookPlace(context, temporal, data);
  const first = await place.start();
  await temporal.kill();
  const kept = await sendInOrder(first, place, 40);
  // The smaller ones fit where the larger no longer do.
  for (const bytes of [100_000, 1000]) {
    const fill = async (): Promise<never> => {
      for (;;) await appendFile(join(disk, 'filler'), Buffer.alloc(bytes));
    };
    await assert.rejects(fill, { code: 'ENOSPC' });
  }
  for (let isFull = false; !isFull;) {
    const callback = newBatch(place);
    const { status } = await first.send(callback.request);
    isFull = status === 503;
    if (!isFull) kept.push(callback);
  }
  await first.end('SIGKILL');
  await assert.rejects(mkdir(join(disk, 'folder')), { code: 'ENOSPC' });
  const second = await place.start();
  assert.equal(await second.metric('spool_entries'), kept.length);
  assert.equal(await second.metric('spool_stranded_entries'), 0);
  const { json } = await second.get('/health/ready');
  const { state, entries } = json['spool'] as Record<string, unknown>;
  assert.deepEqual([state, entries], ['holding', kept.length]);
  assert.equal((await second.send(newBatch(place).request)).status, 503);
  await temporal.start();
  await caughtUp(second);
  const after = await sendInOrder(second, place, 3);
  await assertDelivered(temporal, [...kept, ...after]);
  context.diagnostic(`${kept.length} delivered`);
  assert.equal(await second.end('SIGTERM'), 0);
  assert.deepEqual(await readdir(join(data, 'spool')), []);
});

test('a spool at its limit answers 503 and keeps what it has', async (context) => {
  const temporal = await openTemporal(context);
  const place = await makeWebhookPlace(context, temporal);
  const webhook = await place.start({ WEBHOOK_SPOOL_LIMIT: '4KiB' });
  await temporal.kill();
  const answers: number[] = [];
  const callbacks = Array.from({ length: 30 }, () => newBatch(place));
  for (const { request } of callbacks) answers.push((await webhook.send(request)).status);
  const kept = answers.indexOf(503);
  assert.ok(kept > 3);
  assert.deepEqual(new Set(answers.slice(kept)), new Set([503]));
  const ready = await webhook.get('/health/ready');
  assert.match(String(ready.json['reason']), /the spool is full/);
  assert.equal(await webhook.metric('spool_refused_total'), 30 - kept);
  await temporal.start();
  await caughtUp(webhook);
  await assertDelivered(temporal, callbacks.slice(0, kept));
  await sendInOrder(webhook, place, 1);
});

test('a webhook told to end in the outage ends, and the next one delivers', async (context) => {
  const temporal = await openTemporal(context);
  const data = await makeFolder();
  const place = await makeWebhookPlace(context, temporal, data);
  const first = await place.start();
  await temporal.kill();
  const callbacks = await sendInOrder(first, place, 20);
  assert.equal(await first.end('SIGTERM'), 0);
  const second = await place.start();
  await temporal.start();
  await caughtUp(second);
  await assertDelivered(temporal, callbacks);
  assert.equal(await second.end('SIGTERM'), 0);
  assert.deepEqual(await readdir(join(data, 'spool')), []);
});

test('two webhooks share a folder; one dies, and its callbacks are delivered by the other’s heir', async (context) => {
  const temporal = await openTemporal(context);
  const place = await makeWebhookPlace(context, temporal);
  const [one, two] = await Promise.all([place.start(), place.start()]);
  await temporal.kill();
  const callbacks: NumberedCallback[] = [];
  for (let round = 0; round < 20; round += 1) {
    callbacks.push(...(await sendInOrder(round % 2 === 0 ? one : two, place, 1)));
  }
  await Promise.all([one.end('SIGKILL'), two.end('SIGKILL')]);
  const heir = await place.start();
  assert.equal(await heir.metric('spool_entries'), 20);
  await temporal.start();
  await caughtUp(heir);
  await assertDelivered(temporal, callbacks);
});
