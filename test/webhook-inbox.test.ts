import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { Client, Connection } from '@temporalio/client';
import { SearchAttributeType } from '@temporalio/common';
import proto, { type temporal } from '@temporalio/proto';
import {
  createCallbackInbox,
  type CallbackInbox,
  type InboxMessage,
} from '../webhook/callback-inbox.js';
import { UnavailableError } from '../webhook/errors.js';
import { PAYLOAD_MAX_BYTES, splitDelivery } from '../webhook/payload-size.js';
import {
  callbackWorkflowId,
  documentWorkflowId,
  SEARCH_ATTRIBUTES,
  type CallbackDeliveryInput,
  type StatusChange,
  type StatusReport,
} from '../workflows/contract.js';
import { startTestServer, type TestServer } from './support/temporal.js';
import { until } from './support/until.js';

const { CommandType, IndexedValueType } = proto.temporal.api.enums.v1;

/** The server wants a limit; the task is there already. */
const POLL_LIMIT_MS = 60_000;

const TASK_QUEUE = `webhook-inbox-${randomUUID()}`;

let server: TestServer;
let client: Client;
let inbox: CallbackInbox;
before(async () => {
  server = await startTestServer();
  const connection = await Connection.connect({ address: server.address });
  client = new Client({ connection });
  inbox = createCallbackInbox({ client, taskQueue: TASK_QUEUE });
});
after(async () => {
  await client.connection.close();
  await server.stop();
});

const AT = '2031-01-01T10:00:00Z';

function newDigest(): string {
  return createHash('sha256').update(randomUUID()).digest('hex');
}

function changesOf(count: number): StatusChange[] {
  return Array.from({ length: count }, (_, position) => ({
    subject: 'signer',
    id: randomUUID(),
    status: 'fieldsCompletedExceptSignature',
    at: AT,
    position,
  }));
}

function deliveryOf(
  changes: readonly StatusChange[],
  more: Partial<CallbackDeliveryInput> = {},
): CallbackDeliveryInput {
  return { source: 'batch', receivedAt: new Date().toISOString(), changes, setAside: [], ...more };
}

function reportOf(documentId: string, signers = 1): StatusReport {
  return {
    source: 'realtime',
    changes: [{ subject: 'document', id: documentId, status: 'created', at: AT, position: 0 }],
    snapshot: {
      documentId,
      status: 'created',
      finalPdf: false,
      modified: AT,
      signers: Array.from({ length: signers }, () => ({ id: randomUUID(), status: 'sent' })),
    },
  };
}

interface Stored {
  readonly runs: number;
  readonly type: string;
  /** The first argument of its start. */
  readonly input: unknown;
  readonly signals: readonly { readonly name: string; readonly argument: unknown }[];
}

type Payloads = temporal.api.common.v1.IPayloads | null | undefined;
function firstOf(payloads: Payloads): unknown {
  const data = payloads?.payloads?.[0]?.data;
  return data ? JSON.parse(Buffer.from(data).toString()) : undefined;
}

async function storedAs(workflowId: string): Promise<Stored> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const started = events?.[0]?.workflowExecutionStartedEventAttributes;
  const signals = (events ?? []).flatMap(({ workflowExecutionSignaledEventAttributes: signal }) =>
    signal ? [{ name: signal.signalName ?? '', argument: firstOf(signal.input) }] : [],
  );
  const input = firstOf(started?.input);
  return { runs: started?.attempt ?? 0, type: started?.workflowType?.name ?? '', input, signals };
}

/** Once visibility shows as many, which takes a moment. */
function hintDeliveriesOf(documentId: string, count: number): Promise<string[]> {
  const query = `WorkflowId STARTS_WITH "${callbackWorkflowId(`hint-${documentId}`)}"`;
  return until(async () => {
    const found: string[] = [];
    for await (const { workflowId } of client.workflow.list({ query })) found.push(workflowId);
    return found.length >= count && found;
  });
}

async function exists(workflowId: string): Promise<boolean> {
  try {
    await client.workflow.getHandle(workflowId).describe();
    return true;
  } catch (error) {
    assert.match(String(error), /not found/i);
    return false;
  }
}

test('while a search attribute does not exist yet, the callback is refused as unavailable', async () => {
  // Runs first: the next test adds them.
  const documentId = randomUUID();
  const report = reportOf(documentId);
  await assert.rejects(
    inbox.store({ kind: 'report', document: { documentId }, report }),
    UnavailableError,
  );
  assert.equal(await exists(documentWorkflowId(documentId)), false);
  const types: Partial<Record<string, temporal.api.enums.v1.IndexedValueType>> = {
    [SearchAttributeType.KEYWORD]: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    [SearchAttributeType.INT]: IndexedValueType.INDEXED_VALUE_TYPE_INT,
    [SearchAttributeType.DATETIME]: IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
    [SearchAttributeType.KEYWORD_LIST]: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
  };
  await client.connection.operatorService.addSearchAttributes({
    namespace: 'default',
    searchAttributes: Object.fromEntries(
      Object.values(SEARCH_ATTRIBUTES).map(({ name, type }) => [
        name,
        types[type] ?? IndexedValueType.INDEXED_VALUE_TYPE_UNSPECIFIED,
      ]),
    ),
  });
  assert.equal(await inbox.store({ kind: 'report', document: { documentId }, report }), 'stored');
});

test('a batch is one callbackDelivery with its changes, under the hash of its data', async () => {
  const digest = newDigest();
  const input = deliveryOf(changesOf(3));
  assert.equal(await inbox.store({ kind: 'delivery', digest, input }), 'stored');
  const stored = await storedAs(callbackWorkflowId(digest));
  assert.equal(stored.type, 'callbackDelivery');
  assert.deepEqual(stored.input, input);
  const described = await client.workflow.getHandle(callbackWorkflowId(digest)).describe();
  assert.equal(described.taskQueue, TASK_QUEUE);
  assert.equal(await described.staticSummary(), 'batch of 3 changes');
});

test('a batch delivered again finds the first, running or done', async () => {
  const digest = newDigest();
  const message = { kind: 'delivery', digest, input: deliveryOf(changesOf(1)) } as const;
  const answers = await Promise.all([inbox.store(message), inbox.store(message)]);
  assert.deepEqual(answers.sort(), ['duplicate', 'stored']);
  assert.equal(await inbox.store(message), 'duplicate');
});

test('a delivery that was terminated may be sent again', async () => {
  const digest = newDigest();
  const message = { kind: 'delivery', digest, input: deliveryOf(changesOf(1)) } as const;
  await inbox.store(message);
  await client.workflow.getHandle(callbackWorkflowId(digest)).terminate();
  assert.equal(await inbox.store(message), 'stored');
});

test('10,000 changes are one workflow', async () => {
  const digest = newDigest();
  const input = deliveryOf(changesOf(10_000));
  assert.equal(await inbox.store({ kind: 'delivery', digest, input }), 'stored');
  const stored = (await storedAs(callbackWorkflowId(digest))).input as CallbackDeliveryInput;
  assert.equal(stored.changes.length, 10_000);
  assert.equal(stored.part, undefined);
  assert.equal(await exists(callbackWorkflowId(digest, 2)), false);
});

test('a batch too large for a payload becomes several workflows, and is found again', async () => {
  const digest = newDigest();
  const aside = { reason: 'an unknown name', entry: 'é'.repeat(300) };
  const setAside = Array.from({ length: 500 }, () => aside);
  const input = deliveryOf(changesOf(20_000), { setAside });
  assert.equal(await inbox.store({ kind: 'delivery', digest, input }), 'stored');
  const parts: CallbackDeliveryInput[] = [];
  for (let number = 1; await exists(callbackWorkflowId(digest, number)); number += 1) {
    const stored = await storedAs(callbackWorkflowId(digest, number));
    parts.push(stored.input as CallbackDeliveryInput);
  }
  assert.ok(parts.length > 1);
  assert.deepEqual(
    parts.flatMap((part) => part.changes),
    input.changes,
  );
  assert.deepEqual(
    parts.flatMap((part) => part.setAside),
    input.setAside,
  );
  assert.deepEqual(
    parts.map(({ part }) => part),
    parts.map((_, index) => ({ number: index + 1, of: parts.length })),
  );
  assert.equal(await inbox.store({ kind: 'delivery', digest, input }), 'duplicate');
});

test('a batch of which only the first part had been stored is completed', async () => {
  const digest = newDigest();
  const input = deliveryOf(changesOf(20_000));
  const [first] = splitDelivery(input);
  assert.ok(first?.part);
  await inbox.store({ kind: 'delivery', digest, input: deliveryOf(first.changes) });
  assert.equal(await exists(callbackWorkflowId(digest, 2)), false);
  assert.equal(await inbox.store({ kind: 'delivery', digest, input }), 'stored');
  assert.equal(await exists(callbackWorkflowId(digest, 2)), true);
});

test('a batch is cut in the same places whenever and however it is received', () => {
  const changes = changesOf(20_000);
  const cut = (more: Partial<CallbackDeliveryInput>): number[] =>
    splitDelivery(deliveryOf(changes, more)).map((part) => part.changes.length);
  assert.deepEqual(cut({}), cut({ held: 'older than 7d', receivedAt: '' }));
  for (const part of splitDelivery(deliveryOf(changes))) {
    assert.ok(Buffer.byteLength(JSON.stringify(part)) < PAYLOAD_MAX_BYTES + 100_000);
  }
});

test('news of a document starts its workflow with the signal, and can be searched for', async () => {
  const documentId = randomUUID();
  const document = { documentId, group: 'sales', tag: 'order 17' };
  const report = reportOf(documentId, 2);
  assert.equal(await inbox.store({ kind: 'report', document, report }), 'stored');
  const stored = await storedAs(documentWorkflowId(documentId));
  assert.equal(stored.type, 'documentSigning');
  assert.deepEqual(stored.input, document);
  assert.deepEqual(stored.signals, [{ name: 'statusChanged', argument: report }]);
  const described = await client.workflow.getHandle(documentWorkflowId(documentId)).describe();
  const attributes = described.typedSearchAttributes;
  assert.equal(attributes.get(SEARCH_ATTRIBUTES.documentStatus), 'created');
  assert.equal(attributes.get(SEARCH_ATTRIBUTES.documentGroup), 'sales');
  assert.equal(attributes.get(SEARCH_ATTRIBUTES.documentTag), 'order 17');
  assert.deepEqual(
    attributes.get(SEARCH_ATTRIBUTES.signerIds),
    report.snapshot?.signers.map(({ id }) => id).sort(),
  );
  assert.equal(await described.staticSummary(), `document ${documentId}`);
});

test('more news of a document signals the workflow that runs', async () => {
  const documentId = randomUUID();
  const message = {
    kind: 'report',
    document: { documentId },
    report: reportOf(documentId),
  } as const;
  assert.equal(await inbox.store(message), 'stored');
  assert.equal(await inbox.store(message), 'stored');
  assert.equal(await inbox.store({ kind: 'notice', document: { documentId } }), 'stored');
  const { signals } = await storedAs(documentWorkflowId(documentId));
  assert.deepEqual(
    signals.map(({ name }) => name),
    ['statusChanged', 'statusChanged', 'noticeReceived'],
  );
});

test('a document of 300 signers is stored, with as many of them as can be searched for', async () => {
  const documentId = randomUUID();
  const report = reportOf(documentId, 300);
  assert.equal(await inbox.store({ kind: 'report', document: { documentId }, report }), 'stored');
  const described = await client.workflow.getHandle(documentWorkflowId(documentId)).describe();
  const searchable = described.typedSearchAttributes.get(SEARCH_ATTRIBUTES.signerIds) ?? [];
  assert.ok(searchable.length >= 40 && searchable.length < 300, String(searchable.length));
});

test('a picture too large for a payload is left out, and its news is not', async () => {
  const documentId = randomUUID();
  const report = reportOf(documentId, 40_000);
  assert.equal(await inbox.store({ kind: 'report', document: { documentId }, report }), 'stored');
  const { signals } = await storedAs(documentWorkflowId(documentId));
  const argument = signals[0]?.argument as StatusReport;
  assert.deepEqual(argument, { source: 'realtime', changes: report.changes });
});

test('a hint signals a workflow that runs, and starts a delivery where there is none', async () => {
  const [running, unknown] = [randomUUID(), randomUUID()];
  const receivedAt = new Date().toISOString();
  await inbox.store({ kind: 'notice', document: { documentId: running } });
  assert.equal(await inbox.store({ kind: 'hint', documentId: running, receivedAt }), 'stored');
  const { signals } = await storedAs(documentWorkflowId(running));
  assert.equal(signals.length, 2);

  assert.equal(await inbox.store({ kind: 'hint', documentId: unknown, receivedAt }), 'stored');
  assert.equal(await exists(documentWorkflowId(unknown)), false);
  const [delivery = ''] = await hintDeliveriesOf(unknown, 1);
  const { input } = await storedAs(delivery);
  const hints = [unknown];
  assert.deepEqual(input, { source: 'hint', receivedAt, changes: [], hints, setAside: [] });
});

test('a hint joins no earlier delivery: that one may have asked the provider already', async () => {
  const taskQueue = `webhook-hints-${randomUUID()}`;
  const hinting = createCallbackInbox({ client, taskQueue });
  const hint = { kind: 'hint', documentId: randomUUID(), receivedAt: AT } as const;
  assert.equal(await hinting.store(hint), 'stored');
  assert.equal(await hinting.store(hint), 'stored');
  assert.equal((await hintDeliveriesOf(hint.documentId, 2)).length, 2);
});

test('news and notices of a document that has its outcome are acknowledged, and start nothing', async () => {
  const taskQueue = `webhook-closed-${randomUUID()}`;
  const closing = createCallbackInbox({ client, taskQueue });
  const documentId = randomUUID();
  const document = { documentId };
  await closing.store({ kind: 'notice', document });
  await completeNextWorkflow(taskQueue);
  const { runId } = await client.workflow.getHandle(documentWorkflowId(documentId)).describe();
  const report = reportOf(documentId);
  assert.equal(await closing.store({ kind: 'report', document, report }), 'closed');
  assert.equal(await closing.store({ kind: 'notice', document }), 'closed');
  const described = await client.workflow.getHandle(documentWorkflowId(documentId)).describe();
  assert.deepEqual([described.runId, described.status.name], [runId, 'COMPLETED']);
});

test('a delivery that is done is a duplicate', async () => {
  const taskQueue = `webhook-done-${randomUUID()}`;
  const closing = createCallbackInbox({ client, taskQueue });
  const message = {
    kind: 'delivery',
    digest: newDigest(),
    input: deliveryOf(changesOf(1)),
  } as const;
  await closing.store(message);
  await completeNextWorkflow(taskQueue);
  assert.equal(await closing.store(message), 'duplicate');
});

/** Does a worker's part by hand: takes the next task of the queue and ends its workflow. */
async function completeNextWorkflow(taskQueue: string): Promise<void> {
  const { workflowService } = client.connection;
  const task = { namespace: 'default', identity: 'test' };
  const { taskToken } = await client.withDeadline(Date.now() + POLL_LIMIT_MS, () =>
    workflowService.pollWorkflowTaskQueue({ ...task, taskQueue: { name: taskQueue } }),
  );
  await workflowService.respondWorkflowTaskCompleted({
    ...task,
    taskToken,
    commands: [
      {
        commandType: CommandType.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION,
        completeWorkflowExecutionCommandAttributes: {},
      },
    ],
  });
}

test('a Temporal that refuses connections makes a callback unavailable, within the deadline', async () => {
  const { port, close } = await listenSilently();
  await close();
  await expectUnavailable(port);
});

test('a Temporal that accepts and says nothing makes a callback unavailable, within the deadline', async () => {
  const { port, close } = await listenSilently();
  await expectUnavailable(port);
  await close();
});

async function listenSilently(): Promise<{ port: number; close: () => Promise<void> }> {
  const sockets = new Set<{ destroy: () => void }>();
  const silent = createServer((socket) => sockets.add(socket));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    silent.close();
    await once(silent, 'close');
  };
  return { port, close };
}

async function expectUnavailable(port: number): Promise<void> {
  const connection = Connection.lazy({ address: `127.0.0.1:${port}` });
  const deadlineMs = 1000;
  const away = createCallbackInbox({
    client: new Client({ connection }),
    taskQueue: TASK_QUEUE,
    deadlineMs,
  });
  const document = { documentId: randomUUID() };
  const parts = deliveryOf(changesOf(20_000));
  assert.equal(splitDelivery(parts).length, 2);
  const messages: [limitMs: number, message: InboxMessage][] = [
    [deadlineMs, { kind: 'delivery', digest: newDigest(), input: deliveryOf([]) }],
    [2 * deadlineMs, { kind: 'delivery', digest: newDigest(), input: parts }],
    [deadlineMs, { kind: 'report', document, report: reportOf(document.documentId) }],
    [deadlineMs, { kind: 'notice', document }],
    [deadlineMs, { kind: 'hint', ...document, receivedAt: AT }],
  ];
  try {
    await Promise.all(
      messages.map(async ([limitMs, message]) => {
        const began = performance.now();
        await assert.rejects(away.store(message), UnavailableError);
        const tookMs = performance.now() - began;
        assert.ok(tookMs < limitMs + 300, `${message.kind}: ${tookMs} ms`);
      }),
    );
  } finally {
    await away.settled();
    await connection.close();
  }
}
