/** Takes a document out of an archive in a folder; what stays is its tombstone. */
import { randomUUID } from 'node:crypto';
import { lstat, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ArchiveReceipt } from '../../workflows/contract.js';
import { makeFolder, moveDurably, syncFolder, writeDurably } from './durable-file.js';
import { receiptText } from './receipt.js';
import { optional, RECEIPT_NAME } from './receipt-file.js';

/** Where a document's files are. */
interface ErasurePlaces {
  readonly folder: string;
  readonly quarantine: string;
}

/** Paths of everything that would be removed. */
export async function erasableIn({ folder, quarantine }: ErasurePlaces): Promise<string[]> {
  const files = await pathsIn(folder);
  const held = await pathsIn(quarantine);
  return [...files.filter((path) => path !== join(folder, RECEIPT_NAME)), ...held];
}

/**
 * The tombstone first: were we killed in between, a callback that comes then still finds it, and
 * the document begins no second life.
 */
export async function eraseFiles(places: ErasurePlaces, tombstone: ArchiveReceipt): Promise<void> {
  await makeFolder(places.folder);
  const next = join(places.folder, `tombstone-${randomUUID()}`);
  const text = Buffer.from(receiptText(tombstone));
  await writeDurably(
    next,
    (async function* () {
      yield await Promise.resolve(text);
    })(),
  );
  await moveDurably(next, join(places.folder, RECEIPT_NAME));
  for (const path of await erasableIn(places)) await rm(path, { recursive: true, force: true });
  await syncFolder(places.folder);
  await rm(places.quarantine, { recursive: true, force: true });
  // Also where nothing was removed: an erasure killed right before this has left it to us.
  await optional(syncFolder(dirname(places.quarantine)));
}

/** Of a link or a file in the folder's place its own: nothing goes that a link leads to. */
async function pathsIn(folder: string): Promise<string[]> {
  const stats = await optional(lstat(folder));
  if (stats?.isDirectory() === false) return [folder];
  const names = (await optional(readdir(folder))) ?? [];
  return names.sort().map((name) => join(folder, name));
}
