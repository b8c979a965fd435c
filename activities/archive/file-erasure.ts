/** Takes a document out of an archive in a folder; what stays is its tombstone. */
import { randomUUID } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
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
  const files = await namesIn(folder);
  const held = await namesIn(quarantine);
  return [
    ...files.filter((name) => name !== RECEIPT_NAME).map((name) => join(folder, name)),
    ...held.map((name) => join(quarantine, name)),
  ];
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

async function namesIn(folder: string): Promise<string[]> {
  return ((await optional(readdir(folder))) ?? []).sort();
}
