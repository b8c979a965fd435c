import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import type { CallbackInbox, InboxMessage, StoreResult } from '../webhook/callback-inbox.js';
import { BusyError, UnavailableError } from '../webhook/errors.js';
import { GroupingInbox, groupMessage } from '../webhook/grouping-inbox.js';
import { isOutage } from '../webhook/temporal-outage.js';
import type { CallbackDeliveryInput } from '../workflows/contract.js';

const AT = '2031-01-01T10:00:00Z';

interface Write {
  readonly message: InboxMessage;
  readonly succeed: (result?: StoreResult) => void;
  readonly fail: (error: Error) => void;
}

/** In Temporal's place: an inbox whose writes end when the test says so. */
class HeldInbox implements CallbackInbox {
  readonly writes: Write[] = [];

  store(message: InboxMessage): Promise<StoreResult> {
    return new Promise((resolve, reject) => {
      const succeed = (result: StoreResult = 'stored'): void => {
        resolve(result);
      };
      this.writes.push({ message, succeed, fail: reject });
    });
  }

  write(index: number): Write {
    const write = this.writes[index];
    assert.ok(write, `there is no write ${index} of ${this.writes.length}`);
    return write;
  }

  /** One after the other, with those that begin meanwhile. */
  async succeedFrom(first: number): Promise<void> {
    for (let index = first; index < this.writes.length; index += 1) {
      this.write(index).succeed();
      await setImmediate();
    }
  }

  /** Of the delivery that a write is. */
  group(index: number): CallbackDeliveryInput {
    const { message } = this.write(index);
    assert.equal(message.kind, 'delivery');
    return message.input;
  }
}

function report(documentId: string = randomUUID()): InboxMessage & { kind: 'report' } {
  const change = { subject: 'signer', id: randomUUID(), status: 'signed', at: AT, position: 0 };
  return {
    kind: 'report',
    document: { documentId, group: 'sales' },
    report: { source: 'realtime', changes: [change as never] },
  };
}

function named({ named: news = [] }: CallbackDeliveryInput): string[] {
  return news.map(({ documentId }) => documentId);
}

/** What Temporal says of a write that it never takes. */
function refusal(): UnavailableError {
  const details = 'BlobSize exceeds limit.';
  const cause = Object.assign(new Error(details), { code: 3, details, metadata: {} });
  return new UnavailableError(cause);
}

interface Setting {
  readonly temporal: HeldInbox;
  readonly inbox: GroupingInbox;
  readonly groups: number[];
}

function setUp(limits: { maxBytes?: number; maxMembers?: number } = {}): Setting {
  const temporal = new HeldInbox();
  const groups: number[] = [];
  const onGroup = (members: number): void => void groups.push(members);
  return {
    temporal,
    groups,
    inbox: new GroupingInbox({ writesMax: 4, inbox: temporal, onGroup, ...limits }),
  };
}

/** Four writes under way: what comes now waits. */
function fill({ inbox }: Setting): Promise<StoreResult>[] {
  return Array.from({ length: 4 }, () => inbox.store(report()));
}

test('at rest a callback is a write of its own, and its answer is that write’s', async () => {
  const { temporal, inbox } = setUp();
  const message = report();
  const storing = inbox.store(message);
  assert.deepEqual(temporal.writes[0]?.message, message);
  temporal.write(0).succeed('closed');
  assert.equal(await storing, 'closed');
});

test('what comes while four are being written goes out together, in order, and each is answered', async () => {
  const setting = setUp();
  const { temporal, inbox, groups } = setting;
  const first = fill(setting);
  const messages = [report(), report(), report()];
  const storing = messages.map((message) => inbox.store(message));
  assert.equal(temporal.writes.length, 4);
  temporal.write(2).succeed();
  assert.equal(await first[2], 'stored');
  assert.equal(temporal.writes.length, 5);
  const { source, changes, hints, setAside } = temporal.group(4);
  assert.deepEqual([source, hints, setAside], ['realtime', [], []]);
  assert.deepEqual(
    changes,
    messages.flatMap((message) => message.report.changes),
  );
  assert.deepEqual(
    temporal.group(4).named,
    messages.map(({ document }, index) => ({ ...document, changes: [index], hints: [] })),
  );
  let answered = 0;
  for (const each of storing) void each.then(() => (answered += 1));
  await setImmediate();
  assert.equal(answered, 0);
  temporal.write(4).succeed();
  assert.deepEqual(await Promise.all(storing), ['stored', 'stored', 'stored']);
  assert.deepEqual(groups, [3]);
});

test('nobody waits for more than two writes: the one under way and the one it is part of', async () => {
  const setting = setUp();
  const { temporal, inbox } = setting;
  void Promise.all(fill(setting));
  const early = [report(), report()];
  for (const message of early) void inbox.store(message);
  temporal.write(0).succeed();
  await setImmediate();
  const late = [report(), report(), report()];
  for (const message of late) void inbox.store(message);
  // Three of the first four end, but a group is under way: those that came later wait for it.
  for (const index of [1, 2, 3]) temporal.write(index).succeed();
  await setImmediate();
  assert.equal(temporal.writes.length, 5);
  temporal.write(4).succeed();
  await setImmediate();
  assert.equal(temporal.writes.length, 6);
  assert.deepEqual(
    named(temporal.group(5)),
    late.map(({ document }) => document.documentId),
  );
});

test('a full group goes out beside the one under way; where that is too much, callers are told', async () => {
  const setting = setUp({ maxMembers: 3 });
  const { temporal, inbox } = setting;
  const first = fill(setting);
  const storing = [report(), report()].map((message) => inbox.store(message));
  for (const index of [0, 1, 2, 3]) temporal.write(index).succeed();
  await Promise.all(first);
  // One group under way: three more beside it, and one that waits.
  storing.push(...Array.from({ length: 12 }, () => inbox.store(report())));
  assert.equal(temporal.writes.length, 8);
  await assert.rejects(inbox.store(report()), BusyError);
  for (const index of [4, 5, 6, 7]) temporal.write(index).succeed();
  await setImmediate();
  temporal.write(8).succeed();
  assert.deepEqual(new Set(await Promise.all(storing)), new Set(['stored']));
});

/** As many as `members` in one group, which is written. */
async function burst(setting: Setting, members: number): Promise<void> {
  const { temporal, inbox } = setting;
  const storing = fill(setting);
  storing.push(...Array.from({ length: members }, () => inbox.store(report())));
  await temporal.succeedFrom(0);
  await Promise.all(storing);
}

test('in a burst what comes after a group does not go out one by one', async () => {
  const setting = setUp();
  const { temporal, inbox, groups } = setting;
  await burst(setting, 5);
  const storing = Array.from({ length: 6 }, () => inbox.store(report()));
  assert.equal(temporal.writes.length, 6);
  temporal.write(5).succeed();
  await setImmediate();
  assert.equal(temporal.writes.length, 7);
  temporal.write(6).succeed();
  assert.deepEqual(new Set(await Promise.all(storing)), new Set(['stored']));
  assert.deepEqual(groups, [5, 5]);
});

test('with each write that ends while nobody waits one more may be in flight again', async () => {
  const setting = setUp();
  const { temporal, inbox } = setting;
  await burst(setting, 5);
  const storing: Promise<StoreResult>[] = [];
  for (const inFlight of [1, 2, 4, 4]) {
    const before = temporal.writes.length;
    for (let count = 0; count < inFlight; count += 1) storing.push(inbox.store(report()));
    assert.equal(temporal.writes.length, before + inFlight);
    await temporal.succeedFrom(before);
  }
  assert.deepEqual(new Set(await Promise.all(storing)), new Set(['stored']));
});

test('in a burst too a full group goes out beside the one under way', async () => {
  const setting = setUp({ maxMembers: 6 });
  const { temporal, inbox } = setting;
  await burst(setting, 5);
  const storing = Array.from({ length: 7 }, () => inbox.store(report()));
  assert.equal(temporal.writes.length, 6);
  storing.push(inbox.store(report()));
  assert.equal(temporal.writes.length, 7);
  await temporal.succeedFrom(5);
  assert.deepEqual(new Set(await Promise.all(storing)), new Set(['stored']));
});

test('of a group the documents hear seconds later, of a callback alone at once', async () => {
  const setting = setUp();
  const { temporal, inbox } = setting;
  void Promise.all(fill(setting));
  for (let member = 0; member < 2; member += 1) void inbox.store(report());
  temporal.write(0).succeed();
  await setImmediate();
  const [alone, group] = [temporal.write(1).message, temporal.write(4).message];
  assert.equal(alone.kind, 'report');
  assert.ok(group.kind === 'delivery');
  assert.equal(group.startDelayMs, 5_000);
});

test('to be busy is no outage: the spool is not for it', () => {
  assert.equal(isOutage(new BusyError()), false);
});

test('a group is bounded in bytes', async () => {
  const setting = setUp({ maxBytes: 1000 });
  const { temporal, inbox } = setting;
  void Promise.all(fill(setting));
  for (let count = 0; count < 20; count += 1) void inbox.store(report()).catch(() => undefined);
  temporal.write(0).succeed();
  await setImmediate();
  assert.ok(JSON.stringify(temporal.group(4).changes).length < 1000);
  assert.ok(temporal.group(4).changes.length > 1);
});

test('when Temporal is away, whoever waits is told at once', async () => {
  const setting = setUp();
  const { temporal, inbox } = setting;
  const first = fill(setting);
  const storing = [report(), report()].map((message) => inbox.store(message));
  const away = new UnavailableError(new Error('No connection established'));
  const all = Promise.allSettled([...first.slice(1), ...storing]);
  temporal.write(0).fail(away);
  await assert.rejects(first[0] ?? Promise.resolve(), away);
  for (const each of storing) await assert.rejects(each, away);
  assert.equal(temporal.writes.length, 4);
  for (const index of [1, 2, 3]) temporal.write(index).succeed();
  await all;
});

test('in a group that is refused one to blame is found by halves, a write at a time', async () => {
  const setting = setUp({ maxMembers: 1_000 });
  const { temporal, inbox } = setting;
  void Promise.all(fill(setting));
  const members = Array.from({ length: 1_000 }, () => report());
  const poison = members[777]?.document.documentId;
  const storing = Promise.allSettled(members.map((message) => inbox.store(message)));
  temporal.write(0).succeed();
  await setImmediate();
  const refused = refusal();
  let index = 4;
  for (; index < temporal.writes.length; index += 1) {
    assert.equal(temporal.writes.length, index + 1, 'a second write is under way');
    const write = temporal.write(index);
    const isOfPoison = JSON.stringify(write.message).includes(String(poison));
    if (isOfPoison) write.fail(refused);
    else write.succeed();
    await setImmediate();
  }
  const results = await storing;
  const failed = results.flatMap(({ status }, each) => (status === 'rejected' ? [each] : []));
  assert.deepEqual(failed, [777]);
  assert.ok(index - 4 <= 21, `${index - 4} writes`);
});

test('a group that is halved counts as one write: a full one still goes out beside it', async () => {
  const setting = setUp({ maxMembers: 2 });
  const { temporal, inbox } = setting;
  void Promise.all(fill(setting));
  const storing = Array.from({ length: 2 }, () => inbox.store(report()));
  temporal.write(0).succeed();
  await setImmediate();
  temporal.write(4).fail(refusal());
  await setImmediate();
  temporal.write(1).succeed();
  await setImmediate();
  // Two of the first four, and the first half: a full group finds room for its write.
  storing.push(...Array.from({ length: 3 }, () => inbox.store(report())));
  await temporal.succeedFrom(2);
  assert.deepEqual(await Promise.all(storing), Array(5).fill('stored'));
});

test('notices and signers without a document come along; batches and hints go alone', async () => {
  const setting = setUp();
  const { temporal, inbox } = setting;
  void Promise.all(fill(setting));
  const documentId = randomUUID();
  const change = report().report.changes[0];
  assert.ok(change);
  const unrouted = { source: 'realtime', receivedAt: AT, changes: [change], setAside: [] } as const;
  const batch = { ...unrouted, source: 'batch' } as const;
  const aside = { ...unrouted, changes: [], setAside: [{ reason: 'odd', entry: '{}' }] };
  const messages: InboxMessage[] = [
    { kind: 'notice', document: { documentId, tag: 'order-17' } },
    { kind: 'delivery', digest: 'a', input: unrouted },
    { kind: 'delivery', digest: 'b', input: aside },
    { kind: 'delivery', digest: 'c', input: { ...unrouted, held: 'too old' } },
    { kind: 'delivery', digest: 'd', input: batch },
    { kind: 'hint', documentId, receivedAt: AT },
  ];
  for (const message of messages) void inbox.store(message);
  assert.deepEqual(
    temporal.writes.slice(4).map(({ message }) => message),
    messages.slice(3),
  );
  temporal.write(0).succeed();
  await setImmediate();
  const { receivedAt, ...group } = temporal.group(7);
  assert.ok(Date.parse(receivedAt) > 0);
  assert.deepEqual(group, {
    source: 'realtime',
    changes: [change],
    hints: [documentId],
    named: [{ documentId, tag: 'order-17', changes: [], hints: [0] }],
    setAside: [{ reason: 'odd', entry: '{}' }],
  });
});

test('a group that is brought as one joins no other, which would not say what is in it', async () => {
  const setting = setUp();
  const { temporal, inbox } = setting;
  const first = fill(setting);
  const waiting = [report(), report()];
  const members = [report(), { kind: 'notice', document: { documentId: 'noticed' } }] as const;
  const storing = [...waiting, groupMessage(members, 0)].map((message) => inbox.store(message));
  temporal.write(0).succeed();
  await first[0];
  for (const { succeed } of temporal.writes) succeed();
  await Promise.all([...first, ...storing]);
  const told = temporal.writes.flatMap(({ message }) =>
    message.kind === 'delivery' ? named(message.input) : [],
  );
  const expected = [...waiting, ...members].map(({ document }) => document.documentId);
  assert.deepEqual(told.toSorted(), expected.toSorted());
});
