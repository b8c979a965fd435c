/** What an archive's folder holds of one document, hashed anew. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArchiveReceipt } from '../../workflows/contract.js';

/** A document's receipt, and the SHA-256 of each file that it lists, from the bytes on disk. */
export interface Archived {
  readonly receipt: ArchiveReceipt;
  readonly hashes: Readonly<Record<string, string>>;
}

/** Undefined as long as there is no receipt: it is written last. */
export async function readArchived(
  archiveFolder: string,
  documentId: string,
): Promise<Archived | undefined> {
  const folder = join(archiveFolder, documentId);
  if (!existsSync(join(folder, 'receipt.json'))) return undefined;
  const text = await readFile(join(folder, 'receipt.json'), 'utf8');
  const receipt = JSON.parse(text) as ArchiveReceipt;
  const hashes: Record<string, string> = {};
  for (const { name } of receipt.files) {
    const bytes = await readFile(join(folder, name));
    hashes[name] = createHash('sha256').update(bytes).digest('hex');
  }
  return { receipt, hashes };
}
