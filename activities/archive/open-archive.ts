import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Archive } from './archive.js';
import { createFileArchive, type FileArchiveOptions } from './file-archive.js';

/** The folder a `file:` URL names; `file:a/b` is relative to the working directory. */
function folderOf(url: string): string {
  const path = url.slice('file:'.length);
  if (path === '') throw new Error('ARCHIVE_URL names no folder.');
  return path.startsWith('/') ? fileURLToPath(url) : resolve(decodeURIComponent(path));
}

/**
 * The archive at a URL (`ARCHIVE_URL`). Creates nothing yet.
 * @throws Error where the scheme is not one we archive to; the message repeats the scheme alone,
 *   since the rest of a URL may hold credentials
 */
export function openArchive(url: string, options: FileArchiveOptions = {}): Archive {
  const scheme = /^([a-z][a-z0-9+.-]*:)/i.exec(url)?.[1]?.toLowerCase();
  if (scheme === 'file:') return createFileArchive(folderOf(`file:${url.slice(5)}`), options);
  const given = scheme === undefined ? 'has no scheme' : `begins with ${scheme}`;
  throw new Error(`ARCHIVE_URL ${given}; supported is file:, as in file:.countersign/archive.`);
}
