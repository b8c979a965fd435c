/** What is in the folder of a queue that another process wrote. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from './private-path.js';
import { RecordFile } from './record-file.js';
import { recordKindOf, type RecordKind } from './record-log.js';
import type { SpoolFindings } from './spool-findings.js';
import { readKey } from './spool-key.js';
import { WaitingFile } from './waiting-file.js';

/** A queue's key and files, in order. */
interface QueueFiles {
  readonly key: Buffer;
  readonly files: readonly WaitingFile[];
}

/** @throws NotPrivateError, or an error, where there are records and no key to believe them by */
export async function readQueueFiles(folder: string, findings: SpoolFindings): Promise<QueueFiles> {
  const named = (await readdir(folder)).sort().flatMap((name) => {
    const kind = recordKindOf(name);
    return kind === undefined ? [] : [{ path: join(folder, name), kind }];
  });
  // Without records, a key that was not written whole does no harm.
  if (named.length === 0) return { key: Buffer.alloc(0), files: [] };
  const key = await readKey(folder);
  const files: WaitingFile[] = [];
  for (const { path, kind } of named) {
    const file = await scan(path, kind, key, findings);
    if (file !== undefined) files.push(file);
  }
  return { key, files };
}

async function scan(
  path: string,
  kind: RecordKind,
  key: Buffer,
  findings: SpoolFindings,
): Promise<WaitingFile | undefined> {
  try {
    const { size } = await stat(path);
    return await WaitingFile.scan(RecordFile.existing(path, size), kind, key);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) findings.left(path, error);
    return undefined;
  }
}
