import { lstat, open, rename, constants } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { ArchiveReceipt } from '../../workflows/contract.js';
import { parseReceipt } from './receipt.js';

/** The receipt's name in a document's folder. */
export const RECEIPT_NAME = 'receipt.json';

/** What `optional` awaits, or undefined where the file does not exist. */
export async function optional<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Refuses a link where a folder should be: it would lead out of the archive. */
async function isFolder(path: string): Promise<boolean> {
  const stats = await optional(lstat(path));
  if (stats === undefined) return false;
  if (stats.isDirectory()) return true;
  throw new Error(`${path} is not a folder: move it away, the archive does not follow links.`);
}

async function readText(path: string): Promise<string> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

/** The lengths are compared, not the hashes: an audit reads every byte, a look-up must not. */
async function filesAreThere(folder: string, receipt: ArchiveReceipt): Promise<boolean> {
  if (receipt.erasedAt !== undefined) return true;
  for (const { name, bytes } of receipt.files) {
    const stats = await optional(lstat(join(folder, name)));
    if (stats?.isFile() !== true || stats.size !== bytes) return false;
  }
  return true;
}

function requireOwn(receipt: ArchiveReceipt, documentId: string): void {
  if (receipt.documentId === documentId) return;
  throw new Error(
    `The folder of ${documentId} holds the receipt of ${receipt.documentId}: ` +
      'the archive needs a file system that tells upper from lower case.',
  );
}

async function setAside(path: string, logger: Pick<Logger, 'warn'> | undefined): Promise<void> {
  const aside = `${path}.damaged-${new Date().toISOString().replace(/\D/g, '')}`;
  // Another attempt may have set it aside just now.
  await optional(rename(path, aside));
  logger?.warn({ path, aside }, 'a receipt that is not valid was moved aside');
}

/** The receipt that the text is, with all its files there; undefined where it is none. */
async function validReceipt(
  text: string,
  folder: string,
  documentId: string,
): Promise<ArchiveReceipt | undefined> {
  const receipt = parseReceipt(text);
  if (receipt === undefined) return undefined;
  requireOwn(receipt, documentId);
  return (await filesAreThere(folder, receipt)) ? receipt : undefined;
}

/**
 * The receipt in a document's folder. One that is cut off, or whose files are not all there, counts
 * as absent, is moved aside and reported.
 */
export async function readReceiptFile(
  folder: string,
  documentId: string,
  logger?: Pick<Logger, 'warn'>,
): Promise<ArchiveReceipt | undefined> {
  if (!(await isFolder(folder))) return undefined;
  const path = join(folder, RECEIPT_NAME);
  for (let invalid: string | undefined; ;) {
    const text = await optional(readText(path));
    if (text === undefined) return undefined;
    const receipt = await validReceipt(text, folder, documentId);
    if (receipt !== undefined) return receipt;
    // Its files may be gone because an erasure has put a tombstone in its place since it was read.
    if (text === invalid) break;
    invalid = text;
  }
  await setAside(path, logger);
  return undefined;
}
