/** Where in S3 an archive is. */
export interface S3Location {
  readonly bucket: string;
  /** Without slashes at its ends; empty where the archive is the whole bucket. */
  readonly prefix: string;
}

// Bucket names as S3 prescribes them; in the prefix only what needs no escaping anywhere.
const S3_URL = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([\w.!*'()/-]*))?$/;

/**
 * The location that `s3://bucket/prefix` names.
 * @throws Error where it names none; it is not repeated, since a URL may hold credentials
 */
export function parseS3Url(url: string): S3Location {
  const [, bucket, path = ''] = S3_URL.exec(url) ?? [];
  const prefix = path.replace(/\/$/, '');
  const parts = prefix === '' ? [] : prefix.split('/');
  if (bucket === undefined || parts.some((part) => /^\.{0,2}$/.test(part))) {
    throw new Error(
      'ARCHIVE_URL is not of the form s3://bucket/prefix; credentials come from the AWS ' +
        'environment variables, profiles or roles, never from the URL.',
    );
  }
  return { bucket, prefix };
}
