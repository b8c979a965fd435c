/** Takes a document out of an archive in S3, all versions of it; what stays is its tombstone. */
import {
  DeleteObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { ArchiveReceipt } from '../../workflows/contract.js';
import { QUARANTINE } from './document-id.js';
import { RECEIPT_NAME } from './receipt-file.js';
import { receiptText } from './receipt.js';
import { createS3Client, existing, placeOf } from './s3-bucket.js';
import { s3Failure, s3Refusal, s3Unavailable } from './s3-failures.js';
import type { S3Location } from './s3-location.js';
import type { S3Settings } from './s3-settings.js';
import { putParameters, textContent } from './s3-upload.js';

/** Erasing in one archive. */
export interface S3Erasure {
  /** URLs of the objects that would go, each once however many versions it has. */
  listErasable(documentId: string): Promise<string[]>;
  /** @throws RequestRefused with nothing changed where an object lock or a missing right forbids */
  erase(documentId: string, tombstone: ArchiveReceipt): Promise<void>;
}

/** One version of an object, or a marker that it was deleted. */
interface Version {
  readonly key: string;
  readonly versionId: string;
  readonly isLatest: boolean;
  readonly isMarker: boolean;
}

interface Target {
  readonly client: S3Client;
  readonly bucket: string;
  readonly settings: S3Settings;
  /** With the archive's prefix. */
  readonly folder: string;
  readonly quarantine: string;
  readonly receiptKey: string;
}

/** Whose permission to delete is whoever's who runs it: the worker needs none. */
export function createS3Erasure(location: S3Location, settings: S3Settings): S3Erasure {
  let client: S3Client | undefined;
  const place = placeOf(location, settings);
  const targetOf = (documentId: string): Target => {
    client ??= createS3Client(settings);
    const root = location.prefix === '' ? '' : `${location.prefix}/`;
    const folder = `${root}${documentId}/`;
    const quarantine = `${root}${QUARANTINE}/${documentId}/`;
    const receiptKey = `${folder}${RECEIPT_NAME}`;
    return { client, bucket: location.bucket, settings, folder, quarantine, receiptKey };
  };
  const told = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw isForbidden(error) ? mayNotErase(place.url, error) : s3Failure(error, place);
    }
  };
  return {
    listErasable: (documentId) => told(erasableOf(targetOf(documentId))),
    erase: (documentId, tombstone) => told(erase(targetOf(documentId), tombstone)),
  };
}

async function erasableOf(target: Target): Promise<string[]> {
  const versions = await versionsOf(target);
  const keys = new Set(versions.filter((each) => !isStanding(target, each)).map(({ key }) => key));
  return [...keys].map((key) => `s3://${target.bucket}/${key}`);
}

/** Asks first whether all can go; then the tombstone, so that no callback begins a second life. */
async function erase(target: Target, tombstone: ArchiveReceipt): Promise<void> {
  await requireUnlocked(target, await versionsOf(target));
  await requireDeletion(target);
  await putTombstone(target, receiptText(tombstone));
  for (const version of await versionsOf(target)) {
    if (!isStanding(target, version)) await remove(target, version);
  }
}

function isStanding({ receiptKey }: Target, { key, isLatest, isMarker }: Version): boolean {
  return key === receiptKey && isLatest && !isMarker;
}

async function versionsOf(target: Target): Promise<Version[]> {
  const found: Version[] = [];
  for (const prefix of [target.folder, target.quarantine]) {
    for await (const version of listVersions(target, prefix)) found.push(version);
  }
  return found;
}

async function* listVersions({ client, bucket }: Target, prefix: string): AsyncGenerator<Version> {
  let from: { KeyMarker?: string; VersionIdMarker?: string } = {};
  for (;;) {
    const page: Awaited<ReturnType<typeof listPage>> = await listPage(client, {
      ...{ Bucket: bucket, Prefix: prefix },
      ...from,
    });
    for (const each of page.Versions ?? []) yield versionFrom(each, false);
    for (const each of page.DeleteMarkers ?? []) yield versionFrom(each, true);
    const { NextKeyMarker: KeyMarker, NextVersionIdMarker: VersionIdMarker } = page;
    if (page.IsTruncated !== true) return;
    if (KeyMarker === undefined) {
      throw new Error(
        `the versions under ${prefix} are more than listed, and no marker says where`,
      );
    }
    from = { KeyMarker, ...(VersionIdMarker && { VersionIdMarker }) };
  }
}

function listPage(
  client: S3Client,
  input: ConstructorParameters<typeof ListObjectVersionsCommand>[0],
) {
  return client.send(new ListObjectVersionsCommand(input));
}

/** A bucket without versions names the only one `null`. */
function versionFrom(
  { Key = '', VersionId = 'null', IsLatest = true }: Listed,
  isMarker: boolean,
): Version {
  return { key: Key, versionId: VersionId, isLatest: IsLatest, isMarker };
}

interface Listed {
  readonly Key?: string | undefined;
  readonly VersionId?: string | undefined;
  readonly IsLatest?: boolean | undefined;
}

async function requireUnlocked(
  { client, bucket }: Target,
  versions: readonly Version[],
): Promise<void> {
  for (const { key, versionId, isMarker } of versions) {
    if (isMarker) continue;
    const command = new HeadObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId });
    const head = await existing(client.send(command));
    const until = head?.ObjectLockRetainUntilDate;
    const isHeld = head?.ObjectLockLegalHoldStatus === 'ON';
    if (!isHeld && (until === undefined || until.getTime() <= Date.now())) continue;
    const why = isHeld ? 'is under legal hold' : `is locked until ${until?.toISOString() ?? ''}`;
    throw s3Refusal(
      `ARCHIVE_URL: nothing was erased: s3://${bucket}/${key} ${why}. Erase the document when ` +
        'that has ended; Countersign lifts no object lock.',
    );
  }
}

/** To remove what never was needs the same right, and changes nothing. */
async function requireDeletion(target: Target): Promise<void> {
  const key = `${target.folder}never-written`;
  await remove(target, { key, versionId: 'null' });
}

async function remove(
  { client, bucket }: Target,
  { key, versionId }: Pick<Version, 'key' | 'versionId'>,
): Promise<void> {
  await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId }));
}

/** Only over what we have just seen there: an attempt may be under way. */
async function putTombstone(target: Target, text: string): Promise<void> {
  const { client, bucket, settings, receiptKey } = target;
  const at = { Bucket: bucket, Key: receiptKey };
  const standing = await existing(client.send(new HeadObjectCommand(at)));
  const content = textContent(text, 'application/json');
  const { IfNoneMatch, Body: _stream, ...input } = putParameters(at, content, settings);
  const condition = standing?.ETag === undefined ? { IfNoneMatch } : { IfMatch: standing.ETag };
  try {
    await client.send(new PutObjectCommand({ ...input, ...condition, Body: Buffer.from(text) }));
  } catch (error) {
    if ((error as Error).name !== 'PreconditionFailed') throw error;
    throw s3Unavailable(
      `ARCHIVE_URL: s3://${bucket}/${receiptKey} changed meanwhile, and nothing was erased: ` +
        'erase the document again.',
    );
  }
}

function isForbidden(error: unknown): error is Error {
  const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
  return name === 'AccessDenied' || $metadata?.httpStatusCode === 403;
}

function mayNotErase(url: string, error: Error): Error {
  return s3Refusal(
    `ARCHIVE_URL (${url}): S3 does not let these credentials erase (${error.message}). Run it with ` +
      'an identity of operations that has s3:ListBucketVersions, s3:DeleteObjectVersion and the ' +
      'rights of a worker; what is not erased yet then goes. See docs/storage.md.',
  );
}
