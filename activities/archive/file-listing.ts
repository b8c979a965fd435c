import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { constants, lstat, open, opendir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { StoredDocument, StoredFile } from './archive.js';
import { isDocumentId, QUARANTINE } from './document-id.js';
import { optional } from './receipt-file.js';

/** As much as what is read on the way to a hash. */
const PIECE_BYTES = 256 * 1024;

/** The documents in an archive's folder and in its quarantine, or one of them. */
export async function* listStored(
  root: string,
  documentId?: string,
): AsyncGenerator<StoredDocument> {
  for (const place of ['documents', 'quarantine'] as const) {
    const folder = place === 'documents' ? root : join(root, QUARANTINE);
    for await (const name of documentId === undefined ? namesIn(folder) : [documentId]) {
      if (!isDocumentId(name)) continue;
      const files = await filesIn(join(folder, name));
      if (files !== undefined) yield { documentId: name, place, files };
    }
  }
}

async function* namesIn(folder: string): AsyncGenerator<string> {
  const entries = await optional(opendir(folder));
  if (entries === undefined) return;
  for await (const { name } of entries) yield name;
}

/** Undefined without such a folder. A folder or link within counts as a file of no bytes. */
async function filesIn(folder: string): Promise<StoredFile[] | undefined> {
  const stats = await optional(lstat(folder));
  if (stats === undefined) return undefined;
  if (!stats.isDirectory()) return [];
  const files: StoredFile[] = [];
  for await (const name of namesIn(folder)) {
    const file = await optional(lstat(join(folder, name)));
    if (file !== undefined) files.push({ name, bytes: file.isFile() ? file.size : 0 });
  }
  return files;
}

/** A file in a document's folder; a link in place of either is not followed. */
export async function openStored(
  folder: string,
  name: string,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  if ((await optional(lstat(folder)))?.isDirectory() !== true) return undefined;
  const path = join(folder, basename(name));
  const handle = await optional(open(path, constants.O_RDONLY | constants.O_NOFOLLOW));
  if (handle === undefined) return undefined;
  return createReadStream(path, { fd: handle, highWaterMark: PIECE_BYTES });
}

/** Writes, syncs and removes a file in the folder, or where the folder is going to be made. */
export async function tryOutFolder(root: string): Promise<'writable'> {
  const path = join(await nearestFolder(root), `.${randomUUID()}.trial`);
  try {
    const handle = await open(path, 'wx', 0o600);
    try {
      await handle.writeFile(Buffer.alloc(PIECE_BYTES));
      await handle.sync();
    } finally {
      await handle.close();
    }
  } finally {
    await rm(path, { force: true });
  }
  return 'writable';
}

async function nearestFolder(path: string): Promise<string> {
  const stats = await optional(lstat(path));
  if (stats?.isDirectory() === true || dirname(path) === path) return path;
  if (stats !== undefined) throw new Error(`${path} is not a folder.`);
  return nearestFolder(dirname(path));
}
