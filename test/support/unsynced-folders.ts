import { constants, promises } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { dirname } from 'node:path';

type Operation = (...parameters: never[]) => Promise<unknown>;

/**
 * The folders in which names came or went, from now on, and which were not synced after that: a
 * power cut may undo it. A folder that goes is forgotten with all in it.
 */
export async function watchUnsyncedFolders(): Promise<ReadonlySet<string>> {
  const unsynced = new Set<string>();
  const paths = new WeakMap<object, string>();
  const { open, mkdir, rename, rm } = promises;
  const handle = await open('/dev/null');
  const handles = Object.getPrototypeOf(handle) as Record<'sync', Operation>;
  await handle.close();
  const sync = handles.sync;
  const forget = (gone: string): void => {
    for (const each of unsynced) if (`${each}/`.startsWith(`${gone}/`)) unsynced.delete(each);
  };
  const hooked: Partial<typeof promises> = {
    open: async (path, flags, mode) => {
      const opened = await open(path, flags, mode);
      paths.set(opened, String(path));
      if (typeof flags === 'number' && flags & constants.O_CREAT)
        unsynced.add(dirname(String(path)));
      return opened;
    },
    mkdir: (async (path: string, options: { recursive: true }) => {
      const first = await mkdir(path, options);
      for (let made = path; first && made.length >= first.length; made = dirname(made)) {
        unsynced.add(dirname(made));
      }
      return first;
    }) as typeof mkdir,
    rename: async (from, to) => {
      await rename(from, to);
      forget(String(from));
      for (const path of [from, to]) unsynced.add(dirname(String(path)));
    },
    rm: async (path, options) => {
      const isThere = await promises.lstat(path).catch(() => undefined);
      await rm(path, options);
      forget(String(path));
      if (isThere) unsynced.add(dirname(String(path)));
    },
  };
  handles.sync = async function synced(this: object): Promise<void> {
    await sync.call(this);
    unsynced.delete(paths.get(this) ?? '');
  };
  Object.assign(promises, hooked);
  syncBuiltinESMExports();
  return unsynced;
}
