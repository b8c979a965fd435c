import type { StoredDocument, StoredFile } from './archive.js';
import { isDocumentId, QUARANTINE } from './document-id.js';
import type { S3Bucket, StoredObject } from './s3-bucket.js';

type Kept = Pick<StoredDocument, 'documentId' | 'place'> & { readonly name: string };

/** Where an object belongs; undefined for what is no document's. */
function keptAt(key: string): Kept | undefined {
  const [first = '', ...rest] = key.split('/');
  const isQuarantined = first === QUARANTINE;
  const [documentId, name] = isQuarantined
    ? [rest[0] ?? '', rest.slice(1).join('/')]
    : [first, rest.join('/')];
  if (!isDocumentId(documentId) || name === '') return undefined;
  return { documentId, place: isQuarantined ? 'quarantine' : 'documents', name };
}

/** The documents in an archive and in its quarantine, or one of them, as their keys follow. */
export async function* listStored(
  bucket: Pick<S3Bucket, 'list'>,
  documentId?: string,
): AsyncGenerator<StoredDocument> {
  const prefixes =
    documentId === undefined ? [''] : [`${documentId}/`, `${QUARANTINE}/${documentId}/`];
  for (const prefix of prefixes) yield* grouped(bucket.list(prefix));
}

/** Keys of one document follow each other. */
async function* grouped(objects: AsyncIterable<StoredObject>): AsyncGenerator<StoredDocument> {
  let at: Kept | undefined;
  let files: StoredFile[] = [];
  for await (const { key, bytes } of objects) {
    const kept = keptAt(key);
    if (kept === undefined) continue;
    if (at && (at.documentId !== kept.documentId || at.place !== kept.place)) {
      yield { documentId: at.documentId, place: at.place, files };
      files = [];
    }
    at = kept;
    files.push({ name: kept.name, bytes });
  }
  if (at) yield { documentId: at.documentId, place: at.place, files };
}
