import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  cp,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SpoolFullError, type SpoolEntry } from '../webhook/spool/callback-spool.js';
import { RecordFile } from '../webhook/spool/record-file.js';
import {
  appendAll,
  fileHandles,
  makeFolder,
  mountSmallDisk,
  openSpool,
  recordFiles,
  takeAll,
} from './support/webhook-spool.js';

const CHILD = fileURLToPath(new URL('support/webhook-spool-child.ts', import.meta.url));
const NO_MOUNT = 'this user may not mount a disk';

function numbers(count: number, prefix = ''): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
}

async function first(spool: Awaited<ReturnType<typeof openSpool>>['spool']): Promise<SpoolEntry> {
  const [entry] = await spool.next(1);
  return entry ?? assert.fail('nothing waits');
}

test('no folder is made before something has to wait', async (context) => {
  const folder = await makeFolder();
  const { spool } = await openSpool(context, folder);
  assert.ok(spool.isIdle);
  assert.deepEqual(await spool.next(1), []);
  assert.deepEqual(await readdir(folder), []);
});

test('what waits comes out in order, and nothing of it is left', async (context) => {
  const folder = await makeFolder();
  const { spool } = await openSpool(context, folder);
  await appendAll(spool, numbers(500));
  assert.equal(spool.status().entries, 500);
  assert.deepEqual(await takeAll(spool), numbers(500));
  const { entries, bytes, oldestMs } = spool.status();
  assert.deepEqual([entries, bytes, oldestMs], [0, 0, undefined]);
  await spool.close();
  assert.deepEqual(await readdir(join(folder, 'spool')), []);
});

test('what waits outlives its process, half handed over or not', async (context) => {
  const folder = await makeFolder();
  const { spool } = await openSpool(context, folder);
  await appendAll(spool, numbers(10));
  for (const entry of await spool.next(4)) await spool.settle(entry);
  await spool.close();
  const { spool: next, complaints } = await openSpool(context, folder);
  // What shares a file with what waits is handed over again.
  assert.deepEqual(await takeAll(next), numbers(10));
  assert.deepEqual(complaints, ['callbacks wait from before']);
  await next.close();
  assert.deepEqual(await readdir(join(folder, 'spool')), []);
});

test('nobody but the process’s user can read what waits', async (context) => {
  const folder = await makeFolder();
  const { spool } = await openSpool(context, folder);
  await appendAll(spool, ['a']);
  const names = await readdir(join(folder, 'spool'), { recursive: true });
  const modes = new Map<string, number>();
  for (const name of ['.', ...names]) {
    const { mode } = await stat(join(folder, 'spool', name));
    const kind = /(key|records|alive)$/.exec(name)?.[0] ?? 'folder';
    modes.set(kind, (modes.get(kind) ?? 0) | (mode & 0o777));
  }
  modes.delete('alive');
  assert.deepEqual(Object.fromEntries(modes), { folder: 0o700, key: 0o600, records: 0o600 });
});

test('callbacks that come together share one sync, and none is told before it', async (context) => {
  const { spool } = await openSpool(context, await makeFolder());
  await appendAll(spool, ['makes the folder']);
  const handles = await fileHandles();
  const { datasync } = handles;
  let synced = 0;
  const mocked = context.mock.method(handles, 'datasync', async function (this: never) {
    await datasync.call(this);
    synced += 1;
  });
  const told: number[] = [];
  const appends = numbers(100).map(async (text) => {
    await spool.append(Buffer.from(text));
    told.push(synced);
  });
  await Promise.all(appends);
  assert.equal(mocked.mock.callCount(), 1);
  assert.deepEqual(new Set(told), new Set([1]));
});

test('space is free again while later callbacks still wait', async (context) => {
  const folder = await makeFolder();
  const { spool } = await openSpool(context, folder);
  const large = numbers(20).map((text) => text.padEnd(100_000));
  await appendAll(spool, large);
  const files = await recordFiles(folder);
  assert.equal(files.length, 10);
  for (const entry of await spool.next(19)) await spool.settle(entry);
  assert.equal((await recordFiles(folder)).length, 1);
  assert.ok(spool.status().bytes < 300_000);
  assert.deepEqual(await takeAll(spool), large.slice(19));
});

test('a callback larger than a file has one of its own', async (context) => {
  const { spool } = await openSpool(context, await makeFolder());
  const texts = ['small', 'x'.repeat(5_000_000), 'small again'];
  await appendAll(spool, texts);
  assert.deepEqual(await takeAll(spool), texts);
});

test('a full spool takes nothing, keeps what it has, and takes again when there is room', async (context) => {
  const folder = await makeFolder();
  const { spool } = await openSpool(context, folder, { limitBytes: 10_000 });
  const text = 'x'.repeat(948);
  await appendAll(
    spool,
    numbers(10).map(() => text),
  );
  assert.equal(spool.status().bytes, 10_000);
  assert.equal(await spool.problem(), undefined);
  await assert.rejects(spool.append(Buffer.from('')), SpoolFullError);
  assert.match((await spool.problem()) ?? '', /WEBHOOK_SPOOL_LIMIT is 10000 bytes/);
  assert.equal((await takeAll(spool)).length, 10);
  assert.equal(await spool.problem(), undefined);
  await spool.append(Buffer.from(text));
});

test('a full disk: what fits is kept, the rest is refused whole, and it goes on when there is space', async (context) => {
  const disk = await mountSmallDisk(context, '64k');
  if (disk === undefined) {
    context.skip(NO_MOUNT);
    return;
  }
  const { spool } = await openSpool(context, disk.folder);
  const kept: string[] = [];
  let refusals = 0;
  for (const text of numbers(100).map((each) => each.padEnd(2000))) {
    try {
      await spool.append(Buffer.from(text));
      kept.push(text);
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
      refusals += 1;
    }
  }
  assert.ok(kept.length > 10 && refusals > 10, `${kept.length} kept, ${refusals} refused`);
  assert.equal(await spool.problem(), 'the spool cannot be written');
  assert.equal(spool.status().entries, kept.length);
  // As the next process would see it.
  const copy = await makeFolder();
  await cp(join(disk.folder, 'spool'), join(copy, 'spool'), {
    recursive: true,
    filter: (path) => !path.endsWith('alive'),
  });
  const seen = await openSpool(context, copy);
  assert.deepEqual(await takeAll(seen.spool), kept);
  assert.deepEqual(seen.complaints, ['callbacks wait from before']);
  // Handing over needs no space.
  assert.deepEqual(await takeAll(spool), kept);
  await appendAll(spool, ['there is space again']);
  assert.equal(await spool.problem(), undefined);
  assert.deepEqual(await takeAll(spool), ['there is space again']);
});

test('a disk that becomes read-only refuses, and takes again when it is not', async (context) => {
  const disk = await mountSmallDisk(context, '64k');
  if (disk === undefined) {
    context.skip(NO_MOUNT);
    return;
  }
  const { spool } = await openSpool(context, disk.folder);
  await disk.setReadOnly(true);
  await assert.rejects(spool.append(Buffer.from('a')), { code: 'EROFS' });
  assert.equal(await spool.problem(), 'the spool cannot be written');
  await disk.setReadOnly(false);
  assert.equal(await spool.problem(), undefined);
  await appendAll(spool, ['b']);
  assert.deepEqual(await takeAll(spool), ['b']);
});

test('a folder that cannot be made refuses, and takes as soon as it can', async (context) => {
  const folder = await makeFolder();
  await writeFile(join(folder, 'spool'), 'a file in the way');
  const { spool } = await openSpool(context, folder);
  await assert.rejects(spool.append(Buffer.from('a')));
  await rm(join(folder, 'spool'));
  await appendAll(spool, ['b']);
  assert.deepEqual(await takeAll(spool), ['b']);
});

test('folders removed under a running process are made again', async (context) => {
  const folder = await makeFolder();
  const { spool } = await openSpool(context, folder);
  await appendAll(spool, ['gone']);
  await takeAll(spool);
  await rm(join(folder, 'spool'), { recursive: true });
  await assert.rejects(spool.append(Buffer.from('a')), { code: 'ENOENT' });
  await appendAll(spool, ['b']);
  assert.deepEqual(await takeAll(spool), ['b']);
});

test('a sync that fails refuses its callbacks and nobody else’s, now and after a restart', async (context) => {
  const folder = await makeFolder();
  const { spool } = await openSpool(context, folder);
  await appendAll(spool, ['before']);
  const failure = Object.assign(new Error('EIO'), { code: 'EIO' });
  const mocked = context.mock.method(await fileHandles(), 'datasync', () =>
    Promise.reject(failure),
  );
  await assert.rejects(appendAll(spool, ['lost', 'lost too']), { code: 'EIO' });
  mocked.mock.restore();
  await appendAll(spool, ['after']);
  assert.equal((await recordFiles(folder)).length, 2);
  await spool.close();
  const { spool: next, complaints } = await openSpool(context, folder);
  assert.deepEqual(await takeAll(next), ['before', 'after']);
  assert.deepEqual(complaints, ['callbacks wait from before']);
});

async function leftBehind(
  context: Parameters<typeof openSpool>[0],
  texts: readonly string[],
): Promise<{ folder: string; file: string }> {
  const folder = await makeFolder();
  const { spool } = await openSpool(context, folder);
  await appendAll(spool, texts);
  await spool.close();
  const [file = ''] = await recordFiles(folder);
  return { folder, file };
}

test('an append that a crash tore is ignored, and what was acknowledged before is not', async (context) => {
  const { folder, file } = await leftBehind(context, ['a', 'b', 'c']);
  await truncate(file, (await stat(file)).size - 1);
  const { spool, complaints, damages } = await openSpool(context, folder);
  assert.equal(spool.status().entries, 2);
  assert.deepEqual(await takeAll(spool), ['a', 'b']);
  assert.match(complaints[1] ?? '', /cut short/);
  assert.equal(damages(), 0);
  assert.deepEqual(await recordFiles(folder), []);
});

test('a file that holds nothing but a torn append is cleared away', async (context) => {
  const { folder, file } = await leftBehind(context, ['a']);
  await truncate(file, 10);
  const { spool } = await openSpool(context, folder);
  assert.deepEqual(await takeAll(spool), []);
  await spool.close();
  assert.deepEqual(await readdir(join(folder, 'spool')), []);
});

test('an altered record is never handed over, the others are, and the file is kept', async (context) => {
  const { folder, file } = await leftBehind(context, ['amount 100', 'amount 200', 'amount 300']);
  const bytes = await readFile(file);
  bytes.write('amount 999', bytes.indexOf('amount 200'));
  await writeFile(file, bytes);
  const { spool, complaints, damages } = await openSpool(context, folder);
  assert.deepEqual(await takeAll(spool), ['amount 100', 'amount 300']);
  assert.equal(damages(), 1);
  assert.match(complaints.join('\n'), /never handed over/);
  const [kept = ''] = await recordFiles(folder);
  assert.equal(dirname(kept), join(folder, 'spool', 'damaged'));
  assert.deepEqual(await readFile(kept), bytes);
  const again = await openSpool(context, folder);
  assert.ok(again.spool.isIdle);
});

test('an altered record is found in a running process, too', async (context) => {
  const folder = await makeFolder();
  const { spool, damages } = await openSpool(context, folder);
  await appendAll(spool, ['a1', 'a2', 'a3']);
  const [file = ''] = await recordFiles(folder);
  const bytes = await readFile(file);
  bytes.write('b2', bytes.indexOf('a2'));
  await writeFile(file, bytes);
  assert.deepEqual(await takeAll(spool), ['a1', 'a3']);
  assert.equal(damages(), 1);
  assert.equal(spool.status().entries, 0);
});

test('records under another key are never handed over', async (context) => {
  const { folder, file } = await leftBehind(context, ['genuine']);
  const foreign = await leftBehind(context, ['foreign']);
  await cp(foreign.file, join(dirname(file), 'waiting-00000002.records'));
  const { spool, damages } = await openSpool(context, folder);
  assert.deepEqual(await takeAll(spool), ['genuine']);
  assert.equal(damages(), 1);
});

test('damaged files are kept up to a number, so that they cannot fill the disk', async (context) => {
  const { folder, file } = await leftBehind(context, ['a']);
  for (let number = 2; number <= 80; number += 1) {
    const name = `waiting-${String(number).padStart(8, '0')}.records`;
    await writeFile(join(dirname(file), name), 'no record', { mode: 0o600 });
  }
  const { spool } = await openSpool(context, folder);
  assert.deepEqual(await takeAll(spool), ['a']);
  assert.equal((await readdir(join(folder, 'spool', 'damaged'))).length, 64);
});

const refusals: [name: string, spoil: (queue: string) => Promise<void>][] = [
  ['whose key others can read', (queue) => chmod(join(queue, 'key'), 0o644)],
  ['that others can enter', (queue) => chmod(queue, 0o750)],
  ['without its key', (queue) => rm(join(queue, 'key'))],
  ['with half a key', (queue) => truncate(join(queue, 'key'), 16)],
];
for (const [name, spoil] of refusals) {
  test(`a queue ${name} is reported, not believed, and stays`, async (context) => {
    const { folder, file } = await leftBehind(context, ['a']);
    await spoil(dirname(file));
    const { spool, complaints } = await openSpool(context, folder);
    assert.ok(spool.isIdle);
    assert.equal(complaints.length, 1);
    assert.equal((await recordFiles(folder)).length, 1);
    await appendAll(spool, ['others are not concerned']);
    assert.deepEqual(await takeAll(spool), ['others are not concerned']);
  });
}

test('a spool that others can enter is neither believed nor written to', async (context) => {
  const { folder } = await leftBehind(context, ['a']);
  await chmod(join(folder, 'spool'), 0o777);
  const { spool } = await openSpool(context, folder);
  assert.ok(spool.isIdle);
  await assert.rejects(spool.append(Buffer.from('b')), /open to other users/);
});

test('two processes in one folder leave each other’s queues alone', async (context) => {
  const folder = await makeFolder();
  const one = await openSpool(context, folder);
  const two = await openSpool(context, folder);
  await Promise.all([appendAll(one.spool, numbers(50)), appendAll(two.spool, numbers(50, 'b'))]);
  await Promise.all([one.spool.adopt(), two.spool.adopt()]);
  assert.deepEqual(await takeAll(one.spool), numbers(50));
  assert.deepEqual(await takeAll(two.spool), numbers(50, 'b'));
});

/** What a child had been told is safe, when it was killed. */
async function killedWhileAppending(folder: string, name: string): Promise<string[]> {
  const parameters = ['--import', 'tsx', CHILD, join(folder, 'spool'), name];
  const child = spawn(process.execPath, parameters, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const told: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    told.push(line);
    if (told.length === 300) child.kill('SIGKILL');
  }
  await exited;
  return told;
}

test('what killed processes were told is safe is there, once, for one of those that start', async (context) => {
  const folder = await makeFolder();
  const told = await Promise.all(['a', 'b'].map((name) => killedWhileAppending(folder, name)));
  const heirs = await Promise.all([openSpool(context, folder), openSpool(context, folder)]);
  const found = await Promise.all(heirs.map(({ spool }) => takeAll(spool)));
  const texts = found.flat().map((text) => text.trim());
  assert.equal(new Set(texts).size, texts.length);
  for (const text of told.flat()) assert.ok(texts.includes(text), text);
  // Per process in order; the few more are those that were written when it died.
  for (const name of ['a', 'b']) {
    const own = texts.filter((text) => text.startsWith(name)).map((text) => Number(text.slice(2)));
    assert.deepEqual(
      own,
      own.toSorted((one, other) => one - other),
    );
    assert.ok(own.length >= 300);
  }
});

test('what several processes left comes in order of arrival', async (context) => {
  const folder = await makeFolder();
  let nowMs = 1_900_000_000_000;
  const now = (): number => (nowMs += 1);
  const one = await openSpool(context, folder, { now });
  const two = await openSpool(context, folder, { now });
  for (const text of numbers(20)) {
    await (Number(text) % 3 === 0 ? one : two).spool.append(Buffer.from(text));
  }
  await one.spool.close();
  await two.spool.close();
  const { spool } = await openSpool(context, folder, { now });
  await spool.append(Buffer.from('20'));
  assert.equal(spool.status().oldestMs, 1_900_000_000_001);
  assert.deepEqual(await takeAll(spool), numbers(21));
});

test('a clock that steps back does not turn the order round', async (context) => {
  const folder = await makeFolder();
  const times = [3000, 2000, 4000, 1000];
  const { spool } = await openSpool(context, folder, { now: () => times.shift() ?? 0 });
  for (const text of numbers(4)) await spool.append(Buffer.from(text));
  assert.deepEqual(await takeAll(spool), numbers(4));
});

test('nor does one that steps back between two processes, or three', async (context) => {
  const folder = await makeFolder();
  for (const [start, texts] of [
    [3000, ['0', '1', '2']],
    [2000, ['3', '4']],
    [1000, ['5', '6']],
  ] as const) {
    const { spool } = await openSpool(context, folder, { now: () => start });
    await appendAll(spool, texts);
    await spool.close();
  }
  const { spool } = await openSpool(context, folder, { now: () => 500 });
  assert.deepEqual(await takeAll(spool), numbers(7));
  // Nothing waits any more: what comes now has waited since now.
  await spool.append(Buffer.from('7'));
  assert.equal(spool.status().oldestMs, 500);
});

test('what has failed waits no longer, is kept, and is tried last after a restart', async (context) => {
  const folder = await makeFolder();
  const { spool } = await openSpool(context, folder);
  await appendAll(spool, ['fails', 'waits']);
  await spool.setFailed(await first(spool));
  const { entries, failedEntries } = spool.status();
  assert.deepEqual([entries, failedEntries], [1, 1]);
  assert.deepEqual(await takeAll(spool), ['waits']);
  await appendAll(spool, ['comes later']);
  await spool.close();
  const next = await openSpool(context, folder);
  assert.deepEqual(await takeAll(next.spool), ['comes later', 'fails']);
  assert.equal(next.spool.status().failedEntries, 0);
});

test('what has failed and cannot be set apart stays where it is', async (context) => {
  const folder = await makeFolder();
  const { spool, complaints } = await openSpool(context, folder);
  await appendAll(spool, ['fails', 'waits']);
  const failure = new Error('no space');
  const mocked = context.mock.method(await fileHandles(), 'datasync', () =>
    Promise.reject(failure),
  );
  await spool.setFailed(await first(spool));
  mocked.mock.restore();
  assert.deepEqual(await takeAll(spool), ['waits']);
  assert.equal(complaints.length, 1);
  await spool.close();
  const next = await openSpool(context, folder);
  assert.deepEqual(await takeAll(next.spool), ['fails', 'waits']);
});

test('a file that vanishes costs what was in it, and nothing else', async (context) => {
  const folder = await makeFolder();
  const { spool, complaints } = await openSpool(context, folder);
  await appendAll(spool, ['a']);
  await rm((await recordFiles(folder))[0] ?? '');
  assert.deepEqual(await takeAll(spool), []);
  await appendAll(spool, ['b']);
  assert.deepEqual(await takeAll(spool), ['b']);
  assert.equal(complaints.length, 1);
});

test(
  'a path too long for a socket is no obstacle on Linux',
  {
    skip: process.platform !== 'linux',
  },
  async (context) => {
    const folder = join(await makeFolder(), 'x'.repeat(120));
    await mkdir(folder);
    const one = await openSpool(context, folder);
    await appendAll(one.spool, ['a']);
    const two = await openSpool(context, folder);
    assert.ok(two.spool.isIdle);
    await one.spool.close();
    await two.spool.adopt();
    assert.deepEqual(await takeAll(two.spool), ['a']);
  },
);

test('what fails while what had failed before begins to wait again is kept once', async (context) => {
  const { spool } = await openSpool(context, await makeFolder());
  const fail = async (text: string): Promise<void> => {
    await appendAll(spool, [text]);
    for (const entry of await spool.next(1)) await spool.setFailed(entry);
  };
  await fail('1');
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const seal = context.mock.method(RecordFile.prototype, 'seal');
  seal.mock.mockImplementationOnce(async function (this: RecordFile) {
    await this.seal();
    await held;
  });
  const retried = spool.retryFailed();
  await fail('2');
  release();
  await retried;
  await fail('3');
  await spool.retryFailed();
  assert.equal(spool.status().entries, 3);
  assert.deepEqual(await takeAll(spool), ['1', '2', '3']);
});
