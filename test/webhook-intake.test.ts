import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { InboxMessage, StoreResult } from '../webhook/callback-inbox.js';
import { createCallbackIntake, type CallbackIntake } from '../webhook/callback-intake.js';
import { UnavailableError } from '../webhook/errors.js';
import { createSharedWrites } from '../webhook/shared-writes.js';
import type { VerifiedCallback } from '../webhook/verify-callback.js';
import { documentEvent, entry } from './support/webhook-signing.js';

const DAY_MS = 86_400_000;
const NOW_MS = Date.parse('2031-06-01T12:00:00Z');

interface Setting {
  readonly intake: CallbackIntake;
  readonly stored: InboxMessage[];
}

function setUp(store: () => Promise<StoreResult> = () => Promise.resolve('stored')): Setting {
  const stored: InboxMessage[] = [];
  const inbox = {
    store(message: InboxMessage) {
      stored.push(message);
      return store();
    },
  };
  return {
    intake: createCallbackIntake({ inbox, maxAgeMs: 7 * DAY_MS, now: () => NOW_MS }),
    stored,
  };
}

function batchOf(...ages: readonly number[]): VerifiedCallback {
  const list = ages.map((ageMs) =>
    entry('document', randomUUID(), '30', new Date(NOW_MS - ageMs).toISOString()),
  );
  return { format: 'batch', bytes: Buffer.from(JSON.stringify(list)) };
}

function notice(documentId: string): VerifiedCallback {
  const json = { resource_uri: `/api/v1/document/${documentId}/` };
  return { format: 'notice', bytes: Buffer.from(JSON.stringify(json)) };
}

interface Gate<Value> {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: Error) => void;
}

function createGate<Value>(): Gate<Value> {
  const keys: Partial<Pick<Gate<Value>, 'resolve' | 'reject'>> = {};
  const promise = new Promise<Value>((resolve, reject) => Object.assign(keys, { resolve, reject }));
  return { promise, ...(keys as Required<typeof keys>) };
}

test('a batch is held one millisecond after the limit of its age, and not at it', async () => {
  const { intake, stored } = setUp();
  assert.equal((await intake(batchOf(7 * DAY_MS))).result, 'stored');
  assert.equal((await intake(batchOf(7 * DAY_MS + 1))).result, 'setAside');
  assert.deepEqual(
    stored.map((message) => message.kind === 'delivery' && message.input.held),
    [undefined, 'older than 7d'],
  );
});

test('a bounce that is too old is held, not told to its document', async () => {
  const { intake, stored } = setUp();
  const bounceOf = (ageMs: number): VerifiedCallback => {
    const data = { uuid: 'signer', documentResourceUri: '/api/v1/document/one/' };
    const created = (NOW_MS - ageMs) / 1000;
    const event = { object: 'recipient', event: 'recipient.bounced', created, data };
    return { format: 'realtime', bytes: Buffer.from(JSON.stringify(event)) };
  };
  assert.equal((await intake(bounceOf(7 * DAY_MS))).result, 'stored');
  assert.equal((await intake(bounceOf(7 * DAY_MS + 1000))).result, 'setAside');
  const [young, old] = stored;
  assert.equal(young?.kind, 'report');
  assert.ok(old?.kind === 'delivery');
  assert.deepEqual([old.input.held, old.input.changes], ['older than 7d', []]);
  const [entry] = old.input.setAside;
  assert.ok(entry);
  assert.equal(entry.reason, 'older than 7d');
  assert.match(entry.entry, /"signerId":"signer".*"documentId":"one"/);
});

test('what is received is stamped with the injected clock', async () => {
  const { intake, stored } = setUp();
  await intake(batchOf(0));
  const [message] = stored;
  assert.equal(
    message?.kind === 'delivery' && message.input.receivedAt,
    '2031-06-01T12:00:00.000Z',
  );
});

test('a callback is remembered only once its write is acknowledged', async () => {
  let fails = true;
  const { intake, stored } = setUp(() =>
    fails ? Promise.reject(new UnavailableError('away')) : Promise.resolve('stored'),
  );
  const batch = batchOf(0);
  await assert.rejects(intake(batch), UnavailableError);
  fails = false;
  assert.equal((await intake(batch)).result, 'stored');
  assert.equal((await intake(batch)).result, 'duplicate');
  assert.equal(stored.length, 2);
});

for (const result of ['duplicate', 'closed'] as const) {
  test(`a callback answered ${result} is remembered too`, async () => {
    const { intake, stored } = setUp(() => Promise.resolve(result));
    const event = { ...documentEvent(randomUUID()), created: NOW_MS / 1000 };
    const bytes = Buffer.from(JSON.stringify(event));
    assert.equal((await intake({ format: 'realtime', bytes })).result, result);
    assert.equal((await intake({ format: 'realtime', bytes })).result, 'duplicate');
    assert.equal(stored.length, 1);
  });
}

test('a held batch that Temporal already has is a duplicate', async () => {
  const { intake } = setUp(() => Promise.resolve('duplicate'));
  assert.equal((await intake(batchOf(30 * DAY_MS))).result, 'duplicate');
});

test('notices of one document that arrive together share writes; those of two do not', async () => {
  const first = createGate<StoreResult>();
  const { intake, stored } = setUp(() => first.promise);
  const answers = Array.from({ length: 20 }, () => intake(notice('one')));
  answers.push(intake(notice('two')));
  first.resolve('stored');
  for (const { result } of await Promise.all(answers)) assert.equal(result, 'stored');
  const written = stored.map((message) => message.kind === 'notice' && message.document.documentId);
  assert.deepEqual(written.sort(), ['one', 'one', 'two']);
});

test('a notice that arrives after the acknowledgement is written', async () => {
  const { intake, stored } = setUp();
  await intake(notice('one'));
  await intake(notice('one'));
  assert.equal(stored.length, 2);
});

test('a verified notice never shares the write of a hint', async () => {
  const gate = createGate<StoreResult>();
  const { intake, stored } = setUp(() => gate.promise);
  const bytes = Buffer.from('/api/v1/document/one/');
  const hint = intake({ format: 'hint', encoding: 'uri', bytes });
  const verified = intake(notice('one'));
  gate.resolve('stored');
  await Promise.all([hint, verified]);
  assert.deepEqual(stored.map(({ kind }) => kind).sort(), ['hint', 'notice']);
});

test('a write under way is not joined, since it may already have been acted on', async () => {
  const share = createSharedWrites<number>();
  const gates = [createGate<number>(), createGate<number>()];
  let begun = 0;
  const write = (): Promise<number> => {
    begun += 1;
    return gates[begun - 1]?.promise ?? Promise.resolve(begun);
  };
  const [first, second, third] = [share('k', write), share('k', write), share('k', write)];
  assert.equal(begun, 1);
  gates[0]?.resolve(1);
  assert.equal(await first, 1);
  gates[1]?.resolve(2);
  assert.deepEqual(await Promise.all([second, third]), [2, 2]);
  assert.equal(begun, 2);
  assert.equal(await share('k', write), 3);
});

test('a shared write that fails rejects those who shared it, and nobody after', async () => {
  const share = createSharedWrites<number>();
  const gate = createGate<number>();
  const first = share('k', () => gate.promise);
  const second = share('k', () => Promise.resolve(2));
  gate.reject(new Error('broken'));
  await assert.rejects(first, /broken/);
  assert.equal(await second, 2);
});

test('equal callbacks that arrive together share one write, and are answered after it', async () => {
  const gate = createGate<StoreResult>();
  const { intake, stored } = setUp(() => gate.promise);
  const batch = batchOf(0);
  const answers = Promise.all([intake(batch), intake(batch), intake(batch)]);
  assert.equal(stored.length, 1);
  gate.resolve('stored');
  const results = (await answers).map(({ result }) => result);
  assert.deepEqual(results, ['stored', 'duplicate', 'duplicate']);
});

test('equal callbacks that arrive together are all refused when their write fails', async () => {
  const gate = createGate<StoreResult>();
  const { intake } = setUp(() => gate.promise);
  const batch = batchOf(0);
  const answers = Promise.allSettled([intake(batch), intake(batch)]);
  gate.reject(new UnavailableError(new Error('away')));
  for (const { status } of await answers) assert.equal(status, 'rejected');
});
