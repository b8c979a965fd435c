import { open, rename } from 'node:fs/promises';

/**
 * Writes a file that is either the old one or the new one, whenever the process is killed: another
 * name, synced, renamed. Readable by its owner alone. One writer per file at a time.
 */
export async function writeFileAtomically(
  file: string,
  content: string | Uint8Array,
): Promise<void> {
  const unfinished = `${file}.unfinished`;
  const handle = await open(unfinished, 'w', 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(unfinished, file);
}
