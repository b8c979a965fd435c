import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import {
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { openArchive } from '../activities/archive/open-archive.js';
import type { Archive } from '../activities/archive/archive.js';
import { FAILURE_TYPES, type ArchiveReceipt } from '../workflows/contract.js';
import { freshId, pdfBytes } from './support/provider-stage.js';
import { openS3ServerForFile } from './support/s3-server.js';

const ERASED_AT = '2030-01-31T12:00:00.000Z';

const { requirement, server } = await openS3ServerForFile();

function archiveIn(bucket: string, endpoint = server.endpoint, isLocked = false): Archive {
  const objectLock = isLocked ? ({ mode: 'GOVERNANCE', days: 1 } as const) : undefined;
  return openArchive(`s3://${bucket}/signed`, { s3: { endpoint, objectLock } });
}

async function* piece(content: Buffer): AsyncGenerator<Buffer> {
  yield await Promise.resolve(content);
}

/** An attempt that has all but committed. */
async function attemptAt(
  archive: Archive,
  documentId: string,
): Promise<() => Promise<ArchiveReceipt>> {
  const attempt = await archive.begin(documentId);
  const document = await attempt.writeFile('document.pdf', piece(pdfBytes(5_000)));
  const log = await attempt.writeFile('audit-log.pdf', piece(pdfBytes(3_000, 'log')));
  return async () => {
    const receipt = await attempt.commit({
      documentId,
      archivedAt: new Date().toISOString(),
      files: [document, log],
      providerHash: document.sha256,
      changes: [],
      workflow: { workflowId: `document:${documentId}`, firstExecutionRunId: freshId() },
    });
    await attempt.discard();
    return receipt;
  };
}

/** An archived document with something under quarantine. */
async function archived(archive: Archive, bucket: string): Promise<ArchiveReceipt> {
  const documentId = freshId();
  const receipt = await (await attemptAt(archive, documentId))();
  await put(bucket, `signed/quarantine/${documentId}/document-0.pdf`);
  return receipt;
}

function put(bucket: string, key: string): Promise<unknown> {
  return server.client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: 'x' }));
}

async function versionsIn(bucket: string, documentId: string): Promise<string[]> {
  const { Versions = [], DeleteMarkers = [] } = await server.client.send(
    new ListObjectVersionsCommand({ Bucket: bucket }),
  );
  const keys = [...Versions, ...DeleteMarkers].map(({ Key = '' }) => Key);
  return keys.filter((key) => key.includes(documentId));
}

for (const isVersioned of [false, true]) {
  const kind = isVersioned ? 'with versions' : 'without versions';
  test(`a document is erased from a bucket ${kind}; its tombstone stays`, requirement, async () => {
    const bucket = await server.createBucket();
    const VersioningConfiguration = { Status: 'Enabled' } as const;
    const versioning = { Bucket: bucket, VersioningConfiguration };
    if (isVersioned) await server.client.send(new PutBucketVersioningCommand(versioning));
    const archive = archiveIn(bucket);
    const receipt = await archived(archive, bucket);
    const other = await archived(archive, bucket);
    const { documentId } = receipt;
    // Somebody wrote over it: an older version lies beneath.
    await put(bucket, `signed/${documentId}/audit-log.pdf`);
    assert.equal((await archive.listErasable(documentId)).length, 3);

    const tombstone = { ...receipt, erasedAt: ERASED_AT };
    await archive.erase(documentId, tombstone);
    assert.deepEqual(await versionsIn(bucket, documentId), [`signed/${documentId}/receipt.json`]);
    assert.deepEqual(await archive.readReceipt(documentId), tombstone);
    assert.deepEqual(await archive.listErasable(documentId), []);

    await archive.erase(documentId, tombstone);
    assert.deepEqual(await versionsIn(bucket, documentId), [`signed/${documentId}/receipt.json`]);
    assert.deepEqual(await archive.readReceipt(other.documentId), other);
  });
}

test('what an object lock holds is not erased, and nothing else is', requirement, async () => {
  const bucket = await server.createBucket({ isLockable: true });
  const archive = archiveIn(bucket, server.endpoint, true);
  const receipt = await archived(archive, bucket);
  const before = await versionsIn(bucket, receipt.documentId);
  await assert.rejects(archive.erase(receipt.documentId, { ...receipt, erasedAt: ERASED_AT }), {
    type: FAILURE_TYPES.requestRefused,
    message: /nothing was erased: .* is locked until \d{4}-/,
  });
  assert.deepEqual(await versionsIn(bucket, receipt.documentId), before);
  assert.deepEqual(await archive.readReceipt(receipt.documentId), receipt);
});

/** Passes everything on to the server, but refuses the first deletions, or all after some. */
async function openDenying(
  isDenied: (deletions: number) => boolean,
): Promise<{ endpoint: string; close: () => void }> {
  let deletions = 0;
  const proxy = createServer((incoming, answer) => {
    if (incoming.method === 'DELETE' && isDenied((deletions += 1))) {
      answer.writeHead(403, { 'content-type': 'application/xml' });
      answer.end('<Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>');
      return;
    }
    const { method, url = '', headers } = incoming;
    const onward = request(new URL(url, server.endpoint), { method, headers }, (from) => {
      answer.writeHead(from.statusCode ?? 502, from.headers);
      from.pipe(answer);
    });
    incoming.pipe(onward);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    close: () => {
      proxy.close();
      proxy.closeAllConnections();
    },
  };
}

test(
  'without the right to delete nothing changes, and the right is named',
  requirement,
  async () => {
    const denying = await openDenying(() => true);
    try {
      const bucket = await server.createBucket();
      const archive = archiveIn(bucket, denying.endpoint);
      const receipt = await archived(archive, bucket);
      await assert.rejects(archive.erase(receipt.documentId, { ...receipt, erasedAt: ERASED_AT }), {
        type: FAILURE_TYPES.requestRefused,
        message: /s3:DeleteObjectVersion/,
      });
      assert.deepEqual(await archive.readReceipt(receipt.documentId), receipt);
    } finally {
      denying.close();
    }
  },
);

test('an erasure that broke off after its tombstone is gone on with', requirement, async () => {
  // One to try out the right, one object; then it breaks off.
  const denying = await openDenying((deletions) => deletions === 3);
  try {
    const bucket = await server.createBucket();
    const archive = archiveIn(bucket, denying.endpoint);
    const receipt = await archived(archive, bucket);
    const tombstone = { ...receipt, erasedAt: ERASED_AT };
    await assert.rejects(archive.erase(receipt.documentId, tombstone), /Access Denied/);
    assert.deepEqual(await archive.readReceipt(receipt.documentId), tombstone);
    assert.equal((await archive.listErasable(receipt.documentId)).length, 2);
    await archive.erase(receipt.documentId, tombstone);
    const left = await versionsIn(bucket, receipt.documentId);
    assert.deepEqual(left, [`signed/${receipt.documentId}/receipt.json`]);
  } finally {
    denying.close();
  }
});

test(
  'an attempt that wakes up after the erasure puts nothing beside the tombstone',
  requirement,
  async () => {
    const bucket = await server.createBucket();
    const archive = archiveIn(bucket);
    const documentId = freshId();
    const late = await attemptAt(archive, documentId);
    const receipt = await (await attemptAt(archive, documentId))();
    const tombstone = { ...receipt, erasedAt: ERASED_AT };
    await archive.erase(documentId, tombstone);
    assert.deepEqual(await late(), tombstone);
    assert.deepEqual(await versionsIn(bucket, documentId), [`signed/${documentId}/receipt.json`]);
  },
);
