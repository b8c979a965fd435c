import { readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { makePrivateFolder } from './private-path.js';

/** Evidence, not a store: at the usual size of a file, 16 MiB. */
const DAMAGED_FILES_MAX = 64;

/** Keeps a damaged file where people find it, or no file more when there are too many. */
export async function keepDamaged(spoolFolder: string, path: string): Promise<void> {
  const folder = join(spoolFolder, 'damaged');
  await makePrivateFolder(folder);
  const kept = await readdir(folder);
  if (kept.length >= DAMAGED_FILES_MAX) await rm(path, { force: true });
  else await rename(path, join(folder, `${basename(dirname(path))}-${basename(path)}`));
}
