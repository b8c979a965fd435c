import type { Logger } from 'pino';
import type { ArchivedFile, ArchiveReceipt } from '../../workflows/contract.js';
import type { Archive, ArchiveAttempt, ArchiveFileName, QuarantineNote } from './archive.js';
import { QUARANTINE, requireDocumentId } from './document-id.js';
import { RECEIPT_NAME } from './receipt-file.js';
import { receiptText } from './receipt.js';
import { listStored } from './s3-listing.js';
import { openS3Bucket, type S3Bucket } from './s3-bucket.js';
import { createS3Erasure } from './s3-erasure.js';
import { s3Refusal, s3Unavailable } from './s3-failures.js';
import type { S3Location } from './s3-location.js';
import type { S3Settings } from './s3-settings.js';
import { damagedReceipt, readOwnReceipt, readStanding, type Place } from './s3-standing.js';
import { textContent } from './s3-upload.js';
import { spool, type SpoolFile } from './spool-file.js';

/** Explains the bucket to whoever finds it; its dot keeps it apart from documents' IDs. */
const ABOUT_NAME = 'about.txt';
const ABOUT_TEXT = `Signed documents, archived by Countersign.

<documentId>/document.pdf   the final PDF
<documentId>/audit-log.pdf  the provider's audit log
<documentId>/receipt.json   hashes and history; written last, it makes the archive valid
quarantine/<documentId>/    PDFs whose hash was not the one that the provider names

Nothing here is ever overwritten, and nothing deleted but by erasing a document on request; the
receipt then is its tombstone.
`;

/** What an S3 archive may be given besides its place. */
export interface S3ArchiveOptions {
  readonly logger?: Pick<Logger, 'warn'> | undefined;
}

/**
 * An archive in S3, laid out as the one in a folder. Every object is written once, whole, on the
 * condition that there is none, the receipt last: no attempt undoes what another one did, so that a
 * document is archived with its receipt or not at all, whatever crashes and however many try at
 * once. Streams wait for their commit in nameless local files, so that nothing unchecked enters.
 * Failures of S3 are thrown as `s3Failure` maps them.
 */
export function createS3Archive(
  location: S3Location,
  settings: S3Settings = {},
  { logger }: S3ArchiveOptions = {},
): Archive {
  const bucket = openS3Bucket(location, settings);
  const erasure = createS3Erasure(location, settings);
  const placeOf = (documentId: string): Place => {
    const folder = requireDocumentId(documentId);
    return { documentId, bucket, keyOf: (name) => `${folder}/${name}`, logger };
  };
  let conditionsKept: Promise<void> | undefined;
  const requireConditionsOnce = async (): Promise<void> => {
    conditionsKept ??= requireConditions(bucket);
    try {
      await conditionsKept;
    } catch (error) {
      conditionsKept = undefined;
      throw error;
    }
  };
  return {
    async readReceipt(documentId) {
      return readOwnReceipt(placeOf(documentId));
    },
    async begin(documentId) {
      const place = placeOf(documentId);
      await requireConditionsOnce();
      const standing = await readStanding(place);
      if (standing.kind === 'damaged') throw damagedReceipt(place, standing.why);
      return beginAttempt(place);
    },
    list: (documentId) =>
      listStored(bucket, documentId === undefined ? undefined : requireDocumentId(documentId)),
    openFile: (documentId, name) => bucket.open(placeOf(documentId).keyOf(name)),
    async tryOut() {
      // The first document makes it; until then nothing can be written that stays as it was.
      if ((await bucket.lengthOf(ABOUT_NAME)) === undefined) {
        await bucket.list('')[Symbol.asyncIterator]().next();
        return 'readable';
      }
      await requireConditions(bucket);
      return 'writable';
    },
    listErasable: (documentId) => erasure.listErasable(requireDocumentId(documentId)),
    erase: (documentId, tombstone) => erasure.erase(requireDocumentId(documentId), tombstone),
  };
}

/** Some servers take `If-None-Match` and overwrite all the same: no archive is safe there. */
async function requireConditions(bucket: S3Bucket): Promise<void> {
  const about = textContent(ABOUT_TEXT, 'text/plain; charset=utf-8');
  for (let put = 1; put <= 2; put += 1) {
    if (!(await bucket.putNew(ABOUT_NAME, about))) return;
  }
  throw s3Refusal(
    `ARCHIVE_URL: the S3 server overwrote ${bucket.urlOf(ABOUT_NAME)} although it was told not to ` +
      '(If-None-Match). Archive to a server that knows conditional writes.',
  );
}

function beginAttempt(place: Place): ArchiveAttempt {
  const spools = new Map<string, SpoolFile>();
  let signal: AbortSignal | undefined;
  const spoolOf = (name: string): SpoolFile =>
    spools.get(name) ?? missingSpool(place.documentId, name);
  const drop = async (name: string): Promise<void> => {
    await spools.get(name)?.close();
    spools.delete(name);
  };
  return {
    async writeFile(name: ArchiveFileName, content, options = {}) {
      await drop(name);
      const file = await spool(content, options);
      spools.set(name, file);
      // What cancels the download cancels the upload that follows from it.
      signal = options.signal;
      return { name, bytes: file.bytes, sha256: file.sha256 };
    },
    commit: (receipt) => commit(place, spoolOf, receipt, signal),
    quarantine: (file, note) => quarantine(place, spoolOf(file.name), file, note),
    async discard() {
      for (const name of [...spools.keys()]) await drop(name);
    },
  };
}

function missingSpool(documentId: string, name: string): never {
  throw new Error(`${name} of ${documentId} was not written in this attempt.`);
}

async function commit(
  place: Place,
  spoolOf: (name: string) => SpoolFile,
  receipt: ArchiveReceipt,
  signal: AbortSignal | undefined,
): Promise<ArchiveReceipt> {
  // Since this attempt began the document may have been archived by another, and erased again.
  const earlier = await readStanding(place);
  if (earlier.kind === 'archived') return earlier.receipt;
  const files: ArchivedFile[] = [];
  for (const file of receipt.files) {
    files.push(await putFile(place, spoolOf(file.name), file, signal));
  }
  const own = { ...receipt, files };
  const content = textContent(receiptText(own), 'application/json');
  const key = place.keyOf(RECEIPT_NAME);
  if (await place.bucket.putNew(key, content, { isLocked: true, signal })) return own;
  const standing = await readStanding(place);
  if (standing.kind === 'archived') return standing.receipt;
  throw damagedReceipt(place, standing.kind === 'damaged' ? standing.why : 'it came and went');
}

/** What is in the file's place afterwards: ours, or the same, or an earlier attempt's audit log. */
async function putFile(
  { bucket, keyOf }: Place,
  spooled: SpoolFile,
  file: ArchivedFile,
  signal: AbortSignal | undefined,
): Promise<ArchivedFile> {
  const key = keyOf(file.name);
  const content = { ...spooled, contentType: 'application/pdf' };
  if (await bucket.putNew(key, content, { isLocked: true, signal })) return file;
  const stored = await bucket.inspect(key);
  if (stored === undefined) throw s3Unavailable(`${bucket.urlOf(key)} was there, and is gone.`);
  const { bytes, sha256, isOurs } = stored;
  if (sha256 === file.sha256) return file;
  // The provider may draw up its audit log anew for every download; any of them is one.
  if (isOurs && file.name === 'audit-log.pdf') return { name: file.name, bytes, sha256 };
  throw s3Refusal(
    `ARCHIVE_URL: ${bucket.urlOf(key)} is there already with other content (SHA-256 ${sha256}, ` +
      `not ${file.sha256}). It is never overwritten: move it away, then send the signal retry.`,
  );
}

async function quarantine(
  { bucket, documentId }: Place,
  spooled: SpoolFile,
  file: ArchivedFile,
  note: QuarantineNote,
): Promise<string> {
  const name = `${QUARANTINE}/${documentId}/${file.name.replace(/\.pdf$/, '')}-${file.sha256}`;
  const noteText = `${JSON.stringify({ documentId, ...note, file }, null, 2)}\n`;
  // Named by its hash: where the name is taken, an earlier attempt has put the same there.
  await bucket.putNew(`${name}.pdf`, { ...spooled, contentType: 'application/pdf' });
  await bucket.putNew(`${name}.json`, textContent(noteText, 'application/json'));
  return bucket.urlOf(`${name}.pdf`);
}
