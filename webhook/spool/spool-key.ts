/** The key of one queue's records: made with the queue, readable by this process's user alone. */
import { randomBytes } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkPrivate, syncFolder } from './private-path.js';

const KEY_FILE = 'key';

/** As many as the hash gives: more adds nothing. */
const KEY_BYTES = 32;

/** Makes the key of a new queue; durable once this resolves. */
export async function createKey(folder: string): Promise<Buffer> {
  const key = randomBytes(KEY_BYTES);
  const file = await open(join(folder, KEY_FILE), 'wx', 0o600);
  try {
    await file.writeFile(key);
    await file.sync();
  } finally {
    await file.close();
  }
  await syncFolder(folder);
  return key;
}

/** @throws NotPrivateError; an error where it is not there or not whole */
export async function readKey(folder: string): Promise<Buffer> {
  const path = join(folder, KEY_FILE);
  await checkPrivate(folder);
  await checkPrivate(path);
  const key = await readFile(path);
  if (key.length !== KEY_BYTES) throw new Error(`${path} has ${key.length} bytes`);
  return key;
}
