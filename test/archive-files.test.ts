import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import type { RequestListener, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createArchiveFiles } from '../activities/archive-files.js';
import type {
  ArchiveFiles,
  ArchiveFilesDependencies,
  ArchiveFilesInput,
} from '../activities/archive-files.js';
import type { ArchiveAttempt } from '../activities/archive/archive.js';
import { createFileArchive } from '../activities/archive/file-archive.js';
import { createProviderClient } from '../provider/provider-client.js';
import type { ArchiveReceipt } from '../workflows/contract.js';
import { freshId, pdfBytes, startStage } from './support/provider-stage.js';
import { signedDocument } from './support/signed-document.js';

interface Scene {
  readonly root: string;
  readonly activity: ArchiveFiles;
  readonly run: ArchiveFiles;
}

async function scene(
  t: TestContext,
  listener: RequestListener,
  options: Partial<ArchiveFilesDependencies> = {},
): Promise<Scene> {
  const root = await mkdtemp(join(tmpdir(), 'countersign-activity-'));
  const stage = await startStage(listener);
  const apiUrl = `${stage.origin}/api/v1`;
  const provider = createProviderClient({ apiUrl, apiKey: 'a:b', timeoutMs: 5_000 });
  t.after(async () => {
    provider.close();
    await stage.close();
    await rm(root, { recursive: true });
  });
  const activity = createArchiveFiles({
    provider,
    archive: createFileArchive(root),
    ...options,
  });
  return { root, activity, run: (input) => new MockActivityEnvironment().run(activity, input) };
}

function isFailure(expected: Partial<ApplicationFailure>): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ApplicationFailure, String(error));
    for (const [field, value] of Object.entries(expected)) {
      assert.deepEqual(
        error[field as keyof ApplicationFailure],
        value,
        `${field} of ${error.message}`,
      );
    }
    return true;
  };
}

function inputOf(documentId: string, providerHash: string): ArchiveFilesInput {
  const change = {
    subject: 'document',
    id: documentId,
    status: 'signed',
    number: 30,
    at: '2026-01-01T00:00:00Z',
    sources: ['batch'],
  } as const;
  const workflow = { workflowId: `document:${documentId}`, firstExecutionRunId: 'run-1' };
  return { documentId, providerHash, changes: [change], workflow };
}

test('PDF and audit log are archived with a receipt, and progress is told', async (t) => {
  const document = signedDocument();
  const { root, activity } = await scene(t, document.listener);
  const environment = new MockActivityEnvironment();
  const phases: string[] = [];
  environment.on('heartbeat', (progress: { phase: string }) => phases.push(progress.phase));
  const input = inputOf(document.documentId, document.hash);
  const receipt: ArchiveReceipt = await environment.run(activity, input);
  assert.deepEqual(phases, ['document', 'auditLog', 'commit']);
  assert.equal(receipt.providerHash, document.hash);
  assert.deepEqual(receipt.changes, input.changes);
  assert.deepEqual(receipt.workflow, input.workflow);
  const folder = join(root, document.documentId);
  assert.ok(document.pdf.equals(readFileSync(join(folder, 'document.pdf'))));
  assert.ok(document.auditLog.equals(readFileSync(join(folder, 'audit-log.pdf'))));
  assert.deepEqual(JSON.parse(readFileSync(join(folder, 'receipt.json'), 'utf8')), receipt);
});

test('A document that has its receipt is not downloaded again', async (t) => {
  const document = signedDocument();
  const { run } = await scene(t, document.listener);
  const input = inputOf(document.documentId, document.hash);
  const receipt = await run(input);
  const before = document.asked.length;
  assert.deepEqual(await run(input), receipt);
  assert.equal(document.asked.length, before);
});

test('Two executions at once both succeed with the same receipt', async (t) => {
  const document = signedDocument();
  const { run } = await scene(t, document.listener);
  const input = inputOf(document.documentId, document.hash);
  const [first, second] = await Promise.all([run(input), run(input)]);
  assert.deepEqual(first, second);
});

test('An execution overtaken by another gives the receipt of the one that came first', async (t) => {
  const document = signedDocument();
  const input = inputOf(document.documentId, document.hash);
  let overtaking: Promise<ArchiveReceipt> | undefined;
  const { root, run } = await scene(t, (request, response) => {
    const isFirst = request.url?.includes('auditlog') === true && overtaking === undefined;
    if (!isFirst) {
      document.listener(request, response);
      return;
    }
    overtaking = run(input);
    void overtaking.then(() => {
      document.listener(request, response);
    });
  });
  const overtaken = await run(input);
  assert.deepEqual(overtaken, await overtaking);
  assert.deepEqual(readdirSync(join(root, '.staging')), []);
});

test('A damaged download is downloaded again', async (t) => {
  const document = signedDocument();
  let downloads = 0;
  const { run } = await scene(t, (request, response) => {
    if (request.url?.includes('/pdf/') === true && ++downloads < 3) {
      response.end(pdfBytes(10, String(downloads)));
    } else {
      document.listener(request, response);
    }
  });
  const receipt = await run(inputOf(document.documentId, document.hash));
  assert.equal(receipt.files[0]?.sha256, document.hash);
  assert.equal(downloads, 3);
});

test('A hash that never matches is quarantined, and never archived', async (t) => {
  const document = signedDocument();
  const { root, run } = await scene(t, document.listener, { downloadAttempts: 2 });
  const expected = 'a'.repeat(64);
  await assert.rejects(
    run(inputOf(document.documentId, expected)),
    isFailure({
      type: 'IntegrityFailed',
      nonRetryable: true,
      details: [{ expected, actual: document.hash, bytes: document.pdf.length }],
    }),
  );
  assert.equal(document.asked.length, 2);
  assert.equal(existsSync(join(root, document.documentId)), false);
  assert.deepEqual(readdirSync(join(root, 'quarantine', document.documentId)).sort(), [
    `document-${document.hash}.json`,
    `document-${document.hash}.pdf`,
  ]);
  assert.deepEqual(readdirSync(join(root, '.staging')), []);
});

test('After the cause of a wrong hash is mended, the next execution archives', async (t) => {
  const document = signedDocument();
  const { run } = await scene(t, document.listener, { downloadAttempts: 1 });
  await assert.rejects(run(inputOf(document.documentId, 'a'.repeat(64))));
  const receipt = await run(inputOf(document.documentId, document.hash));
  assert.equal(receipt.providerHash, document.hash);
});

const fourHoursMs = 4 * 60 * 60_000;
const answers: readonly (readonly [string, RequestListener, Partial<ApplicationFailure>])[] = [
  [
    'being de-archived',
    (_request, response) => response.writeHead(201).end(),
    { type: 'DeArchiving', nonRetryable: false, nextRetryDelay: fourHoursMs },
  ],
  [
    'not there',
    (_request, response) => response.writeHead(404).end(),
    { type: 'NotFinalYet', nonRetryable: false },
  ],
  ['empty', (_request, response) => response.end(), { type: 'NotFinalYet', nonRetryable: false }],
  [
    'a page',
    (_request, response) => response.end('<html>wait</html>'),
    { type: 'NotFinalYet', nonRetryable: false },
  ],
  [
    'throttled',
    (_request, response) => response.writeHead(429, { 'retry-after': '77' }).end(),
    { type: 'Throttled', nonRetryable: false, nextRetryDelay: 77_000 },
  ],
  [
    'refused for the key',
    (_request, response) => response.writeHead(401).end(),
    { type: 'CredentialsRefused', nonRetryable: false, nextRetryDelay: 300_000 },
  ],
  [
    'refused',
    (_request, response) => response.writeHead(400).end(),
    { type: 'RequestRefused', nonRetryable: true },
  ],
  [
    'failing',
    (_request, response) => response.writeHead(500).end(),
    { type: 'Unavailable', nonRetryable: false },
  ],
  [
    'cut off',
    (request, response) => {
      response.writeHead(200, { 'content-length': 1_000 }).write(pdfBytes(100));
      setImmediate(() => request.socket.destroy());
    },
    { type: 'Unavailable', nonRetryable: false },
  ],
];
for (const [what, listener, failure] of answers) {
  test(`A PDF that is ${what} fails as ${String(failure.type)}, and leaves nothing`, async (t) => {
    const { root, run } = await scene(t, listener);
    await assert.rejects(run(inputOf(freshId(), 'a'.repeat(64))), isFailure(failure));
    assert.deepEqual(readdirSync(join(root, '.staging')), []);
  });
}

test('What readers skip before the first line of a PDF keeps it out of no archive', async (t) => {
  const { documentId, auditLog } = signedDocument();
  const pdf = Buffer.concat([Buffer.from('\ufeff\r\n'), pdfBytes(5_000)]);
  const { root, run } = await scene(t, (request, response) => {
    if (request.url?.includes('auditlog') === true) response.end(auditLog);
    // The first piece tells nothing yet.
    else response.write(pdf.subarray(0, 4), () => response.end(pdf.subarray(4)));
  });
  await run(inputOf(documentId, createHash('sha256').update(pdf).digest('hex')));
  assert.ok(pdf.equals(readFileSync(join(root, documentId, 'document.pdf'))));
});

test('An audit log that does not exist yet is awaited', async (t) => {
  const document = signedDocument();
  const { root, run } = await scene(t, (request, response) => {
    if (request.url?.includes('auditlog') === true) response.writeHead(404).end();
    else document.listener(request, response);
  });
  const input = inputOf(document.documentId, document.hash);
  await assert.rejects(run(input), isFailure({ type: 'NotFinalYet', nonRetryable: false }));
  assert.equal(existsSync(join(root, document.documentId)), false);
});

/** Ends with its connection: without a length, and not in chunks. */
function untilClosed(response: ServerResponse, body: Buffer | string): void {
  response.useChunkedEncodingByDefault = false;
  response.writeHead(200, { connection: 'close' }).end(body);
}

test('An audit log that ends with its connection is archived only with its last line', async (t) => {
  const document = signedDocument();
  const auditLog = '%PDF-1.7\nwho signed when\n%%EOF\n';
  let served = auditLog.slice(0, 20);
  const { root, run } = await scene(t, (request, response) => {
    if (request.url?.includes('auditlog') === true) untilClosed(response, served);
    else document.listener(request, response);
  });
  const input = inputOf(document.documentId, document.hash);
  await assert.rejects(run(input), isFailure({ type: 'Unavailable', nonRetryable: false }));
  assert.equal(existsSync(join(root, document.documentId)), false);
  served = auditLog;
  await run(input);
  const archived = readFileSync(join(root, document.documentId, 'audit-log.pdf'), 'utf8');
  assert.equal(archived, auditLog);
});

test('A file over the limit is refused for good', async (t) => {
  const document = signedDocument();
  const { run } = await scene(t, document.listener, { maxFileBytes: 1_000 });
  const input = inputOf(document.documentId, document.hash);
  await assert.rejects(run(input), isFailure({ type: 'RequestRefused', nonRetryable: true }));
});

test(
  'A download that could not be written anywhere closes its connection',
  { timeout: 10_000 },
  async (t) => {
    const document = signedDocument(5_000_000);
    let closed: Promise<unknown> = Promise.resolve();
    const full: ArchiveAttempt = {
      writeFile: () => Promise.reject(Object.assign(new Error('read-only'), { code: 'EROFS' })),
      commit: () => assert.fail('nothing was written'),
      quarantine: () => assert.fail('nothing was written'),
      discard: () => Promise.resolve(),
    };
    const { run } = await scene(
      t,
      (request, response) => {
        closed = once(response, 'close');
        document.listener(request, response);
      },
      { archive: { ...createFileArchive('nowhere'), begin: () => Promise.resolve(full) } },
    );
    const input = inputOf(document.documentId, document.hash);
    await assert.rejects(run(input), isFailure({ type: 'Unavailable', nonRetryable: false }));
    await closed;
  },
);

test('An ID that is none, and a hash that is none, are refused for good', async (t) => {
  const { run } = await scene(t, signedDocument().listener);
  await assert.rejects(
    run(inputOf('../x', 'a'.repeat(64))),
    isFailure({ type: 'InvalidId', nonRetryable: true }),
  );
  await assert.rejects(
    run(inputOf(freshId(), 'not a hash')),
    isFailure({ type: 'RequestRefused', nonRetryable: true }),
  );
});

test('Cancelling in the middle of a download cancels the activity, and leaves nothing', async (t) => {
  const environment = new MockActivityEnvironment();
  const { root, activity } = await scene(t, (_request, response) => {
    response.writeHead(200).write(pdfBytes(10_000), () => {
      environment.cancel();
    });
  });
  await assert.rejects(
    environment.run(activity, inputOf(freshId(), 'a'.repeat(64))),
    (error: unknown) => error instanceof CancelledFailure,
  );
  assert.deepEqual(readdirSync(join(root, '.staging')), []);
});
