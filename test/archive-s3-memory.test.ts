import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createArchiveFiles } from '../activities/archive-files.js';
import { openArchive } from '../activities/archive/open-archive.js';
import { createProviderClient } from '../provider/provider-client.js';
import type { ArchiveReceipt } from '../workflows/contract.js';
import { startStage } from './support/provider-stage.js';
import { requireS3Server, startS3Server, useS3Credentials } from './support/s3-server.js';
import { signedDocument } from './support/signed-document.js';

const MEGABYTE = 1024 * 1024;
const CHUNK = Buffer.alloc(MEGABYTE, '%PDF-1.7 countersign ');
const SAMPLE_MS = 5;

const requirement = await requireS3Server();

function* largePdf(megabytes: number): Generator<Buffer> {
  for (let sent = 0; sent < megabytes; sent += 1) yield CHUNK;
}

function hashOf(megabytes: number): string {
  const hash = createHash('sha256');
  for (const chunk of largePdf(megabytes)) hash.update(chunk);
  return hash.digest('hex');
}

test('A PDF of 240 MB takes hardly more memory than one of 60 MB', requirement, async (t) => {
  const server = await startS3Server();
  t.after(() => server.close());
  useS3Credentials();
  const bucket = await server.createBucket();
  const archive = openArchive(`s3://${bucket}/signed`, { s3: { endpoint: server.endpoint } });
  /** How large the process was at most, in MB. */
  const archiveOne = async (megabytes: number): Promise<number> => {
    const document = signedDocument();
    const stage = await startStage((request, response) => {
      if (request.url?.includes('/pdf/') === true) {
        Readable.from(largePdf(megabytes)).pipe(response);
      } else {
        document.listener(request, response);
      }
    });
    const apiUrl = `${stage.origin}/api/v1`;
    const provider = createProviderClient({ apiUrl, apiKey: 'a:b', timeoutMs: 30_000 });
    const activity = createArchiveFiles({ provider, archive });
    const { documentId } = document;
    const workflow = { workflowId: `document:${documentId}`, firstExecutionRunId: 'run' };
    const input = { documentId, providerHash: hashOf(megabytes), changes: [], workflow };
    let most = 0;
    const sampling = setInterval(() => {
      most = Math.max(most, process.memoryUsage.rss());
    }, SAMPLE_MS);
    try {
      const receipt: ArchiveReceipt = await new MockActivityEnvironment().run(activity, input);
      assert.equal(receipt.files[0]?.bytes, megabytes * MEGABYTE);
      return Math.round(most / MEGABYTE);
    } finally {
      clearInterval(sampling);
      provider.close();
      await stage.close();
    }
  };
  await archiveOne(1);
  const [less, more] = [await archiveOne(60), await archiveOne(240)];
  t.diagnostic(`at most ${less} MB for 60 MB, ${more} MB for 240 MB`);
  assert.ok(more - less < 60, `${more - less} MB more for 180 MB more`);
});
