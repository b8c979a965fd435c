/** What a dead process left is taken over by one other, whatever happens, and on a full disk. */
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { cp, readdir, rename, stat, writeFile } from 'node:fs/promises';
import { createServer, Server } from 'node:net';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { openOutageSpool } from '../webhook/outage-spool.js';
import { beforeFileOperations, type Before } from './support/file-operations.js';
import {
  appendAll,
  makeFolder,
  mountSmallDisk,
  openSpool,
  recordFiles,
  takeAll,
} from './support/webhook-spool.js';

const TEXTS = ['0', '1', '2', '3', '4'];

/** What happens before each file operation of what is run within. */
const operations = new AsyncLocalStorage<Before>();
await beforeFileOperations(
  (name, path) => operations.getStore()?.(name, path),
  ['lstat', 'readdir', 'rmdir'],
);

/** A folder with callbacks, whose process has let go of it, as the kernel does for a dead one. */
async function leftBehind(context: TestContext): Promise<string> {
  const folder = await makeFolder();
  const { spool } = await openSpool(context, folder);
  await appendAll(spool, TEXTS);
  await spool.close();
  return folder;
}

function noSpace(): Error {
  return Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
}

/** No folder and no file can be made. */
function makeNothing(name: string, path: string | undefined): void {
  const makes = name === 'mkdir' || (name === 'open' && path !== undefined && !existsSync(path));
  if (makes) throw noSpace();
}

/** No socket can be made while a question is answered with yes. */
function makeNoSocket(context: TestContext, isFull: () => boolean): void {
  const listen = Reflect.get(Server.prototype, 'listen') as (...parameters: unknown[]) => Server;
  context.mock.method(Server.prototype, 'listen', function (this: Server, ...parameters: never[]) {
    if (!isFull()) return listen.apply(this, parameters);
    process.nextTick(() => this.emit('error', noSpace()));
    return this;
  });
}

test('on a full disk what a dead process left is taken over and handed over', async (context) => {
  const folder = await leftBehind(context);
  const { spool, complaints } = await operations.run(makeNothing, async () => {
    const opened = await openSpool(context, folder);
    const { entries, strandedEntries } = opened.spool.status();
    assert.deepEqual([entries, strandedEntries], [TEXTS.length, 0]);
    await assert.rejects(opened.spool.append(Buffer.from('new')), { code: 'ENOSPC' });
    assert.deepEqual(await takeAll(opened.spool), TEXTS);
    return opened;
  });
  assert.deepEqual(complaints, ['callbacks wait from before']);
  assert.deepEqual(await readdir(join(folder, 'spool')), []);
  await appendAll(spool, ['new']);
  assert.deepEqual(await takeAll(spool), ['new']);
});

test('a disk without an inode to spare has the one of the dead process’s mark', async (context) => {
  const disk = await mountSmallDisk(context, '1m,nr_inodes=32');
  if (disk === undefined) {
    context.skip('this user may not mount a disk');
    return;
  }
  const { spool: dead } = await openSpool(context, disk.folder);
  await appendAll(dead, TEXTS);
  await dead.close();
  const fill = async (): Promise<never> => {
    for (let number = 0; ; number += 1) await writeFile(join(disk.folder, `${number}`), '');
  };
  await assert.rejects(fill, { code: 'ENOSPC' });
  const { spool } = await openSpool(context, disk.folder);
  await assert.rejects(spool.append(Buffer.from('new')), { code: 'ENOSPC' });
  assert.deepEqual(await takeAll(spool), TEXTS);
});

/** How much was put by below a folder. */
function reserveBytes(folder: string): number {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const reserves = names.filter((name) => name.endsWith('reserve'));
  return reserves.reduce((total, name) => total + statSync(join(folder, name)).size, 0);
}

test('where even a mark needs space, it has what the dead process put by, again and again', async (context) => {
  const folder = await leftBehind(context);
  assert.ok(reserveBytes(folder) > 0);
  makeNoSocket(context, () => reserveBytes(folder) > 0);
  for (let round = 0; round < 3; round += 1) {
    const { spool } = await openSpool(context, folder);
    assert.equal(spool.status().entries, TEXTS.length);
    assert.ok(reserveBytes(folder) > 0);
    await spool.close();
  }
});

test('on a disk with little space nothing is put by', async (context) => {
  const disk = await mountSmallDisk(context, '1m');
  if (disk === undefined) {
    context.skip('this user may not mount a disk');
    return;
  }
  const { spool } = await openSpool(context, disk.folder);
  await appendAll(spool, TEXTS);
  assert.equal(reserveBytes(disk.folder), 0);
});

test('what cannot be taken over is counted, is not handed over, and is taken over once it can be', async (context) => {
  const folder = await leftBehind(context);
  const [file = ''] = await recordFiles(folder);
  const { size } = await stat(file);
  let isFull = true;
  makeNoSocket(context, () => isFull);
  const { spool } = await openSpool(context, folder);
  const { entries, strandedEntries, bytes, oldestMs } = spool.status();
  assert.deepEqual([entries, strandedEntries, bytes], [TEXTS.length, TEXTS.length, size]);
  assert.ok(oldestMs !== undefined);
  assert.deepEqual(await takeAll(spool), []);
  isFull = false;
  await spool.adopt();
  assert.equal(spool.status().strandedEntries, 0);
  assert.deepEqual(await takeAll(spool), TEXTS);
  assert.equal(spool.status().entries, 0);
});

test('what cannot even be renamed is counted, too', async (context) => {
  const folder = await leftBehind(context);
  const isReadOnly = (name: string): void => {
    if (name === 'rename') throw Object.assign(new Error('EROFS'), { code: 'EROFS' });
  };
  const { spool } = await operations.run(isReadOnly, () => openSpool(context, folder));
  assert.equal(spool.status().strandedEntries, TEXTS.length);
});

test('readiness says that callbacks of a dead process cannot be taken over', async (context) => {
  const folder = await leftBehind(context);
  makeNoSocket(context, () => true);
  const outageSpool = await openOutageSpool({
    settings: { folder: join(folder, 'spool'), limitBytes: 2 ** 20 },
    inbox: { store: () => Promise.resolve('stored') },
    askTemporal: () => Promise.resolve({ ok: true }),
    logger: pino({ level: 'silent' }),
    registry: new Registry(),
  });
  context.after(() => outageSpool.close());
  const { ok, reason, spool } = await outageSpool.ready();
  assert.deepEqual(
    [ok, reason, spool?.state, spool?.entries],
    [true, 'callbacks of a process that died cannot be taken over', 'stranded', TEXTS.length],
  );
});

/** What has come to one of its file operations, the first or a later one, or to its end. */
interface Begun<Result> {
  readonly isPaused: boolean;
  /** Lets it go on, to its end. */
  finish(): Promise<Result>;
}

async function runUntil<Result>(
  moment: number,
  action: () => Promise<Result>,
): Promise<Begun<Result>> {
  let go = (): void => undefined;
  const gate = new Promise<void>((resolve) => (go = resolve));
  let ended: Promise<Result> | undefined;
  const isPaused = await new Promise<boolean>((resolve, reject) => {
    let count = 0;
    const pause = async (): Promise<void> => {
      count += 1;
      if (count !== moment) return;
      resolve(true);
      await gate;
    };
    ended = operations.run(pause, action);
    ended.then(() => {
      resolve(false);
    }, reject);
  });
  return {
    isPaused,
    finish: () => {
      go();
      return ended ?? assert.fail('not begun');
    },
  };
}

/** Two actions, interleaved in all ways: one waits for the other at any moment, and back. */
async function interleave<Result>(
  context: TestContext,
  makePlace: () => Promise<string>,
  act: (folder: string) => Promise<Result>,
  interrupt: (folder: string) => Promise<Result>,
  check: (folder: string, results: readonly [Result, Result]) => Promise<void>,
): Promise<void> {
  let ways = 0;
  for (let moment = 1, isEnd = false; !isEnd; moment += 1) {
    for (let inner = 1, isInnerEnd = false; !isInnerEnd && !isEnd; inner += 1) {
      const folder = await makePlace();
      const one = await runUntil(moment, () => act(folder));
      const other = await runUntil(inner, () => interrupt(folder));
      const results = [await one.finish(), await other.finish()] as const;
      await check(folder, results);
      ways += 1;
      isEnd = !one.isPaused;
      isInnerEnd = !other.isPaused;
    }
  }
  context.diagnostic(`${ways} ways`);
}

test('however two processes come in between each other, one has all, and neither complains', async (context) => {
  await interleave(
    context,
    () => leftBehind(context),
    (folder) => openSpool(context, folder),
    (folder) => openSpool(context, folder),
    async (folder, both) => {
      const found = await Promise.all(both.map(({ spool }) => takeAll(spool)));
      assert.deepEqual(
        found.filter((texts) => texts.length > 0),
        [TEXTS],
      );
      const complaints = both.flatMap((each) => each.complaints);
      assert.deepEqual(complaints, ['callbacks wait from before']);
      for (const { spool } of both) await spool.close();
      assert.deepEqual(await readdir(join(folder, 'spool')), []);
    },
  );
});

test('a process that makes its folder keeps it, however another looks for what the dead left', async (context) => {
  await interleave(
    context,
    makeFolder,
    async (folder) => {
      const opened = await openSpool(context, folder);
      await opened.spool.append(Buffer.from('0'));
      return opened;
    },
    (folder) => openSpool(context, folder),
    async (_folder, [one, other]) => {
      await appendAll(one.spool, TEXTS.slice(1));
      await other.spool.adopt();
      assert.equal(other.spool.status().entries, 0);
      assert.deepEqual(await takeAll(one.spool), TEXTS);
      for (const { spool } of [one, other]) await spool.close();
    },
  );
});

test('a process that dies at any moment of the takeover leaves all to the next', async (context) => {
  const copies: string[] = [];
  const folder = await leftBehind(context);
  const copy = async (): Promise<void> => {
    copies.push(await operations.exit(() => copyOfDead(folder)));
  };
  await operations.run(copy, () => openSpool(context, folder));
  assert.ok(copies.length > 5);
  for (const each of copies) {
    const { spool } = await openSpool(context, each);
    assert.deepEqual(await takeAll(spool), TEXTS);
    await spool.close();
    assert.deepEqual(await readdir(join(each, 'spool')), []);
  }
});

/** As if whoever is there had died at this moment: marks are there, and dead. */
async function copyOfDead(folder: string): Promise<string> {
  const copy = await makeFolder();
  const marks: string[] = [];
  await cp(folder, copy, {
    recursive: true,
    filter: async (source, destination) => {
      if (!(await stat(source)).isSocket()) return true;
      marks.push(destination);
      return false;
    },
  });
  for (const mark of marks) {
    const server = createServer();
    const path = join(dirname(mark), 'bound');
    await new Promise<void>((resolve) => server.listen(path, resolve));
    await rename(path, mark);
    await new Promise((resolve) => server.close(resolve));
  }
  return copy;
}
