import { readFile } from 'node:fs/promises';
import { UsageError } from './failures.js';

/** The text of a file that a call names. @throws UsageError where it cannot be read */
export async function namedFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(`${path} cannot be read (${code ?? String(error)})`, { cause: error });
  }
}
