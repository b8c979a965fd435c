import { randomUUID } from 'node:crypto';
import { lstat, readdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Logger } from 'pino';
import type { ArchivedFile, ArchiveReceipt } from '../../workflows/contract.js';
import type { Archive, ArchiveAttempt, QuarantineNote } from './archive.js';
import { QUARANTINE, requireDocumentId } from './document-id.js';
import { listStored, openStored, tryOutFolder } from './file-listing.js';
import { makeFolder, moveDurably, syncFolder, writeDurably } from './durable-file.js';
import { receiptText } from './receipt.js';
import { erasableIn, eraseFiles } from './file-erasure.js';
import { optional, readReceiptFile, RECEIPT_NAME } from './receipt-file.js';

/** Attempts under way; a name that no document's ID can be. */
const STAGING = '.staging';

/** What an attempt left behind that was killed: none alive stays without a byte for so long. */
const STALE_MS = 60 * 60_000;

/** Another attempt came first. */
class Overtaken extends Error {}

/** What a file archive may be given besides its folder. */
export interface FileArchiveOptions {
  readonly logger?: Pick<Logger, 'warn'> | undefined;
}

interface Places {
  readonly documentId: string;
  readonly root: string;
  readonly staging: string;
  /** Where the document ends up. */
  readonly folder: string;
  readonly quarantine: string;
  readonly logger: Pick<Logger, 'warn'> | undefined;
}

/**
 * An archive in a folder: `<documentId>/document.pdf`, `audit-log.pdf`, `receipt.json`. An attempt
 * is written in a folder of its own, every file synced, the receipt last, and then renamed as a
 * whole: at every moment a document is there with its receipt, or not at all, whatever crashes.
 * @throws Error naming the path where a link stands in a document's place
 */
export function createFileArchive(
  rootDirectory: string,
  options: FileArchiveOptions = {},
): Archive {
  const root = resolve(rootDirectory);
  const places = (documentId: string): Places => ({
    documentId: requireDocumentId(documentId),
    root,
    staging: join(root, STAGING),
    folder: join(root, documentId),
    quarantine: join(root, QUARANTINE, documentId),
    logger: options.logger,
  });
  return {
    async readReceipt(documentId) {
      return readOwnReceipt(places(documentId));
    },
    async begin(documentId) {
      return beginAttempt(places(documentId));
    },
    list: (documentId) =>
      listStored(root, documentId === undefined ? undefined : requireDocumentId(documentId)),
    openFile: (documentId, name) => openStored(places(documentId).folder, name),
    tryOut: () => tryOutFolder(root),
    async listErasable(documentId) {
      return erasableIn(places(documentId));
    },
    async erase(documentId, tombstone) {
      const all = places(documentId);
      await eraseFiles(all, tombstone);
      await removeAttempts(all, Number.POSITIVE_INFINITY);
      await optional(syncFolder(all.staging));
    },
  };
}

async function readOwnReceipt(places: Places): Promise<ArchiveReceipt | undefined> {
  const { documentId, folder, logger, root } = places;
  const receipt = await readReceiptFile(folder, documentId, logger);
  // It may be of an attempt killed between its rename and its sync: believed once it lasts.
  if (receipt !== undefined) await syncFolder(root);
  return receipt;
}

async function beginAttempt(places: Places): Promise<ArchiveAttempt> {
  // The dot ends the ID, which holds none: no document finds another's attempts.
  const own = join(places.staging, `${places.documentId}.${randomUUID()}`);
  await removeAttempts(places, Date.now() - STALE_MS);
  await makeFolder(own);
  return {
    async writeFile(name, content, options) {
      await rm(join(own, name), { force: true });
      return { name, ...(await writeDurably(join(own, name), content, options)) };
    },
    commit: (receipt) => commit(places, own, receipt),
    quarantine: (file, note) => quarantine(places, own, file, note),
    discard: () => rm(own, { recursive: true, force: true }),
  };
}

async function* textChunks(text: string): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.from(text));
}

async function commit(
  places: Places,
  own: string,
  receipt: ArchiveReceipt,
): Promise<ArchiveReceipt> {
  try {
    await commitOwn(places, own, receipt);
    // The document is archived: whatever other attempts hold is of no use to anybody.
    await removeAttempts(places, Number.POSITIVE_INFINITY);
    return receipt;
  } catch (error) {
    // Without our folder, another attempt has swept it away after its own commit.
    const isOvertaken = error instanceof Overtaken || hasCode(error, 'ENOENT');
    const first = isOvertaken ? await readOwnReceipt(places) : undefined;
    if (first === undefined) throw error;
    await rm(own, { recursive: true, force: true });
    return first;
  }
}

async function commitOwn(places: Places, own: string, receipt: ArchiveReceipt): Promise<void> {
  await rm(join(own, RECEIPT_NAME), { force: true });
  await writeDurably(join(own, RECEIPT_NAME), textChunks(receiptText(receipt)));
  await syncFolder(own);
  while (!(await takePlace(own, places.folder))) {
    if ((await readOwnReceipt(places)) !== undefined) throw new Overtaken();
    await moveRemnantAside(places);
  }
  await syncFolder(places.root);
  await syncFolder(places.staging);
}

function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? '');
}

/** False where something is in the way: a rename never replaces a folder that is not empty. */
async function takePlace(own: string, folder: string): Promise<boolean> {
  try {
    await rename(own, folder);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOTEMPTY', 'EEXIST')) return false;
    throw error;
  }
}

/** A folder without a valid receipt is no archived document, but perhaps the only copy of one. */
async function moveRemnantAside(places: Places): Promise<void> {
  const { documentId, folder, quarantine, logger } = places;
  const aside = join(quarantine, `remnant-${randomUUID()}`);
  await makeFolder(quarantine);
  await optional(moveDurably(folder, aside));
  if ((await readReceiptFile(aside, documentId)) !== undefined) {
    // Another attempt had put a whole document there since we looked: it goes back.
    await takePlace(aside, folder);
    return;
  }
  logger?.warn({ folder, aside }, 'a folder without a valid receipt was moved aside');
}

async function lastTouchedMs(folder: string): Promise<number> {
  const names = (await optional(readdir(folder))) ?? [];
  const stats = await Promise.all(
    ['.', ...names].map((name) => optional(lstat(join(folder, name)))),
  );
  return Math.max(0, ...stats.map((each) => each?.mtimeMs ?? 0));
}

/**
 * Removes the document's attempts last touched before then. Each is renamed first, so that a live
 * one either commits whole before that or finds its folder gone: never half a document.
 */
async function removeAttempts(places: Places, touchedBeforeMs: number): Promise<void> {
  const { documentId, staging } = places;
  const names = (await optional(readdir(staging))) ?? [];
  for (const name of names.filter((each) => each.startsWith(`${documentId}.`))) {
    const attempt = join(staging, name);
    if ((await lastTouchedMs(attempt)) >= touchedBeforeMs) continue;
    const removed = name.endsWith('.removed') ? attempt : `${attempt}.removed`;
    if (removed !== attempt) await optional(rename(attempt, removed));
    await rm(removed, { recursive: true, force: true });
  }
}

async function quarantine(
  places: Places,
  own: string,
  file: ArchivedFile,
  note: QuarantineNote,
): Promise<string> {
  const { quarantine: folder, documentId } = places;
  const name = `${file.name.replace(/\.pdf$/, '')}-${file.sha256}`;
  await makeFolder(folder);
  const noteText = `${JSON.stringify({ documentId, ...note, file }, null, 2)}\n`;
  const stagedNote = join(own, `${name}.json`);
  await rm(stagedNote, { force: true });
  await writeDurably(stagedNote, textChunks(noteText));
  await moveDurably(join(own, file.name), join(folder, `${name}.pdf`));
  await moveDurably(stagedNote, join(folder, `${name}.json`));
  return join(folder, `${name}.pdf`);
}
