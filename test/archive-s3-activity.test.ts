import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { PDFDocument } from 'pdf-lib';
import {
  createArchiveFiles,
  type ArchiveFiles,
  type ArchiveFilesDependencies,
  type ArchiveFilesInput,
} from '../activities/archive-files.js';
import type { Archive } from '../activities/archive/archive.js';
import { openArchive } from '../activities/archive/open-archive.js';
import { createProviderClient } from '../provider/provider-client.js';
import type { ArchiveReceipt } from '../workflows/contract.js';
import { pdfBytes, freshId, startStage } from './support/provider-stage.js';
import { openS3ServerForFile } from './support/s3-server.js';
import { startTestSandbox } from './support/sandbox-stage.js';
import { signedDocument } from './support/signed-document.js';

const { requirement, server } = await openS3ServerForFile();
const spoolFolder = await mkdtemp(join(tmpdir(), 'countersign-spool-'));

before(() => {
  process.env['TMPDIR'] = spoolFolder;
});

after(() => rm(spoolFolder, { recursive: true }));

interface Scene {
  readonly bucket: string;
  readonly archive: Archive;
  readonly activity: ArchiveFiles;
  readonly run: ArchiveFiles;
}

async function scene(
  t: TestContext,
  apiUrl: string,
  options: Partial<ArchiveFilesDependencies> = {},
): Promise<Scene> {
  const bucket = await server.createBucket();
  const archive = openArchive(`s3://${bucket}/signed`, { s3: { endpoint: server.endpoint } });
  const provider = createProviderClient({ apiUrl, apiKey: 'a:b', timeoutMs: 5_000 });
  t.after(() => {
    provider.close();
  });
  const activity = createArchiveFiles({ provider, archive, ...options });
  const run: ArchiveFiles = (input) => new MockActivityEnvironment().run(activity, input);
  return { bucket, archive, activity, run };
}

function inputOf(documentId: string, providerHash: string): ArchiveFilesInput {
  const workflow = { workflowId: `document:${documentId}`, firstExecutionRunId: 'run-1' };
  return { documentId, providerHash, changes: [], workflow };
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

test(
  'A document signed in the sandbox is archived whole, as the PDF that it is',
  requirement,
  async (t) => {
    const sandbox = await startTestSandbox(t);
    const { id } = sandbox.createDocument();
    await sandbox.completeDocument(id);
    await sandbox.idle();
    const hash = sandbox.document(id).hash ?? assert.fail('not final');
    const { bucket, archive, activity } = await scene(t, sandbox.apiUrl);
    const environment = new MockActivityEnvironment();
    const phases: string[] = [];
    environment.on('heartbeat', (progress: { phase: string }) => phases.push(progress.phase));
    const receipt: ArchiveReceipt = await environment.run(activity, inputOf(id, hash));
    assert.deepEqual(phases, ['document', 'auditLog', 'commit']);
    assert.equal(receipt.providerHash, hash);
    assert.equal(receipt.files.length, 2);
    for (const file of receipt.files) {
      const content = await server.read(bucket, `signed/${id}/${file.name}`);
      assert.equal(sha256(content), file.sha256);
      assert.ok((await PDFDocument.load(content)).getPageCount() > 0);
    }
    assert.equal(receipt.files[0]?.sha256, hash);
    assert.deepEqual(await archive.readReceipt(id), receipt);
    const stored = await server.read(bucket, `signed/${id}/receipt.json`);
    assert.deepEqual(JSON.parse(stored.toString()), receipt);
    assert.deepEqual(await readdir(spoolFolder), []);
  },
);

test('A document that has its receipt is not downloaded again', requirement, async (t) => {
  const document = signedDocument();
  const stage = await startStage(document.listener);
  t.after(() => stage.close());
  const { run } = await scene(t, `${stage.origin}/api/v1`);
  const input = inputOf(document.documentId, document.hash);
  const receipt = await run(input);
  const before = document.asked.length;
  assert.deepEqual(await run(input), receipt);
  assert.equal(document.asked.length, before);
});

test('Two executions at once both succeed with the same receipt', requirement, async (t) => {
  const document = signedDocument();
  const stage = await startStage(document.listener);
  t.after(() => stage.close());
  const { run } = await scene(t, `${stage.origin}/api/v1`);
  const input = inputOf(document.documentId, document.hash);
  const [first, second] = await Promise.all([run(input), run(input)]);
  assert.deepEqual(first, second);
});

test(
  'A hash that never matches is quarantined; once mended, the document is archived',
  requirement,
  async (t) => {
    const document = signedDocument();
    const stage = await startStage(document.listener);
    t.after(() => stage.close());
    const { bucket, run } = await scene(t, `${stage.origin}/api/v1`, { downloadAttempts: 2 });
    const { documentId, hash, pdf } = document;
    const expected = 'a'.repeat(64);
    await assert.rejects(run(inputOf(documentId, expected)), (error: unknown) => {
      assert.ok(error instanceof ApplicationFailure);
      assert.equal(error.type, 'IntegrityFailed');
      assert.equal(error.nonRetryable, true);
      assert.match(error.message, new RegExp(`s3://${bucket}/signed/quarantine/${documentId}/`));
      assert.deepEqual(error.details, [{ expected, actual: hash, bytes: pdf.length }]);
      return true;
    });
    assert.equal(document.asked.length, 2);
    const name = `signed/quarantine/${documentId}/document-${hash}`;
    const keys = ['signed/about.txt', `${name}.json`, `${name}.pdf`];
    assert.deepEqual(await server.keysIn(bucket), keys);
    assert.ok(pdf.equals(await server.read(bucket, `${name}.pdf`)));
    assert.deepEqual(await readdir(spoolFolder), []);
    assert.equal((await run(inputOf(documentId, hash))).providerHash, hash);
  },
);

test(
  'Cancelling in the middle of a download leaves nothing in S3 and nothing on disk',
  requirement,
  async (t) => {
    const environment = new MockActivityEnvironment();
    const stage = await startStage((_request, response) => {
      response.writeHead(200).write(pdfBytes(10_000), () => {
        environment.cancel();
      });
    });
    t.after(() => stage.close());
    const { bucket, activity } = await scene(t, `${stage.origin}/api/v1`);
    await assert.rejects(
      environment.run(activity, inputOf(freshId(), 'a'.repeat(64))),
      (error: unknown) => error instanceof CancelledFailure,
    );
    assert.deepEqual(await server.keysIn(bucket), ['signed/about.txt']);
    assert.deepEqual(await readdir(spoolFolder), []);
  },
);
