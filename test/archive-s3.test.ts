import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  DeleteObjectCommand,
  GetObjectRetentionCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type HeadObjectCommandOutput,
} from '@aws-sdk/client-s3';
import { ApplicationFailure } from '@temporalio/common';
import type { Archive, ArchiveAttempt } from '../activities/archive/archive.js';
import { openArchive, type ArchiveOptions } from '../activities/archive/open-archive.js';
import { FAILURE_TYPES, type ArchiveReceipt } from '../workflows/contract.js';
import { freshId, pdfBytes } from './support/provider-stage.js';
import { openS3ServerForFile } from './support/s3-server.js';

const MEGABYTE = 1024 * 1024;

const { requirement, server } = await openS3ServerForFile();
const spoolFolder = await mkdtemp(join(tmpdir(), 'countersign-spool-'));

before(() => {
  process.env['TMPDIR'] = spoolFolder;
});

after(() => rm(spoolFolder, { recursive: true }));

interface Scene {
  readonly bucket: string;
  readonly archive: Archive;
  readonly warnings: string[];
}

async function scene(
  s3: ArchiveOptions['s3'] = {},
  bucketOptions: { readonly isLockable?: boolean } = {},
): Promise<Scene> {
  const bucket = await server.createBucket(bucketOptions);
  const warnings: string[] = [];
  const warn = (_fields: unknown, message?: string): void => {
    warnings.push(message ?? '');
  };
  const settings = { endpoint: server.endpoint, ...s3 };
  const archive = openArchive(`s3://${bucket}/signed`, { s3: settings, logger: { warn } });
  return { bucket, archive, warnings };
}

async function* pieces(content: Buffer, size = 64 * 1024): AsyncGenerator<Buffer> {
  for (let start = 0; start < content.length; start += size) {
    yield await Promise.resolve(content.subarray(start, start + size));
  }
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

interface Contents {
  readonly pdf?: Buffer;
  readonly auditLog?: Buffer;
}

async function stage(
  attempt: ArchiveAttempt,
  documentId: string,
  { pdf = pdfBytes(50_000), auditLog = pdfBytes(3_000, 'log') }: Contents = {},
): Promise<ArchiveReceipt> {
  const document = await attempt.writeFile('document.pdf', pieces(pdf));
  const log = await attempt.writeFile('audit-log.pdf', pieces(auditLog));
  return {
    documentId,
    archivedAt: new Date().toISOString(),
    files: [document, log],
    providerHash: document.sha256,
    changes: [],
    workflow: { workflowId: `document:${documentId}`, firstExecutionRunId: freshId() },
  };
}

async function archiveOne(
  archive: Archive,
  documentId: string,
  contents: Contents = {},
): Promise<ArchiveReceipt> {
  const attempt = await archive.begin(documentId);
  try {
    return await attempt.commit(await stage(attempt, documentId, contents));
  } finally {
    await attempt.discard();
  }
}

function put(bucket: string, key: string, body: Buffer): Promise<unknown> {
  return server.client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
}

function head(bucket: string, key: string): Promise<HeadObjectCommandOutput> {
  return server.client.send(
    new HeadObjectCommand({ Bucket: bucket, Key: key, ChecksumMode: 'ENABLED' }),
  );
}

/** Every object that the receipt names is there, byte by byte. */
async function assertWhole(bucket: string, receipt: ArchiveReceipt): Promise<void> {
  for (const { name, bytes, sha256: hash } of receipt.files) {
    const content = await server.read(bucket, `signed/${receipt.documentId}/${name}`);
    assert.equal(content.length, bytes);
    assert.equal(sha256(content), hash);
  }
}

const isRefusal =
  (...parts: readonly RegExp[]) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof ApplicationFailure, String(error));
    assert.equal(error.type, FAILURE_TYPES.requestRefused);
    assert.equal(error.nonRetryable, true);
    for (const part of [/ARCHIVE_URL/, ...parts]) assert.match(error.message, part);
    return true;
  };

test(
  'A committed attempt leaves two PDFs and the receipt under the prefix',
  requirement,
  async () => {
    const { bucket, archive } = await scene();
    const documentId = freshId();
    const receipt = await archiveOne(archive, documentId);
    assert.deepEqual(
      await server.keysIn(bucket),
      [
        `signed/${documentId}/audit-log.pdf`,
        `signed/${documentId}/document.pdf`,
        `signed/${documentId}/receipt.json`,
        'signed/about.txt',
      ].sort(),
    );
    await assertWhole(bucket, receipt);
    assert.deepEqual(await archive.readReceipt(documentId), receipt);
    const stored = await server.read(bucket, `signed/${documentId}/receipt.json`);
    assert.deepEqual(JSON.parse(stored.toString()), receipt);
  },
);

test('The server has checked and keeps the SHA-256 of the whole PDF', requirement, async () => {
  const { bucket, archive } = await scene();
  const documentId = freshId();
  const receipt = await archiveOne(archive, documentId);
  const { ChecksumSHA256, ChecksumType, ContentType, Metadata } = await head(
    bucket,
    `signed/${documentId}/document.pdf`,
  );
  assert.equal(Buffer.from(ChecksumSHA256 ?? '', 'base64').toString('hex'), receipt.providerHash);
  assert.equal(ChecksumType, 'FULL_OBJECT');
  assert.equal(ContentType, 'application/pdf');
  assert.equal(Metadata?.['countersign-sha256'], receipt.providerHash);
});

test('A whole bucket may be the archive', requirement, async () => {
  const bucket = await server.createBucket();
  const archive = openArchive(`s3://${bucket}`, { s3: { endpoint: server.endpoint } });
  const documentId = freshId();
  const receipt = await archiveOne(archive, documentId);
  assert.ok((await server.keysIn(bucket)).includes(`${documentId}/receipt.json`));
  assert.deepEqual(await archive.readReceipt(documentId), receipt);
});

test(
  'Before the commit nothing is in the bucket, and no file has a name',
  requirement,
  async () => {
    const { bucket, archive } = await scene();
    const documentId = freshId();
    const attempt = await archive.begin(documentId);
    await stage(attempt, documentId);
    assert.deepEqual(await server.keysIn(bucket), ['signed/about.txt']);
    assert.deepEqual(await readdir(spoolFolder), []);
    assert.equal(await archive.readReceipt(documentId), undefined);
    await attempt.discard();
    await attempt.discard();
  },
);

test('A file written again in an attempt replaces the one before', requirement, async () => {
  const { bucket, archive } = await scene();
  const documentId = freshId();
  const attempt = await archive.begin(documentId);
  await attempt.writeFile('document.pdf', pieces(pdfBytes(9_000, 'wrong')));
  const receipt = await attempt.commit(await stage(attempt, documentId));
  await attempt.discard();
  await assertWhole(bucket, receipt);
});

test('Of many attempts at once one stands, for all', requirement, async () => {
  const { bucket, archive } = await scene();
  for (let round = 0; round < 10; round += 1) {
    const documentId = freshId();
    const others = ['one', 'two', 'three'].map((seed) =>
      archiveOne(archive, documentId, { auditLog: pdfBytes(3_000, seed) }),
    );
    const results = await Promise.all(others);
    const stands = await archive.readReceipt(documentId);
    assert.ok(stands);
    for (const result of results) assert.deepEqual(result, stands);
    await assertWhole(bucket, stands);
  }
});

test(
  'An attempt after another one changes nothing and gives its receipt',
  requirement,
  async () => {
    const { bucket, archive } = await scene();
    const documentId = freshId();
    const late = await archive.begin(documentId);
    const lateReceipt = await stage(late, documentId, { auditLog: pdfBytes(4_000, 'late') });
    const first = await archiveOne(archive, documentId);
    assert.deepEqual(await late.commit(lateReceipt), first);
    await late.discard();
    await assertWhole(bucket, first);
  },
);

test('After a crash between PDF and receipt, the next attempt finishes', requirement, async () => {
  const { bucket, archive } = await scene();
  const [crashed, whole] = [freshId(), freshId()];
  await archiveOne(archive, whole, { auditLog: pdfBytes(5_000, 'of the crashed attempt') });
  for (const name of ['document.pdf', 'audit-log.pdf']) {
    const { Metadata } = await head(bucket, `signed/${whole}/${name}`);
    const Body = await server.read(bucket, `signed/${whole}/${name}`);
    const target = { Bucket: bucket, Key: `signed/${crashed}/${name}` };
    await server.client.send(new PutObjectCommand({ ...target, Body, Metadata }));
  }
  assert.equal(await archive.readReceipt(crashed), undefined);
  const receipt = await archiveOne(archive, crashed, {
    auditLog: pdfBytes(6_000, 'drawn up anew'),
  });
  assert.equal(receipt.files[1]?.bytes, 5_000);
  await assertWhole(bucket, receipt);
  assert.deepEqual(await archive.readReceipt(crashed), receipt);
});

for (const name of ['document.pdf', 'audit-log.pdf']) {
  test(`Somebody else's ${name} is never overwritten`, requirement, async () => {
    const { bucket, archive } = await scene();
    const documentId = freshId();
    const key = `signed/${documentId}/${name}`;
    const foreign = pdfBytes(700, 'foreign');
    await put(bucket, key, foreign);
    await assert.rejects(
      archiveOne(archive, documentId),
      isRefusal(new RegExp(`s3://${bucket}/${key} is there already`), /signal retry/),
    );
    assert.ok(foreign.equals(await server.read(bucket, key)));
    assert.equal(await archive.readReceipt(documentId), undefined);
    const target = { Bucket: bucket, Key: key };
    await server.client.send(new DeleteObjectCommand(target));
    const receipt = await archiveOne(archive, documentId);
    await assertWhole(bucket, receipt);
  });
}

for (const [what, text] of [
  ['no receipt', 'hello'],
  ['cut off', '{"documentId": "'],
] as const) {
  test(`A receipt that is ${what} is reported, and never overwritten`, requirement, async () => {
    const { bucket, archive, warnings } = await scene();
    const documentId = freshId();
    const key = `signed/${documentId}/receipt.json`;
    await put(bucket, key, Buffer.from(text));
    assert.equal(await archive.readReceipt(documentId), undefined);
    assert.equal(warnings.length, 1);
    await assert.rejects(archiveOne(archive, documentId), isRefusal(/receipt\.json is not valid/));
    assert.deepEqual(await server.keysIn(bucket), [key, 'signed/about.txt'].sort());
    assert.equal((await server.read(bucket, key)).toString(), text);
  });
}

test(
  'A receipt that appears in the middle of an attempt is not overwritten',
  requirement,
  async () => {
    const { bucket, archive } = await scene();
    const documentId = freshId();
    const attempt = await archive.begin(documentId);
    const receipt = await stage(attempt, documentId);
    const key = `signed/${documentId}/receipt.json`;
    await put(bucket, key, Buffer.from('not ours'));
    await assert.rejects(attempt.commit(receipt), isRefusal(/receipt\.json is not valid/));
    await attempt.discard();
    assert.equal((await server.read(bucket, key)).toString(), 'not ours');
  },
);

test(
  'A receipt whose PDF is gone, or has another length, counts as absent',
  requirement,
  async () => {
    const { bucket, archive } = await scene();
    for (const damage of ['gone', 'cut off']) {
      const documentId = freshId();
      await archiveOne(archive, documentId);
      const key = `signed/${documentId}/document.pdf`;
      if (damage === 'gone') {
        await server.client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
      } else {
        await put(bucket, key, pdfBytes(10));
      }
      assert.equal(await archive.readReceipt(documentId), undefined);
      await assert.rejects(
        archiveOne(archive, documentId),
        isRefusal(/document\.pdf is not there/),
      );
    }
  },
);

test('The receipt of another document is none of this one', requirement, async () => {
  const { bucket, archive } = await scene();
  const [documentId, other] = [freshId(), freshId()];
  await archiveOne(archive, other);
  for (const name of ['document.pdf', 'audit-log.pdf', 'receipt.json']) {
    const content = await server.read(bucket, `signed/${other}/${name}`);
    await put(bucket, `signed/${documentId}/${name}`, content);
  }
  assert.equal(await archive.readReceipt(documentId), undefined);
  await assert.rejects(archive.begin(documentId), isRefusal(new RegExp(`receipt of ${other}`)));
});

test('IDs that are none are refused before S3 is asked', requirement, async () => {
  const { bucket, archive } = await scene();
  for (const id of ['', '.', '..', '../x', 'a/b', 'about.txt', 'quarantine', 'Quarantine']) {
    const isInvalidId = { type: FAILURE_TYPES.invalidId, nonRetryable: true };
    await assert.rejects(archive.readReceipt(id), isInvalidId, id);
    await assert.rejects(archive.begin(id), isInvalidId, id);
  }
  assert.deepEqual(await server.keysIn(bucket), []);
});

test(
  'A quarantined file lies beside the documents with a note why, repeatedly',
  requirement,
  async () => {
    const { bucket, archive } = await scene();
    const documentId = freshId();
    const content = pdfBytes(2_000, 'wrong');
    const note = {
      reason: 'wrong hash',
      expected: 'a'.repeat(64),
      quarantinedAt: new Date().toISOString(),
      workflow: { workflowId: 'w', firstExecutionRunId: 'r' },
    };
    const name = `signed/quarantine/${documentId}/document-${sha256(content)}`;
    for (const reason of ['wrong hash', 'wrong hash, again']) {
      const attempt = await archive.begin(documentId);
      const file = await attempt.writeFile('document.pdf', pieces(content));
      assert.equal(
        await attempt.quarantine(file, { ...note, reason }),
        `s3://${bucket}/${name}.pdf`,
      );
      await attempt.discard();
      assert.ok(content.equals(await server.read(bucket, `${name}.pdf`)));
      const stored = JSON.parse((await server.read(bucket, `${name}.json`)).toString()) as unknown;
      assert.deepEqual(stored, { documentId, ...note, file });
    }
    assert.equal(await archive.readReceipt(documentId), undefined);
  },
);

test('A file longer than allowed is refused for good', requirement, async () => {
  const { archive } = await scene();
  const attempt = await archive.begin(freshId());
  await assert.rejects(
    attempt.writeFile('document.pdf', pieces(pdfBytes(2_000)), { maxBytes: 1_999 }),
    { type: FAILURE_TYPES.requestRefused, nonRetryable: true },
  );
  await attempt.discard();
});

test(
  'A large PDF goes in parts, each checked, and is overwritten no more than a small one',
  requirement,
  async () => {
    const { bucket, archive } = await scene();
    const documentId = freshId();
    const pdf = pdfBytes(20 * MEGABYTE + 1);
    const results = await Promise.all([
      archiveOne(archive, documentId, { pdf }),
      archiveOne(archive, documentId, { pdf }),
    ]);
    assert.deepEqual(results[0], results[1]);
    await assertWhole(bucket, results[0]);
    const key = `signed/${documentId}/document.pdf`;
    const { ChecksumSHA256 = '', ChecksumType, ETag } = await head(bucket, key);
    assert.equal(ChecksumType, 'COMPOSITE');
    assert.match(ChecksumSHA256, /-3$/);
    const foreignId = freshId();
    await put(bucket, `signed/${foreignId}/document.pdf`, pdfBytes(100));
    await assert.rejects(archiveOne(archive, foreignId, { pdf }), isRefusal(/is there already/));
    assert.equal((await server.read(bucket, `signed/${foreignId}/document.pdf`)).length, 100);
    assert.deepEqual(await archiveOne(archive, documentId, { pdf }), results[0]);
    assert.equal((await head(bucket, key)).ETag, ETag);
  },
);

for (const [what, encryption, expected] of [
  ['the server’s own key', { kind: 'AES256' }, { ServerSideEncryption: 'AES256' }],
  [
    'a named key',
    { kind: 'aws:kms', keyId: 'test-key' },
    { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'arn:aws:kms:test-key' },
  ],
] as const) {
  test(`Every object is encrypted with ${what} where that is asked for`, requirement, async () => {
    const { bucket, archive } = await scene({ encryption });
    const documentId = freshId();
    const receipt = await archiveOne(archive, documentId, { pdf: pdfBytes(9 * MEGABYTE) });
    const keys = await server.keysIn(bucket);
    assert.equal(keys.length, 4);
    for (const key of keys) {
      const { ServerSideEncryption, SSEKMSKeyId } = await head(bucket, key);
      const found = { ServerSideEncryption, ...(SSEKMSKeyId !== undefined && { SSEKMSKeyId }) };
      assert.deepEqual(found, expected, key);
    }
    await assertWhole(bucket, receipt);
  });
}

for (const mode of ['GOVERNANCE', 'COMPLIANCE'] as const) {
  test(
    `What is archived under ${mode} lock cannot be deleted until then`,
    requirement,
    async () => {
      const objectLock = { mode, days: 10 };
      const { bucket, archive } = await scene({ objectLock }, { isLockable: true });
      const documentId = freshId();
      const startedAt = Date.now();
      const receipt = await archiveOne(archive, documentId, { pdf: pdfBytes(9 * MEGABYTE) });
      for (const name of ['document.pdf', 'audit-log.pdf', 'receipt.json']) {
        const target = { Bucket: bucket, Key: `signed/${documentId}/${name}` };
        const { Retention } = await server.client.send(new GetObjectRetentionCommand(target));
        assert.equal(Retention?.Mode, mode);
        const keptMs = (Retention.RetainUntilDate?.getTime() ?? 0) - startedAt;
        assert.ok(Math.abs(keptMs - 10 * 24 * 3_600_000) < 60_000, String(keptMs));
        const { VersionId } = await head(bucket, target.Key);
        const deletion = new DeleteObjectCommand({ ...target, VersionId });
        await assert.rejects(
          server.client.send(deletion),
          /WORM|locked|AccessDenied|Access Denied/,
        );
      }
      assert.deepEqual(await archive.readReceipt(documentId), receipt);
    },
  );
}
