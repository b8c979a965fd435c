import { ApplicationFailure } from '@temporalio/common';
import { FAILURE_TYPES, type FailureType } from '../../workflows/contract.js';

/** Refused credentials are mended by people: ask seldom, yet so that mending heals everything. */
const CREDENTIALS_RETRY_MS = 5 * 60_000;

/** S3 says no time with its `SlowDown`. */
const THROTTLED_RETRY_MS = 30_000;

/** Which archive a failure is about. */
export interface S3Place {
  /** `s3://bucket/prefix`; holds no credentials. */
  readonly url: string;
  readonly bucket: string;
  /** For people: the endpoint's host, or `AWS`. */
  readonly server: string;
}

/** What the SDK's errors have, those of the network included. */
interface S3ErrorFields {
  readonly name: string;
  readonly message: string;
  readonly code?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
  /** Of answers that the SDK could not read. */
  readonly $response?: { readonly statusCode?: number };
}

interface Verdict {
  readonly type: FailureType;
  readonly sentence: string;
  readonly retryMs?: number;
}

const CREDENTIAL_CODES: ReadonlySet<string> = new Set([
  'CredentialsProviderError',
  'TokenProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidToken',
  'TokenRefreshRequired',
]);

const THROTTLING_CODES: ReadonlySet<string> = new Set([
  'SlowDown',
  'SlowDownRead',
  'SlowDownWrite',
  'TooManyRequests',
  'RequestLimitExceeded',
  'Throttling',
]);

/** Client errors by their status, which are passing troubles: bytes lost, a time-out, a race. */
const PASSING_CODES: ReadonlySet<string> = new Set([
  'BadDigest',
  'ConditionalRequestConflict',
  'IncompleteBody',
  'InvalidPart',
  'NoSuchUpload',
  'OperationAborted',
  'RequestTimeout',
  'XAmzContentChecksumMismatch',
  'XAmzContentSHA256Mismatch',
]);

const WRONG_PLACE_CODES: ReadonlySet<string> = new Set([
  'AuthorizationHeaderMalformed',
  'PermanentRedirect',
  'TemporaryRedirect',
  'IllegalLocationConstraintException',
]);

/** A failure that no retry mends: somebody has to act, and then sends the signal `retry`. */
export function s3Refusal(message: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: FAILURE_TYPES.requestRefused,
    message,
    nonRetryable: true,
  });
}

/** A failure that passes, or that another attempt meets no more. */
export function s3Unavailable(message: string): ApplicationFailure {
  return ApplicationFailure.create({ type: FAILURE_TYPES.unavailable, message });
}

/**
 * The failure that tells Temporal what to do about an error of S3, in a sentence that names
 * ARCHIVE_URL and what to do. Failures, cancellations and what is no error of S3's come back as
 * they are. Codes: the error table of S3's API reference.
 */
export function s3Failure(error: unknown, place: S3Place): unknown {
  if (error instanceof ApplicationFailure || !(error instanceof Error)) return error;
  const fields: S3ErrorFields = error;
  if (fields.name === 'AbortError') return error;
  const status = fields.$metadata?.httpStatusCode ?? fields.$response?.statusCode;
  const verdict =
    status === undefined ? unanswered(fields, place) : answered(fields, status, place);
  if (verdict === undefined) return error;
  const { type, sentence, retryMs } = verdict;
  return ApplicationFailure.create({
    type,
    message: `ARCHIVE_URL (${place.url}): ${sentence}`,
    nonRetryable: type === FAILURE_TYPES.requestRefused,
    ...(retryMs !== undefined && { nextRetryDelay: retryMs }),
  });
}

function unanswered(fields: S3ErrorFields, { server }: S3Place): Verdict | undefined {
  const { name, message, code } = fields;
  if (CREDENTIAL_CODES.has(name)) {
    return credentials(
      `no usable AWS credentials were found (${message}). Set AWS_ACCESS_KEY_ID and ` +
        'AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or a role of the machine.',
    );
  }
  if (message === 'Region is missing') {
    return refused('no region is known. Set ARCHIVE_S3_REGION or AWS_REGION.');
  }
  const isNetwork = typeof code === 'string' && /^E[A-Z0-9]+$/.test(code);
  if (!isNetwork && name !== 'TimeoutError' && fields.$metadata === undefined) return undefined;
  return unavailable(
    `the S3 server (${server}) does not answer (${message || String(code)}). ` +
      'It is asked again; should it stay so, check the network and ARCHIVE_S3_ENDPOINT.',
  );
}

function answered(fields: S3ErrorFields, status: number, place: S3Place): Verdict {
  const { name, message } = fields;
  const said = `${name} (${status}): ${message}`;
  if (name === 'NoSuchBucket') return refused(noSuchBucket(place));
  if (WRONG_PLACE_CODES.has(name) || status === 301) {
    return refused(`the bucket is in another region. Correct ARCHIVE_S3_REGION. S3 said ${said}`);
  }
  if (status === 401 || status === 403 || CREDENTIAL_CODES.has(name)) {
    return credentials(forbidden(name, said));
  }
  if (status === 429 || THROTTLING_CODES.has(name)) {
    const sentence = `S3 asks to slow down: ${said}`;
    return { type: FAILURE_TYPES.throttled, sentence, retryMs: THROTTLED_RETRY_MS };
  }
  if (isPassing(name, status)) return unavailable(`S3 fails, and is asked again: ${said}`);
  return refused(`S3 refuses with ${said}. ${hint(said)}`);
}

function isPassing(name: string, status: number): boolean {
  if (PASSING_CODES.has(name) || status === 408 || status === 409) return true;
  // An answer below 400 that the SDK could not read is some proxy's page, or cut off.
  return status < 400 || (status >= 500 && status !== 501);
}

function noSuchBucket({ bucket, server }: S3Place): string {
  return (
    `the S3 server (${server}) has no bucket ${bucket}. ` +
    'Create it or correct ARCHIVE_URL, then send the signal retry.'
  );
}

function forbidden(name: string, said: string): string {
  if (name === 'RequestTimeTooSkewed') return `this machine's clock is wrong. S3 said ${said}`;
  return (
    `S3 refuses the credentials or what they may do: ${said}. They need s3:PutObject, ` +
    's3:GetObject, s3:AbortMultipartUpload and s3:ListBucket, with ARCHIVE_S3_OBJECT_LOCK also ' +
    's3:PutObjectRetention, with a KMS key kms:GenerateDataKey and kms:Decrypt.'
  );
}

/** What to look at, by the words that servers use for it. */
function hint(said: string): string {
  if (/object ?lock|retention/i.test(said)) {
    return (
      'ARCHIVE_S3_OBJECT_LOCK needs a bucket that was created with object lock: unset it, ' +
      'or name such a bucket in ARCHIVE_URL, then send the signal retry.'
    );
  }
  if (/kms|encryption/i.test(said)) {
    return 'Correct ARCHIVE_S3_ENCRYPTION, then send the signal retry.';
  }
  return 'Correct ARCHIVE_URL or the ARCHIVE_S3_ settings, then send the signal retry.';
}

function refused(sentence: string): Verdict {
  return { type: FAILURE_TYPES.requestRefused, sentence };
}

function credentials(sentence: string): Verdict {
  return { type: FAILURE_TYPES.credentialsRefused, sentence, retryMs: CREDENTIALS_RETRY_MS };
}

function unavailable(sentence: string): Verdict {
  return { type: FAILURE_TYPES.unavailable, sentence };
}
