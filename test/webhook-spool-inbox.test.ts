import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import type { CallbackInbox, InboxMessage, StoreResult } from '../webhook/callback-inbox.js';
import { BusyError, UnavailableError } from '../webhook/errors.js';
import { AliveMark } from '../webhook/spool/alive-mark.js';
import { CallbackSpool } from '../webhook/spool/callback-spool.js';
import { createSpoolCounters, showSpool } from '../webhook/spool-metrics.js';
import { SpoolingInbox } from '../webhook/spooling-inbox.js';
import { isOutage } from '../webhook/temporal-outage.js';
import { until } from './support/until.js';
import { makeFolder, recordFiles } from './support/webhook-spool.js';

/** As gRPC throws it, and the inbox passes it on. */
function failure(code: number, details: string): UnavailableError {
  const cause = Object.assign(new Error(details), { code, details, metadata: {} });
  return new UnavailableError(new Error('Failed to start Workflow', { cause }));
}

const AWAY = failure(14, 'No connection established');
const REFUSED = failure(3, 'BlobSize exceeds limit.');

/** In Temporal's place: an inbox that does as it is told. */
class ScriptedInbox implements CallbackInbox {
  /** What it was asked to store, and what of it it took: by documents' IDs. */
  readonly asked: string[] = [];
  readonly taken: string[] = [];
  atOnceMost = 0;
  #atOnce = 0;
  answer: (documentId: string) => Promise<StoreResult> | StoreResult = () => 'stored';

  async store(message: InboxMessage): Promise<StoreResult> {
    const documentId = nameOf(message);
    this.asked.push(documentId);
    this.#atOnce += 1;
    this.atOnceMost = Math.max(this.atOnceMost, this.#atOnce);
    try {
      const result = await this.answer(documentId);
      this.taken.push(documentId);
      return result;
    } finally {
      this.#atOnce -= 1;
    }
  }

  isAway(): void {
    this.answer = () => Promise.reject(AWAY);
  }

  isBack(): void {
    this.answer = () => 'stored';
  }
}

/** The document's ID; of a group those of all members. */
function nameOf(message: InboxMessage): string {
  if (message.kind === 'hint') return message.documentId;
  if (message.kind !== 'delivery') return message.document.documentId;
  return (message.input.named ?? []).map(({ documentId }) => documentId).join(' ');
}

interface Setting {
  readonly temporal: ScriptedInbox;
  readonly spooling: SpoolingInbox;
  readonly spool: CallbackSpool;
  readonly folder: string;
  readonly log: string[];
  store(...documentIds: string[]): Promise<StoreResult[]>;
  metric(name: string): Promise<number>;
}

interface SettingOptions {
  readonly folder?: string;
  readonly temporal?: ScriptedInbox;
  readonly limitBytes?: number;
  readonly answers?: () => Promise<boolean>;
  readonly atOnce?: number;
  readonly retryEveryMs?: number;
  readonly adoptEveryMs?: number;
  readonly groupsFrom?: number;
  readonly groupsFromMs?: number;
}

async function setUp(context: TestContext, options: SettingOptions = {}): Promise<Setting> {
  const { temporal = new ScriptedInbox(), limitBytes = 2 ** 20 } = options;
  const folder = options.folder ?? (await makeFolder());
  const log: string[] = [];
  const logger = pino({ level: 'debug' }, { write: (line: string) => void log.push(line) });
  const registry = new Registry();
  const counters = createSpoolCounters(registry);
  const spool = new CallbackSpool({ folder: join(folder, 'spool'), limitBytes, logger });
  const spooling = new SpoolingInbox({
    inbox: temporal,
    answers: () => Promise.resolve(true),
    pauseMaxMs: 5,
    ...options,
    spool,
    logger,
    counters,
  });
  showSpool(registry, () => spooling.report());
  await spooling.start();
  context.after(() => spooling.close());
  return {
    temporal,
    spooling,
    spool,
    folder,
    log,
    store: (...ids) => Promise.all(ids.map((id) => spooling.store(hint(id)))),
    metric: (name) => valueOf(registry, name),
  };
}

/** All at once, of documents with these IDs: what may share a write. */
function storeNotices(
  { spooling }: Setting,
  documentIds: readonly string[],
): Promise<StoreResult[]> {
  return Promise.all(
    documentIds.map((documentId) => spooling.store({ kind: 'notice', document: { documentId } })),
  );
}

function hint(documentId: string): InboxMessage {
  return { kind: 'hint', documentId, receivedAt: '2031-01-01T00:00:00Z' };
}

async function valueOf(registry: Registry, name: string): Promise<number> {
  const metric = await registry.getSingleMetric(`countersign_spool_${name}`)?.get();
  return (metric?.values ?? []).reduce((total, { value }) => total + value, 0);
}

function idle({ spooling }: Setting): Promise<unknown> {
  return until(() => spooling.report().state === 'idle');
}

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => String(from + index));
}

test('while Temporal takes callbacks, its answer is the answer, and no file is touched', async (context) => {
  const setting = await setUp(context);
  const results: StoreResult[] = ['stored', 'duplicate', 'closed'];
  setting.temporal.answer = () => results.shift() ?? 'stored';
  assert.deepEqual(await setting.store('1', '2', '3'), ['stored', 'duplicate', 'closed']);
  assert.deepEqual(await recordFiles(setting.folder), []);
  assert.equal(setting.spooling.report().state, 'idle');
});

test('when Temporal is away, callbacks wait, and it is tried by one at a time', async (context) => {
  const setting = await setUp(context, { answers: () => Promise.resolve(false) });
  setting.temporal.isAway();
  assert.deepEqual(await setting.store('0'), ['spooled']);
  const later = await setting.store(...numbers(1, 100));
  assert.deepEqual(new Set(later), new Set(['spooled']));
  await until(() => setting.temporal.asked.length > 10);
  assert.deepEqual(new Set(setting.temporal.asked), new Set(['0']));
  assert.equal(setting.temporal.atOnceMost, 1);
  const { state, entries } = setting.spooling.report();
  assert.deepEqual([state, entries], ['holding', 100]);
});

test('when it is back, all are handed over in order, those that come meanwhile behind them', async (context) => {
  const setting = await setUp(context);
  setting.temporal.isAway();
  await setting.store(...numbers(0, 100));
  const late: Promise<StoreResult[]>[] = [];
  setting.temporal.answer = (id) => {
    if (Number(id) < 50) late.push(setting.store(String(100 + Number(id))));
    return 'stored';
  };
  await idle(setting);
  assert.deepEqual(setting.temporal.taken, numbers(0, 150));
  assert.deepEqual(new Set((await Promise.all(late)).flat()), new Set(['spooled']));
  assert.deepEqual(await setting.store('150'), ['stored']);
  assert.equal(await setting.metric('handed_over_total'), 150);
  assert.deepEqual(await recordFiles(setting.folder), []);
  assert.equal(setting.spooling.report().bytes, 0);
  assert.ok(setting.log.some((line) => line.includes('are handed over')));
});

test('those under way when the first fails need not wait for their own failure', async (context) => {
  const setting = await setUp(context);
  const never = new Promise<StoreResult>(() => undefined);
  let fail = (): void => undefined;
  const failing = new Promise<StoreResult>((_resolve, reject) => {
    fail = () => {
      reject(AWAY);
    };
  });
  setting.temporal.answer = (id) => (id === '3' ? failing : never);
  const results = setting.store(...numbers(0, 6));
  await until(() => setting.temporal.asked.length === 6);
  setting.temporal.isBack();
  fail();
  assert.deepEqual(new Set(await results), new Set(['spooled']));
  await idle(setting);
  assert.deepEqual(setting.temporal.taken, numbers(0, 6));
});

test('a late answer to a callback that is in the spool meanwhile does no harm', async (context) => {
  const setting = await setUp(context);
  const gates: ((result: StoreResult) => void)[] = [];
  const rejects: ((error: unknown) => void)[] = [];
  setting.temporal.answer = (id) =>
    id === '2'
      ? Promise.reject(AWAY)
      : new Promise((resolve, reject) => {
          gates.push(resolve);
          rejects.push(reject);
        });
  const results = setting.store('0', '1', '2');
  assert.deepEqual(await results, ['spooled', 'spooled', 'spooled']);
  setting.temporal.isBack();
  gates[0]?.('stored');
  rejects[1]?.(AWAY);
  gates[2]?.('stored');
  await idle(setting);
  assert.deepEqual(setting.temporal.taken.slice(-3), ['0', '1', '2']);
});

test('a message that Temporal refuses by itself is no outage: its sender is told', async (context) => {
  const setting = await setUp(context);
  setting.temporal.answer = () => Promise.reject(REFUSED);
  await assert.rejects(setting.store('1'), UnavailableError);
  assert.equal(setting.spooling.report().state, 'idle');
  assert.deepEqual(await recordFiles(setting.folder), []);
});

test('a message that turns out to be refused is set apart, and the others go on', async (context) => {
  const setting = await setUp(context);
  setting.temporal.isAway();
  await setting.store('1');
  await setting.store('poison', '2');
  setting.temporal.answer = (id) => (id === 'poison' ? Promise.reject(REFUSED) : 'stored');
  await idle(setting);
  assert.deepEqual(setting.temporal.taken, ['1', '2']);
  assert.equal(await setting.metric('failed_total'), 1);
  assert.equal(await setting.metric('failed_entries'), 1);
  assert.equal(setting.temporal.asked.filter((id) => id === 'poison').length, 1);
  const line = setting.log.find((each) => each.includes('set apart'));
  assert.match(line ?? '', /"documentId":"poison".*BlobSize/);
  assert.equal((await recordFiles(setting.folder)).length, 1);
});

test('what is handed over where all writes are taken is tried again, and not set apart', async (context) => {
  const setting = await setUp(context);
  const { temporal } = setting;
  temporal.isAway();
  await setting.store('0', '1', '2');
  let busy = 2;
  temporal.answer = () => {
    busy -= 1;
    return busy < 0 ? 'stored' : Promise.reject(new BusyError());
  };
  await idle(setting);
  assert.deepEqual(temporal.taken, ['0', '1', '2']);
  assert.equal(await setting.metric('failed_total'), 0);
});

test('what was set apart is tried again now and then, after what waits', async (context) => {
  const setting = await setUp(context, { retryEveryMs: 20 });
  setting.temporal.isAway();
  await setting.store('0', 'healed', 'poison', '1');
  setting.temporal.answer = (id) => (/^\d/.test(id) ? 'stored' : Promise.reject(REFUSED));
  await until(async () => (await setting.metric('failed_total')) >= 4);
  setting.temporal.answer = (id) => (id === 'poison' ? Promise.reject(REFUSED) : 'stored');
  await until(() => setting.temporal.taken.includes('healed'));
  await idle(setting);
  assert.deepEqual(setting.temporal.taken, ['0', '1', 'healed']);
  assert.equal(await setting.metric('failed_entries'), 1);
});

test('a message that alone is never answered is set apart once others pass, and only then', async (context) => {
  const setting = await setUp(context);
  setting.temporal.isAway();
  await setting.store('odd', ...numbers(1, 20));
  await until(() => setting.temporal.asked.length > 20);
  // Away for all, though it answers other questions: nobody is to blame.
  assert.equal(await setting.metric('failed_total'), 0);
  setting.temporal.answer = (id) => (id === 'odd' ? Promise.reject(AWAY) : 'stored');
  await idle(setting);
  assert.equal(await setting.metric('failed_total'), 1);
  assert.deepEqual(setting.temporal.taken.toSorted(byNumber), numbers(1, 20));
});

test('one that is never answered holds up nobody who comes after it', async (context) => {
  const setting = await setUp(context);
  setting.temporal.answer = (id) => (id === 'odd' ? Promise.reject(AWAY) : 'stored');
  await setting.store('odd');
  await until(() => setting.temporal.asked.length > 3);
  const entries: number[] = [];
  for (const id of numbers(1, 8)) {
    await setting.store(id);
    entries.push(setting.spooling.report().entries);
  }
  await idle(setting);
  assert.deepEqual(setting.temporal.taken.toSorted(byNumber), numbers(1, 8));
  assert.equal(await setting.metric('failed_total'), 1);
  assert.equal(await setting.metric('entries'), 0);
  assert.ok(entries.every((count) => count >= 0 && count <= 8));
});

test('two that are never answered are both set apart, however seldom others come', async (context) => {
  const setting = await setUp(context);
  const { temporal } = setting;
  temporal.answer = (id) => (id.startsWith('odd') ? Promise.reject(AWAY) : 'stored');
  await setting.store('odd', 'odder');
  for (const id of numbers(1, 9)) {
    await setting.store(id);
    await until(() => temporal.taken.includes(id));
    const askedBefore = temporal.asked.length;
    const isDone = (): boolean => setting.spooling.report().state === 'idle';
    await until(() => isDone() || temporal.asked.length > askedBefore + 4);
  }
  await idle(setting);
  assert.equal(await setting.metric('failed_total'), 2);
});

test('a dozen that are never answered hold up nobody behind them', async (context) => {
  const setting = await setUp(context);
  const { temporal } = setting;
  temporal.isAway();
  const odd = numbers(0, 12).map((id) => `odd-${id}`);
  await setting.store(...odd, ...numbers(1, 60));
  temporal.answer = (id) => (id.startsWith('odd') ? Promise.reject(AWAY) : 'stored');
  await idle(setting);
  assert.deepEqual(temporal.taken.toSorted(byNumber), numbers(1, 60));
  assert.equal(await setting.metric('failed_total'), 12);
});

test('nor do two hundred of them', async (context) => {
  const setting = await setUp(context);
  const { temporal } = setting;
  temporal.isAway();
  const odd = numbers(0, 200).map((id) => `odd-${id}`);
  await setting.store(...odd, ...numbers(1, 60));
  temporal.answer = (id) => (id.startsWith('odd') ? Promise.reject(AWAY) : 'stored');
  await until(async () => (await setting.metric('failed_total')) >= 2);
  assert.ok(temporal.taken.length >= 6);
});

test('one that is never answered, and comes before one that already is not, is set apart, too', async (context) => {
  const setting = await setUp(context, { retryEveryMs: 20 });
  const { temporal } = setting;
  temporal.answer = (id) => (id.startsWith('odd') ? Promise.reject(AWAY) : 'stored');
  await setting.store('odd', ...numbers(0, 20));
  await until(async () => (await setting.metric('failed_total')) === 1);
  const askedBefore = temporal.asked.length;
  // What had failed is handed over after all others.
  await until(() => temporal.asked.lastIndexOf('odd') >= askedBefore);
  await setting.store('odder', ...numbers(20, 60));
  await until(async () => (await setting.metric('failed_total')) === 2, 10_000);
  await until(() => numbers(20, 60).every((id) => temporal.taken.includes(id)));
});

test('while Temporal answers nothing at all, only the first is tried, so the order is kept', async (context) => {
  const setting = await setUp(context, { answers: () => Promise.resolve(false) });
  setting.temporal.isAway();
  await setting.store(...numbers(0, 20));
  await until(() => setting.temporal.asked.length > 30);
  assert.deepEqual(new Set(setting.temporal.asked.slice(20)), new Set(['0']));
  setting.temporal.isBack();
  await idle(setting);
  assert.deepEqual(setting.temporal.taken, numbers(0, 20));
});

function byNumber(one: string, other: string): number {
  return Number(one) - Number(other);
}

test('what waits when the webhook closes is handed over by the next, before what is new', async (context) => {
  const temporal = new ScriptedInbox();
  const first = await setUp(context, { temporal });
  temporal.isAway();
  await first.store(...numbers(0, 50));
  await first.spooling.close();
  const { folder } = first;
  const second = await setUp(context, { folder, temporal });
  assert.deepEqual(await second.store('50'), ['spooled']);
  temporal.isBack();
  await idle(second);
  assert.deepEqual(temporal.taken, numbers(0, 51));
});

test('what another webhook leaves in an outage is handed over in its place', async (context) => {
  const temporal = new ScriptedInbox();
  temporal.isAway();
  const dying = await setUp(context, { temporal });
  const { folder } = dying;
  const staying = await setUp(context, { folder, temporal, adoptEveryMs: 5 });
  await dying.store(...numbers(0, 10));
  await until(() => Date.now() > (dying.spool.status().oldestMs ?? 0));
  await staying.store(...numbers(10, 20));
  await dying.spooling.close();
  await until(async () => (await staying.metric('entries')) === 20);
  assert.equal(staying.spooling.report().state, 'holding');
  temporal.isBack();
  await idle(staying);
  assert.deepEqual(temporal.taken, numbers(0, 20));
});

test('callbacks that cannot be taken over are told, and hold up no others until they can', async (context) => {
  const first = await setUp(context);
  first.temporal.isAway();
  await first.store(...numbers(0, 5));
  await first.spooling.close();
  const refused = context.mock.method(AliveMark, 'set', () => Promise.reject(new Error('ENOSPC')));
  const { folder } = first;
  const setting = await setUp(context, { folder, adoptEveryMs: 5 });
  const { state, entries, strandedEntries } = setting.spooling.report();
  assert.deepEqual([state, entries, strandedEntries], ['stranded', 5, 5]);
  assert.deepEqual(
    [
      await setting.metric('entries'),
      await setting.metric('stranded_entries'),
      await setting.metric('in_use'),
    ],
    [5, 5, 0],
  );
  assert.deepEqual(await setting.store('5'), ['stored']);
  refused.mock.restore();
  await idle(setting);
  assert.deepEqual(setting.temporal.taken, ['5', ...numbers(0, 5)]);
  assert.equal(await setting.metric('stranded_entries'), 0);
});

test('a webhook that closes while it hands over ends what is under way, and keeps the rest', async (context) => {
  const temporal = new ScriptedInbox();
  const first = await setUp(context, { temporal });
  temporal.isAway();
  await first.store(...numbers(0, 10));
  let closed: Promise<void> | undefined;
  temporal.answer = async (id): Promise<StoreResult> => {
    if (id === '4') closed = first.spooling.close();
    await Promise.resolve();
    return 'stored';
  };
  await until(() => closed !== undefined);
  await closed;
  assert.deepEqual(temporal.taken, numbers(0, 5));
  const second = await setUp(context, { folder: first.folder, temporal });
  temporal.isBack();
  await idle(second);
  assert.deepEqual(temporal.taken.slice(-5), numbers(5, 10));
});

test('a webhook that closes does not first hand over each of a group that was refused', async (context) => {
  const setting = await setUp(context, { groupsFrom: 10 });
  const { temporal } = setting;
  temporal.isAway();
  await setting.store('0');
  await storeNotices(setting, numbers(1, 100));
  let closed: Promise<void> | undefined;
  temporal.answer = async (documentIds): Promise<StoreResult> => {
    if (documentIds.includes(' ')) throw REFUSED;
    if (documentIds === '4') closed = setting.spooling.close();
    await Promise.resolve();
    return 'stored';
  };
  await until(() => closed !== undefined);
  await closed;
  assert.deepEqual(temporal.taken, numbers(0, 5));
});

test('a full spool answers that the callback is not stored, and takes again later', async (context) => {
  const setting = await setUp(context, { limitBytes: 1000 });
  setting.temporal.isAway();
  await setting.store('0');
  const results = await Promise.allSettled(
    numbers(1, 20).map((id) => setting.spooling.store(hint(id))),
  );
  const kept = results.filter(({ status }) => status === 'fulfilled').length + 1;
  const refused = results.flatMap((result) => (result.status === 'rejected' ? [result] : []));
  assert.ok(kept > 2 && refused.length > 2);
  for (const { reason } of refused) assert.ok(reason instanceof UnavailableError);
  assert.equal(await setting.metric('refused_total'), refused.length);
  assert.equal(await setting.metric('entries'), kept);
  setting.temporal.isBack();
  await idle(setting);
  assert.deepEqual(setting.temporal.taken, numbers(0, kept));
  setting.temporal.isAway();
  assert.deepEqual(await setting.store('again'), ['spooled']);
});

test('a spool full of what is never answered still lets others go to Temporal', async (context) => {
  const setting = await setUp(context, { limitBytes: 300 });
  const { temporal } = setting;
  temporal.answer = (id) => (id.startsWith('odd') ? Promise.reject(AWAY) : 'stored');
  await setting.store('odd', 'odder');
  await until(() => temporal.asked.length > 12);
  assert.ok(setting.spooling.report().bytes > 200);
  await until(async () => {
    await setting.store('another').catch(() => undefined);
    return setting.spooling.report().state === 'idle';
  });
  assert.equal(await setting.metric('failed_total'), 2);
  assert.deepEqual(await setting.store('last'), ['stored']);
});

test('where the spool cannot be written, each callback asks Temporal', async (context) => {
  const folder = await makeFolder();
  await writeFile(join(folder, 'spool'), 'a file in the way');
  const setting = await setUp(context, { folder });
  setting.temporal.isAway();
  await assert.rejects(setting.store('0'), UnavailableError);
  await idle(setting);
  assert.ok(setting.log.some((line) => line.includes('the next callback asks Temporal')));
  assert.ok(!setting.log.some((line) => line.includes('go to Temporal again')));
  setting.temporal.isBack();
  assert.deepEqual(await setting.store('1'), ['stored']);
});

test('a message of a kind that this version does not know is set apart', async (context) => {
  const setting = await setUp(context);
  setting.temporal.isAway();
  await setting.store('0');
  await setting.spool.append(Buffer.from('{"kind":"carrierPigeon"}'));
  await setting.spool.append(Buffer.from('not JSON'));
  await setting.store('1');
  setting.temporal.isBack();
  await idle(setting);
  assert.deepEqual(setting.temporal.taken, ['0', '1']);
  assert.equal(await setting.metric('failed_total'), 2);
});

test('several at once are begun in order, and no more than so many', async (context) => {
  const setting = await setUp(context, { atOnce: 4 });
  setting.temporal.isAway();
  await setting.store(...numbers(0, 41));
  const before = setting.temporal.asked.length;
  setting.temporal.atOnceMost = 0;
  setting.temporal.answer = () =>
    new Promise<StoreResult>((resolve) => {
      setImmediate(() => {
        resolve('stored');
      });
    });
  await idle(setting);
  const asked = setting.temporal.asked.slice(before);
  assert.deepEqual([...new Set(asked)], numbers(0, 41));
  assert.equal(setting.temporal.atOnceMost, 4);
});

test('of many that wait, those that may share a write do, in order, and one that is refused is found', async (context) => {
  const temporal = new ScriptedInbox();
  const setting = await setUp(context, { temporal, groupsFrom: 10 });
  temporal.isAway();
  await setting.store('0');
  const notices = numbers(1, 40);
  assert.deepEqual(new Set(await storeNotices(setting, notices)), new Set(['spooled']));
  temporal.answer = (documentId) => {
    if (documentId.split(' ').includes('7')) throw REFUSED;
    return 'stored';
  };
  await idle(setting);
  const [first, group, ...alone] = temporal.asked.slice(temporal.asked.lastIndexOf('0'));
  assert.deepEqual([first, group], ['0', notices.join(' ')]);
  // Refused as a whole: then each alone, until few enough wait to go one by one anyway.
  assert.deepEqual(alone, notices);
  assert.equal(await setting.metric('handed_over_total'), 39);
  assert.equal(setting.spooling.report().failedEntries, 1);
});

test('an outage that begins with few makes no group of them, and later groups no smaller', async (context) => {
  const setting = await setUp(context, { groupsFrom: 10 });
  const { temporal } = setting;
  temporal.isAway();
  await storeNotices(setting, ['0', '1']);
  const later = numbers(2, 40);
  await storeNotices(setting, later);
  temporal.isBack();
  await idle(setting);
  assert.ok(temporal.asked.slice(0, -1).every((documentIds) => !documentIds.includes(' ')));
  assert.deepEqual(temporal.taken, ['0', numbers(1, 40).join(' ')]);
});

test('where Temporal is slow, few that wait share a write, too', async (context) => {
  const setting = await setUp(context, { groupsFromMs: 200 });
  const { temporal } = setting;
  temporal.isAway();
  await setting.store('0');
  const notices = numbers(1, 12);
  await storeNotices(setting, notices);
  temporal.answer = () => delay(40, 'stored');
  await idle(setting);
  assert.deepEqual(temporal.taken, ['0', notices.join(' ')]);
});

test('where a group is too much for Temporal, smaller ones are handed over', async (context) => {
  const setting = await setUp(context, { groupsFrom: 10 });
  const { temporal } = setting;
  temporal.isAway();
  await setting.store('0');
  const notices = numbers(1, 200);
  await storeNotices(setting, notices);
  const refused: number[] = [];
  temporal.answer = (documentIds) => {
    const members = documentIds.split(' ').length;
    if (members <= 30) return 'stored';
    refused.push(members);
    return Promise.reject(AWAY);
  };
  await idle(setting);
  assert.ok(refused.length <= 4, `refused: ${refused.join(', ')}`);
  assert.deepEqual(temporal.taken.join(' ').split(' '), numbers(0, 200));
});

test('groups that a passing trouble made smaller become larger again', async (context) => {
  const setting = await setUp(context, { groupsFrom: 10, limitBytes: 2 ** 23 });
  const { temporal } = setting;
  temporal.isAway();
  await setting.store('0');
  await storeNotices(setting, numbers(1, 3_000));
  let troubles = 7;
  const groups: number[] = [];
  temporal.answer = (documentIds) => {
    const members = documentIds.split(' ').length;
    if (members > 1 && troubles > 0) {
      troubles -= 1;
      return Promise.reject(AWAY);
    }
    groups.push(members);
    return 'stored';
  };
  await idle(setting);
  assert.equal(temporal.taken.join(' ').split(' ').length, 3_000);
  assert.ok(Math.max(...groups) > 100, groups.join(' '));
});

test('it is told how much waits and for how long', async (context) => {
  const setting = await setUp(context);
  setting.temporal.isAway();
  await setting.store(...numbers(0, 7));
  const report = setting.spooling.report(Date.now() + 60_000);
  assert.deepEqual([report.state, report.entries, report.failedEntries], ['holding', 7, 0]);
  assert.ok(report.oldestSeconds >= 59 && report.oldestSeconds <= 61);
  assert.equal(await setting.metric('entries'), 7);
  assert.equal(await setting.metric('bytes'), report.bytes);
  assert.equal(await setting.metric('limit_bytes'), 2 ** 20);
  assert.equal(await setting.metric('in_use'), 1);
  setting.temporal.isBack();
  await idle(setting);
  assert.deepEqual([await setting.metric('entries'), await setting.metric('in_use')], [0, 0]);
});

const outages: [string, unknown, boolean][] = [
  ['an unreachable server', AWAY, true],
  ['a deadline of gRPC', failure(4, 'Deadline exceeded'), true],
  ['a deadline of ours', new UnavailableError(new Error('nothing within 2000 ms')), true],
  ['a server out of resources', failure(8, 'namespace rate limit exceeded'), true],
  ['a namespace that is missing', failure(5, 'Namespace default is not found.'), true],
  ['rights that are missing', failure(7, 'Request unauthorized.'), true],
  ['a key that expired', failure(16, 'unauthenticated'), true],
  [
    'a search attribute that is missing',
    failure(3, 'Namespace default has no mapping defined for search attribute SignerIds'),
    true,
  ],
  ['an argument that is refused', REFUSED, false],
  ['a message beyond gRPC’s limit', failure(8, 'grpc: received message larger than max'), false],
  ['a message that cannot be encoded', new UnavailableError(new TypeError('a cycle')), false],
];
for (const [name, error, expected] of outages) {
  test(`${name} is ${expected ? 'an outage' : 'the fault of one message'}`, () => {
    assert.equal(isOutage(error), expected);
  });
}
