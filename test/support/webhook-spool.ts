/** A spool in a folder of the test's own, and what can befall its disk. */
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, open, readdir, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { CallbackSpool, type SpoolEntry } from '../../webhook/spool/callback-spool.js';

const run = promisify(execFile);

const folders: string[] = [];

process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/**
 * A new folder, gone with the test's process: hooks run in the order in which they were made, and
 * one that removes it would come before those that end what writes into it.
 */
export async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-spool-'));
  folders.push(folder);
  return folder;
}

export interface TestSpool {
  readonly spool: CallbackSpool;
  /** Messages of warnings and errors. */
  readonly complaints: string[];
  readonly damages: () => number;
}

/** As a process that starts would open it; let go of with the test at the latest. */
export async function openSpool(
  context: TestContext,
  folder: string,
  options: { readonly limitBytes?: number; readonly now?: () => number } = {},
): Promise<TestSpool> {
  const complaints: string[] = [];
  let damages = 0;
  const write = (line: string): void => {
    complaints.push((JSON.parse(line) as { msg: string }).msg);
  };
  const spool = new CallbackSpool({
    folder: join(folder, 'spool'),
    limitBytes: 2 ** 30,
    logger: pino({ level: 'warn' }, { write }),
    onDamage: () => (damages += 1),
    ...options,
  });
  await spool.adopt();
  context.after(() => spool.close());
  return { spool, complaints, damages: () => damages };
}

/** Appends texts, all at once. */
export async function appendAll(spool: CallbackSpool, texts: readonly string[]): Promise<void> {
  await Promise.all(texts.map((text) => spool.append(Buffer.from(text))));
}

/** Takes everything out, in order. */
export async function takeAll(spool: CallbackSpool): Promise<string[]> {
  const taken: SpoolEntry[] = [];
  while (!spool.isIdle) {
    for (const entry of await spool.next(3)) {
      taken.push(entry);
      await spool.settle(entry);
    }
  }
  await spool.rest();
  return taken.map(({ payload }) => payload.toString());
}

/** Paths of the files in which records are, below a folder. */
export async function recordFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter(({ name }) => name.endsWith('.records'));
  return files.map(({ parentPath, name }) => join(parentPath, name)).sort();
}

/** The methods of all file handles, to be mocked. */
export async function fileHandles(): Promise<{ datasync: () => Promise<void> }> {
  const handle = await open('/dev/null');
  const handles = Object.getPrototypeOf(handle) as { datasync: () => Promise<void> };
  await handle.close();
  return handles;
}

/** A disk of a few bytes. */
export interface SmallDisk {
  readonly folder: string;
  setReadOnly(isReadOnly: boolean): Promise<void>;
}

/** Undefined where this user may mount none. The size may be followed by other options. */
export async function mountSmallDisk(
  context: TestContext,
  size: string,
): Promise<SmallDisk | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-disk-'));
  const mount = (options: string): Promise<unknown> =>
    run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]);
  if (!(await mounts(context, folder, () => mount(`size=${size}`)))) return undefined;
  return {
    folder,
    setReadOnly: async (isReadOnly) => {
      await mount(`remount,${isReadOnly ? 'ro' : 'rw'}`);
    },
  };
}

/**
 * A folder on an ext4 disk, where, unlike on a tmpfs, a folder needs a block. Undefined where this
 * user may mount none or cannot make one.
 */
export async function mountExt4Disk(
  context: TestContext,
  size: string,
): Promise<string | undefined> {
  const image = join(await makeFolder(), 'image');
  const folder = await mkdtemp(join(tmpdir(), 'countersign-disk-'));
  const isMounted = await mounts(context, folder, async () => {
    await run('mkfs.ext4', ['-q', '-F', image, size]);
    await run('mount', ['-o', 'loop', image, folder]);
  });
  return isMounted ? folder : undefined;
}

/** Until the test ends. */
async function mounts(
  context: TestContext,
  folder: string,
  mount: () => Promise<unknown>,
): Promise<boolean> {
  try {
    await mount();
  } catch {
    await rmdir(folder);
    return false;
  }
  context.after(async () => {
    await run('umount', ['--lazy', folder]);
    await rmdir(folder);
  });
  return true;
}
