import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openArchive } from '../activities/archive/open-archive.js';
import { parseS3Url } from '../activities/archive/s3-location.js';
import { ConfigurationError } from '../configuration/settings.js';
import { readConfiguration, type WorkerConfiguration } from '../worker/configuration.js';

function read(environment: Record<string, string>): WorkerConfiguration {
  return readConfiguration({ LEGALESIGN_API_KEY: 'user:key', ...environment });
}

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    read(environment);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}

const S3 = { ARCHIVE_URL: 's3://contracts/signed' };

for (const [url, bucket, prefix] of [
  ['s3://contracts', 'contracts', ''],
  ['s3://contracts/', 'contracts', ''],
  ['s3://contracts/signed', 'contracts', 'signed'],
  ['s3://my.bucket-1/a/b_c/', 'my.bucket-1', 'a/b_c'],
] as const) {
  test(`${url} names a place in S3, for the settings as for the archive`, () => {
    assert.deepEqual(parseS3Url(url), { bucket, prefix });
    assert.equal(read({ ARCHIVE_URL: url }).archiveUrl, url);
  });
}

for (const url of [
  's3:',
  's3://',
  's3://a',
  's3://Bucket/x',
  's3://key:secret@bucket/x',
  's3://bucket//x',
  's3://bucket/../x',
  's3://bucket/x/.',
  's3://bucket/a b',
  's3://bucket/x?secret',
]) {
  test(`${url} names none, and is not repeated`, () => {
    const isTold = ({ message }: Error): boolean =>
      message.includes('ARCHIVE_URL') && !message.includes('secret');
    assert.throws(() => openArchive(url), isTold);
    const problems = problemsOf({ ARCHIVE_URL: url });
    assert.equal(problems.length, 1);
    assert.ok(isTold(new Error(problems[0])));
  });
}

test('An archive in a folder has no settings of S3', () => {
  assert.equal(read({}).archiveS3, undefined);
});

test('An archive in S3 needs no setting but its URL', () => {
  assert.deepEqual(read(S3).archiveS3, {
    endpoint: undefined,
    region: undefined,
    forcePathStyle: false,
    encryption: undefined,
    objectLock: undefined,
  });
});

test('With an endpoint the bucket is in the path, unless told', () => {
  const environment = { ...S3, ARCHIVE_S3_ENDPOINT: 'https://s3.example.com' };
  assert.equal(read(environment).archiveS3?.forcePathStyle, true);
  const told = { ...environment, ARCHIVE_S3_FORCE_PATH_STYLE: 'false' };
  assert.equal(read(told).archiveS3?.forcePathStyle, false);
});

for (const [text, encryption] of [
  ['AES256', { kind: 'AES256' }],
  ['aws:kms', { kind: 'aws:kms', keyId: undefined }],
  ['aws:kms:alias/contracts', { kind: 'aws:kms', keyId: 'alias/contracts' }],
  ['aws:kms:arn:aws:kms:eu:1:key/2', { kind: 'aws:kms', keyId: 'arn:aws:kms:eu:1:key/2' }],
] as const) {
  test(`ARCHIVE_S3_ENCRYPTION may be ${text}`, () => {
    const { archiveS3 } = read({ ...S3, ARCHIVE_S3_ENCRYPTION: text });
    assert.deepEqual(archiveS3?.encryption, encryption);
  });
}

for (const [text, objectLock] of [
  ['governance:30d', { mode: 'GOVERNANCE', days: 30 }],
  ['COMPLIANCE:3650d', { mode: 'COMPLIANCE', days: 3650 }],
] as const) {
  test(`ARCHIVE_S3_OBJECT_LOCK may be ${text}`, () => {
    const { archiveS3 } = read({ ...S3, ARCHIVE_S3_OBJECT_LOCK: text });
    assert.deepEqual(archiveS3?.objectLock, objectLock);
  });
}

for (const [name, text] of [
  ['ARCHIVE_S3_ENCRYPTION', 'aes'],
  ['ARCHIVE_S3_ENCRYPTION', 'aws:kms:'],
  ['ARCHIVE_S3_OBJECT_LOCK', 'compliance'],
  ['ARCHIVE_S3_OBJECT_LOCK', 'compliance:0d'],
  ['ARCHIVE_S3_OBJECT_LOCK', 'compliance:10y'],
  ['ARCHIVE_S3_OBJECT_LOCK', 'always:10d'],
  ['ARCHIVE_S3_ENDPOINT', 's3.example.com'],
  ['ARCHIVE_S3_FORCE_PATH_STYLE', 'yes'],
] as const) {
  test(`${name}=${text} is a problem`, () => {
    const problems = problemsOf({ ...S3, [name]: text });
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? '', new RegExp(name));
  });
}

test('A lock or a key that a folder could not keep is a problem, not forgotten', () => {
  const problems = problemsOf({ ARCHIVE_S3_OBJECT_LOCK: 'compliance:10d' });
  assert.deepEqual(problems, ['ARCHIVE_S3_OBJECT_LOCK without ARCHIVE_URL=s3://…']);
});
