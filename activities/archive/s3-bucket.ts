import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import {
  GetObjectCommand,
  HeadObjectCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';
import type { S3Location } from './s3-location.js';
import { s3Failure, type S3Place } from './s3-failures.js';
import type { S3Settings } from './s3-settings.js';
import { HASH_METADATA, PART_BYTES, putParameters, upload } from './s3-upload.js';
import type { PutOptions, S3Content } from './s3-upload.js';

const CONNECTION_TIMEOUT_MS = 5_000;
/** Of silence on a connection, not of a whole upload. */
const SILENCE_TIMEOUT_MS = 30_000;

/** An object as it is stored, from its bytes. */
export interface StoredContent {
  readonly bytes: number;
  /** SHA-256 of the bytes, lower-case hex. */
  readonly sha256: string;
  /** Whether it is, byte by byte, what an attempt of ours stored there. */
  readonly isOurs: boolean;
}

/** The part of a bucket that is an archive. Overwrites and deletes nothing. */
export interface S3Bucket {
  /** Where a key is, for people: `s3://bucket/prefix/key`. */
  urlOf(key: string): string;
  /** Stores an object; false, with nothing changed, where the key is taken. */
  putNew(key: string, content: S3Content, options?: PutOptions): Promise<boolean>;
  /** Reads and hashes an object; undefined where there is none. */
  inspect(key: string): Promise<StoredContent | undefined>;
  /** An object as text; undefined where there is none, cut off after `maxBytes`. */
  readText(key: string, maxBytes: number): Promise<string | undefined>;
  /** An object's length in bytes; undefined where there is none. */
  lengthOf(key: string): Promise<number | undefined>;
  /** An object's bytes, piece by piece; undefined where there is none. */
  open(key: string): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** The objects whose keys begin so, in the order of their keys. */
  list(prefix: string): AsyncIterable<StoredObject>;
}

/** An object as a listing shows it. */
export interface StoredObject {
  /** Without the archive's prefix. */
  readonly key: string;
  readonly bytes: number;
}

/** What failures name. */
export function placeOf({ bucket, prefix }: S3Location, settings: S3Settings): S3Place {
  const url = prefix === '' ? `s3://${bucket}` : `s3://${bucket}/${prefix}`;
  return { url, bucket, server: serverOf(settings) };
}

/** For messages; an endpoint's URL may hold more than it should. */
function serverOf({ endpoint }: S3Settings): string {
  return endpoint === undefined ? 'AWS' : new URL(endpoint).host;
}

/** A client that gives up on a silent server; for the archive's bucket. */
export function createS3Client(settings: S3Settings): S3Client {
  const { endpoint, forcePathStyle = endpoint !== undefined } = settings;
  const region = settings.region ?? (endpoint === undefined ? undefined : 'us-east-1');
  return new S3Client({
    forcePathStyle,
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    requestHandler: {
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      socketTimeout: SILENCE_TIMEOUT_MS,
    },
  });
}

/**
 * Opens a bucket; asks nothing yet. Failures are thrown as `s3Failure` maps them. That nothing is
 * overwritten is for the server to see to: one that does not know `If-None-Match` is unfit.
 */
export function openS3Bucket(location: S3Location, settings: S3Settings): S3Bucket {
  const client = createS3Client(settings);
  const { bucket, prefix } = location;
  const keyOf = (key: string): string => (prefix === '' ? key : `${prefix}/${key}`);
  const urlOf = (key: string): string => `s3://${bucket}/${keyOf(key)}`;
  const place = placeOf(location, settings);
  const told = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw s3Failure(error, place);
    }
  };
  const get = (key: string): Promise<GetObjectCommandOutput> =>
    client.send(new GetObjectCommand({ Bucket: bucket, Key: keyOf(key) }));
  const lengthOf = async (key: string): Promise<number | undefined> => {
    const command = new HeadObjectCommand({ Bucket: bucket, Key: keyOf(key) });
    return (await existing(client.send(command)))?.ContentLength;
  };
  const putNew: S3Bucket['putNew'] = async (key, content, options) => {
    // In parts, the condition is checked at the end: ask before sending it all.
    if (content.bytes > PART_BYTES && (await lengthOf(key)) !== undefined) return false;
    const target = { Bucket: bucket, Key: keyOf(key) };
    return upload(client, putParameters(target, content, settings, options), options?.signal);
  };
  return {
    urlOf,
    putNew: (key, content, options) => told(putNew(key, content, options)),
    lengthOf: (key) => told(lengthOf(key)),
    inspect: (key) => told(existing(get(key)).then(inspectAnswer)),
    open: (key) => told(existing(get(key)).then((got) => got && piecesOf(got, place))),
    list: (prefix) => listObjects(client, { place, prefix: keyOf(prefix), cut: keyOf('').length }),
    readText: (key, maxBytes) => told(existing(get(key)).then((got) => textOf(got, maxBytes))),
  };
}

async function* listObjects(
  client: S3Client,
  {
    place,
    prefix,
    cut,
  }: { readonly place: S3Place; readonly prefix: string; readonly cut: number },
): AsyncGenerator<StoredObject> {
  try {
    const pages = paginateListObjectsV2({ client }, { Bucket: place.bucket, Prefix: prefix });
    for await (const { Contents = [] } of pages) {
      for (const { Key = '', Size = 0 } of Contents) yield { key: Key.slice(cut), bytes: Size };
    }
  } catch (error) {
    throw s3Failure(error, place);
  }
}

async function* piecesOf(got: GetObjectCommandOutput, place: S3Place): AsyncGenerator<Uint8Array> {
  try {
    yield* bodyOf(got);
  } catch (error) {
    throw s3Failure(error, place);
  }
}

/** What is awaited, or undefined where S3 says that there is no such object. */
export async function existing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    // A HEAD's answer has no body, and so no code of S3's own.
    if (error instanceof Error && /^(NoSuchKey|NotFound)$/.test(error.name)) return undefined;
    throw error;
  }
}

async function inspectAnswer(
  got: GetObjectCommandOutput | undefined,
): Promise<StoredContent | undefined> {
  if (got === undefined) return undefined;
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of bodyOf(got)) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  const sha256 = hash.digest('hex');
  return { bytes, sha256, isOurs: got.Metadata?.[HASH_METADATA] === sha256 };
}

async function textOf(
  got: GetObjectCommandOutput | undefined,
  maxBytes: number,
): Promise<string | undefined> {
  if (got === undefined) return undefined;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of bodyOf(got)) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxBytes) break;
  }
  return Buffer.concat(chunks).toString('utf8', 0, maxBytes);
}

function bodyOf({ Body }: GetObjectCommandOutput): AsyncIterable<Buffer> {
  // In Node the SDK gives a Readable; its type says what it may be in browsers, too.
  return Body as Readable;
}
