import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { PutObjectCommandInput, S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { s3Unavailable } from './s3-failures.js';
import type { S3Settings } from './s3-settings.js';

/**
 * Up to this size an object is one request, whose SHA-256 the server checks and keeps; a longer one
 * goes in parts, of which the server checks each. Every part waits in memory to be repeatable.
 */
export const PART_BYTES = 8 * 1024 * 1024;
const PARTS_AT_ONCE = 2;

const DAY_MS = 24 * 60 * 60_000;

/** Metadata of every object we store: the SHA-256 that we found ourselves, lower-case hex. */
export const HASH_METADATA = 'countersign-sha256';

/** What is to be stored; `open` gives the same bytes each time. */
export interface S3Content {
  readonly bytes: number;
  /** SHA-256, lower-case hex. */
  readonly sha256: string;
  readonly contentType: string;
  readonly open: () => Readable;
}

/** How an object is stored. */
export interface PutOptions {
  /** Under the settings' object lock. */
  readonly isLocked?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** A text as an object's content. */
export function textContent(text: string, contentType: string): S3Content {
  const buffer = Buffer.from(text);
  return {
    bytes: buffer.length,
    sha256: createHash('sha256').update(buffer).digest('hex'),
    contentType,
    open: () => Readable.from([buffer]),
  };
}

/** The request that stores a content where there is none yet, encrypted and locked as settled. */
export function putParameters(
  target: { readonly Bucket: string; readonly Key: string },
  content: S3Content,
  { encryption, objectLock }: S3Settings,
  { isLocked = false }: PutOptions = {},
): PutObjectCommandInput {
  const { bytes, sha256, contentType } = content;
  const keyId = encryption?.kind === 'aws:kms' ? encryption.keyId : undefined;
  return {
    ...target,
    Body: content.open(),
    ContentLength: bytes,
    ContentType: contentType,
    IfNoneMatch: '*',
    Metadata: { [HASH_METADATA]: sha256 },
    ...(bytes <= PART_BYTES
      ? { ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64') }
      : { ChecksumAlgorithm: 'SHA256' }),
    ...(encryption !== undefined && { ServerSideEncryption: encryption.kind }),
    ...(keyId !== undefined && { SSEKMSKeyId: keyId }),
    ...(isLocked &&
      objectLock !== undefined && {
        ObjectLockMode: objectLock.mode,
        ObjectLockRetainUntilDate: new Date(Date.now() + objectLock.days * DAY_MS),
      }),
  };
}

/** Sends it, whole or in parts; false where the server says that the key is taken. */
export async function upload(
  client: S3Client,
  params: PutObjectCommandInput,
  signal?: AbortSignal,
): Promise<boolean> {
  signal?.throwIfAborted();
  const abortController = new AbortController();
  const abort = (): void => {
    abortController.abort();
  };
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const options = { partSize: PART_BYTES, queueSize: PARTS_AT_ONCE, abortController };
    const { ETag } = await new Upload({ client, params, ...options }).done();
    // The SDK believes any answer of 200 to a PUT, that of a proxy's page too.
    if (ETag === undefined) throw s3Unavailable('ARCHIVE_URL: the answer was none of S3.');
    return true;
  } catch (error) {
    if ((error as Error).name === 'PreconditionFailed') return false;
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
