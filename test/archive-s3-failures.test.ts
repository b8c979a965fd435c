import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { before, test, type TestContext } from 'node:test';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { ApplicationFailure } from '@temporalio/common';
import type { Archive } from '../activities/archive/archive.js';
import { openArchive, type ArchiveOptions } from '../activities/archive/open-archive.js';
import { FAILURE_TYPES, type ArchiveReceipt } from '../workflows/contract.js';
import { freshId, pdfBytes, startStage } from './support/provider-stage.js';
import {
  requireS3Server,
  startS3Server,
  useS3Credentials,
  type S3Server,
} from './support/s3-server.js';

const FIVE_MINUTES_MS = 5 * 60_000;

const requirement = await requireS3Server();

before(() => {
  useS3Credentials();
  // The SDK's own patience is not what is tested here.
  process.env['AWS_MAX_ATTEMPTS'] = '1';
});

async function start(t: TestContext): Promise<S3Server> {
  const server = await startS3Server();
  t.after(() => server.close());
  return server;
}

function open(bucket: string, s3: ArchiveOptions['s3']): Archive {
  return openArchive(`s3://${bucket}/signed`, { s3 });
}

async function* once(content: Buffer): AsyncGenerator<Buffer> {
  yield await Promise.resolve(content);
}

async function archiveOne(archive: Archive, documentId: string): Promise<ArchiveReceipt> {
  const attempt = await archive.begin(documentId);
  try {
    const file = await attempt.writeFile('document.pdf', once(pdfBytes(10_000)));
    return await attempt.commit({
      documentId,
      archivedAt: new Date().toISOString(),
      files: [file],
      providerHash: file.sha256,
      changes: [],
      workflow: { workflowId: `document:${documentId}`, firstExecutionRunId: 'run' },
    });
  } finally {
    await attempt.discard();
  }
}

interface Expected {
  readonly type: string;
  readonly nonRetryable: boolean;
  readonly nextRetryDelay: number | undefined;
}

function isFailure(expected: Expected, ...parts: readonly RegExp[]): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ApplicationFailure, String(error));
    const { type, nonRetryable, message } = error;
    const nextRetryDelay = error.nextRetryDelay as number | undefined;
    assert.deepEqual({ type, nonRetryable, nextRetryDelay }, expected, message);
    for (const part of [/^ARCHIVE_URL( \(s3:\/\/[\w/-]+\))?: /, ...parts])
      assert.match(message, part);
    return true;
  };
}

const unavailable = {
  type: FAILURE_TYPES.unavailable,
  nonRetryable: false,
  nextRetryDelay: undefined,
};
const refused = {
  type: FAILURE_TYPES.requestRefused,
  nonRetryable: true,
  nextRetryDelay: undefined,
};
const credentialsRefused = {
  type: FAILURE_TYPES.credentialsRefused,
  nonRetryable: false,
  nextRetryDelay: FIVE_MINUTES_MS,
};

test('A server that is away is unavailable, and fine when it is back', requirement, async (t) => {
  const server = await start(t);
  const archive = open(await server.createBucket(), { endpoint: server.endpoint });
  const [before, documentId] = [freshId(), freshId()];
  const receipt = await archiveOne(archive, before);
  await server.stop();
  const isAway = isFailure(unavailable, /127\.0\.0\.1:\d+\) does not answer \(.*ECONNREFUSED/);
  await assert.rejects(archive.readReceipt(before), isAway);
  await assert.rejects(archiveOne(archive, documentId), isAway);
  await server.start();
  assert.deepEqual(await archive.readReceipt(before), receipt);
  assert.equal((await archiveOne(archive, documentId)).documentId, documentId);
});

test(
  'A server that goes away in the middle leaves no receipt, and the next attempt is fine',
  requirement,
  async (t) => {
    const server = await start(t);
    const archive = open(await server.createBucket(), { endpoint: server.endpoint });
    const documentId = freshId();
    const attempt = await archive.begin(documentId);
    const file = await attempt.writeFile('document.pdf', once(pdfBytes(10_000)));
    await server.stop();
    const receipt: ArchiveReceipt = {
      documentId,
      archivedAt: new Date().toISOString(),
      files: [file],
      providerHash: file.sha256,
      changes: [],
      workflow: { workflowId: 'w', firstExecutionRunId: 'r' },
    };
    await assert.rejects(attempt.commit(receipt), isFailure(unavailable));
    await server.start();
    assert.equal(await archive.readReceipt(documentId), undefined);
    assert.deepEqual(await attempt.commit(receipt), receipt);
    await attempt.discard();
  },
);

test(
  'A bucket that is missing is refused in a sentence, and fine once it is made',
  requirement,
  async (t) => {
    const server = await start(t);
    const bucket = `missing-${freshId()}`;
    const archive = open(bucket, { endpoint: server.endpoint });
    const documentId = freshId();
    const isMissing = isFailure(
      refused,
      new RegExp(`has no bucket ${bucket}\\. Create it or correct ARCHIVE_URL`),
      /signal retry/,
    );
    await assert.rejects(archive.readReceipt(documentId), isMissing);
    await assert.rejects(archiveOne(archive, documentId), isMissing);
    await server.client.send(new CreateBucketCommand({ Bucket: bucket }));
    assert.equal((await archiveOne(archive, documentId)).documentId, documentId);
  },
);

test(
  'Credentials that are refused are asked for again seldom, and not repeated',
  requirement,
  async (t) => {
    const server = await start(t);
    const bucket = await server.createBucket();
    t.after(() => {
      useS3Credentials();
    });
    for (const [user, password] of [
      ['nobody', 'some-secret'],
      ['countersign', 'some-secret'],
    ]) {
      useS3Credentials(user, password);
      await assert.rejects(
        archiveOne(open(bucket, { endpoint: server.endpoint }), freshId()),
        (error: unknown) => {
          assert.ok(!String(error).includes('some-secret'));
          return isFailure(credentialsRefused, /s3:PutObject/)(error);
        },
      );
    }
  },
);

test('Without credentials the failure says where they are looked for', async (t) => {
  useS3Credentials('', '');
  t.after(() => {
    useS3Credentials();
  });
  await assert.rejects(
    open('some-bucket', { endpoint: 'http://127.0.0.1:1' }).readReceipt(freshId()),
    isFailure(credentialsRefused, /AWS_ACCESS_KEY_ID/),
  );
});

test('Without a region AWS is not guessed at', async () => {
  await assert.rejects(
    open('some-bucket', {}).readReceipt(freshId()),
    isFailure(refused, /ARCHIVE_S3_REGION/),
  );
});

test(
  'A lock on a bucket that has none, and a key that is none, name their setting',
  requirement,
  async (t) => {
    const server = await start(t);
    const bucket = await server.createBucket();
    const { endpoint } = server;
    await assert.rejects(
      archiveOne(
        open(bucket, { endpoint, objectLock: { mode: 'COMPLIANCE', days: 1 } }),
        freshId(),
      ),
      isFailure(refused, /ARCHIVE_S3_OBJECT_LOCK needs a bucket/),
    );
    const encryption = { kind: 'aws:kms', keyId: 'no-such-key' } as const;
    await assert.rejects(
      archiveOne(open(bucket, { endpoint, encryption }), freshId()),
      isFailure(refused, /Correct ARCHIVE_S3_ENCRYPTION/),
    );
  },
);

function answer(status: number, code: string): RequestListener {
  return (request, response) => {
    request.resume();
    request.on('end', () => {
      response.writeHead(status, { 'content-type': 'application/xml' });
      response.end(`<Error><Code>${code}</Code><Message>Told so.</Message></Error>`);
    });
  };
}

const throttled = {
  type: FAILURE_TYPES.throttled,
  nonRetryable: false,
  nextRetryDelay: 30_000,
};
const answers: readonly (readonly [number, string, Expected, RegExp])[] = [
  [503, 'SlowDown', throttled, /slow down/],
  [429, 'TooManyRequests', throttled, /slow down/],
  [500, 'InternalError', unavailable, /asked again/],
  [503, 'ServiceUnavailable', unavailable, /asked again/],
  [409, 'ConditionalRequestConflict', unavailable, /asked again/],
  [400, 'RequestTimeout', unavailable, /asked again/],
  [400, 'BadDigest', unavailable, /asked again/],
  [403, 'AccessDenied', credentialsRefused, /s3:ListBucket/],
  [400, 'ExpiredToken', credentialsRefused, /s3:PutObject/],
  [403, 'RequestTimeTooSkewed', credentialsRefused, /clock is wrong/],
  [301, 'PermanentRedirect', refused, /ARCHIVE_S3_REGION/],
  [400, 'AuthorizationHeaderMalformed', refused, /ARCHIVE_S3_REGION/],
  [501, 'NotImplemented', refused, /Correct ARCHIVE_URL/],
  [400, 'KMS.DisabledException', refused, /ARCHIVE_S3_ENCRYPTION/],
];
for (const [status, code, failure, part] of answers) {
  test(`${code} with status ${status} fails as ${failure.type}`, async (t) => {
    const stage = await startStage(answer(status, code));
    t.after(() => stage.close());
    await assert.rejects(
      archiveOne(open('some-bucket', { endpoint: stage.origin }), freshId()),
      isFailure(failure, part, code === 'SlowDown' ? /./ : /Told so|clock/),
    );
  });
}

const troubles: readonly (readonly [string, RequestListener])[] = [
  ['a page', (_request, response) => response.writeHead(200).end('<html>Welcome')],
  ['a proxy’s page', (_request, response) => response.writeHead(502).end('<html>Bad gateway')],
  ['a cut connection', (request) => request.socket.destroy()],
];
for (const [what, listener] of troubles) {
  test(`${what} instead of an answer fails as Unavailable`, async (t) => {
    const stage = await startStage(listener);
    t.after(() => stage.close());
    await assert.rejects(
      open('some-bucket', { endpoint: stage.origin }).begin(freshId()),
      isFailure(unavailable),
    );
  });
}

test('A server that takes the condition and overwrites all the same is refused', async (t) => {
  const asked: string[] = [];
  const stage = await startStage((request, response) => {
    asked.push(`${request.method ?? ''} ${String(request.headers['if-none-match'])}`);
    request.resume();
    request.on('end', () => response.writeHead(200, { etag: '"e"' }).end());
  });
  t.after(() => stage.close());
  await assert.rejects(open('some-bucket', { endpoint: stage.origin }).begin(freshId()), {
    type: FAILURE_TYPES.requestRefused,
    nonRetryable: true,
    message: /overwrote s3:\/\/some-bucket\/signed\/about\.txt although it was told not to/,
  });
  assert.deepEqual(asked, ['PUT *', 'PUT *']);
});
