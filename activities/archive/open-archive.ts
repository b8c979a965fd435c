import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Archive } from './archive.js';
import { createFileArchive, type FileArchiveOptions } from './file-archive.js';
import { parseS3Url } from './s3-location.js';
import type { S3Settings } from './s3-settings.js';

/** What an archive may be given besides its URL. */
export interface ArchiveOptions extends FileArchiveOptions {
  /** Of an archive at `s3:`. */
  readonly s3?: S3Settings | undefined;
}

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
export function openArchive(url: string, options: ArchiveOptions = {}): Archive {
  const scheme = /^([a-z][a-z0-9+.-]*:)/i.exec(url)?.[1]?.toLowerCase();
  if (scheme === 'file:') return createFileArchive(folderOf(`file:${url.slice(5)}`), options);
  if (scheme === 's3:') return openS3Archive(`s3:${url.slice(3)}`, options);
  const given = scheme === undefined ? 'has no scheme' : `begins with ${scheme}`;
  throw new Error(
    `ARCHIVE_URL ${given}; supported are file:, as in file:.countersign/archive, ` +
      'and s3:, as in s3://bucket/prefix.',
  );
}

/** Loads S3's client with the first document: 24 MB that an archive in a folder does without. */
function openS3Archive(url: string, { s3, logger }: ArchiveOptions): Archive {
  const location = parseS3Url(url);
  let opened: Promise<Archive> | undefined;
  const open = (): Promise<Archive> =>
    (opened ??= import('./s3-archive.js').then(({ createS3Archive }) =>
      createS3Archive(location, s3, { logger }),
    ));
  return {
    readReceipt: async (documentId) => (await open()).readReceipt(documentId),
    begin: async (documentId) => (await open()).begin(documentId),
    async *list(documentId) {
      yield* (await open()).list(documentId);
    },
    openFile: async (documentId, name) => (await open()).openFile(documentId, name),
    tryOut: async () => (await open()).tryOut(),
    listErasable: async (documentId) => (await open()).listErasable(documentId),
    erase: async (documentId, tombstone) => (await open()).erase(documentId, tombstone),
  };
}
