import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createArchiveFiles } from '../activities/archive-files.js';
import { createFileArchive } from '../activities/archive/file-archive.js';
import { createProviderClient } from '../provider/provider-client.js';
import type { ArchiveReceipt } from '../workflows/contract.js';
import { beforeFileOperations } from './support/file-operations.js';
import { startStage, type StageServer } from './support/provider-stage.js';
import { signedDocument, type SignedDocument } from './support/signed-document.js';

/** The length to which a test cuts a receipt off: what a crash of other software leaves. */
const CUT_BYTES = 40;

const FILES = ['audit-log.pdf', 'document.pdf', 'receipt.json'];

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'countersign-crash-'));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

/** Either no receipt, or every file it names is there byte by byte. */
function assertWholeOrAbsent(root: string, documentId: string): void {
  const receiptPath = join(root, documentId, 'receipt.json');
  if (!existsSync(receiptPath) || readFileSync(receiptPath).length === CUT_BYTES) return;
  const receipt = JSON.parse(readFileSync(receiptPath, 'utf8')) as ArchiveReceipt;
  assert.equal(receipt.files.length, 2);
  for (const { name, sha256 } of receipt.files) {
    const content = readFileSync(join(root, documentId, name));
    assert.equal(createHash('sha256').update(content).digest('hex'), sha256, name);
  }
}

function assertArchived(root: string, { documentId }: SignedDocument): void {
  assertWholeOrAbsent(root, documentId);
  assert.deepEqual(readdirSync(join(root, documentId)).sort(), FILES);
  const left = existsSync(join(root, '.staging')) ? readdirSync(join(root, '.staging')) : [];
  assert.deepEqual(left, []);
}

async function archiveInto(
  root: string,
  document: SignedDocument,
  stage: StageServer,
): Promise<ArchiveReceipt> {
  const apiUrl = `${stage.origin}/api/v1`;
  const provider = createProviderClient({ apiUrl, apiKey: 'a:b', timeoutMs: 5_000 });
  const activity = createArchiveFiles({ provider, archive: createFileArchive(root) });
  const { documentId, hash } = document;
  const workflow = { workflowId: `document:${documentId}`, firstExecutionRunId: 'run' };
  const input = { documentId, providerHash: hash, changes: [], workflow };
  try {
    const receipt: ArchiveReceipt = await new MockActivityEnvironment().run(activity, input);
    return receipt;
  } finally {
    provider.close();
  }
}

let beforeOperation: ((name: string) => void) | undefined;

test('A crash before any operation of the file system leaves nothing half, and is made good', async (t) => {
  await beforeFileOperations((name) => beforeOperation?.(name));
  const work = await folder(t);
  const fresh = signedDocument();
  const damaged = signedDocument();
  for (const document of [fresh, damaged]) {
    const stage = await startStage(document.listener);
    t.after(() => stage.close());
    const root = join(work, document.documentId, 'archive');
    if (document === damaged) {
      await archiveInto(root, document, stage);
      await truncate(join(root, document.documentId, 'receipt.json'), CUT_BYTES);
    }
    const operations: string[] = [];
    const crashSite = (index: number): string => join(work, document.documentId, `crash-${index}`);
    beforeOperation = (name) => {
      assertWholeOrAbsent(root, document.documentId);
      operations.push(name);
      if (existsSync(root)) cpSync(root, crashSite(operations.length), { recursive: true });
    };
    await archiveInto(root, document, stage);
    beforeOperation = undefined;
    assertArchived(root, document);
    assert.ok(operations.filter((name) => name === 'sync').length >= 6, operations.join(' '));
    for (const index of operations.keys()) {
      const site = crashSite(index + 1);
      const receipt = await archiveInto(site, document, stage);
      assert.equal(receipt.providerHash, document.hash);
      assertArchived(site, document);
    }
  }
});

const CHILD = fileURLToPath(new URL('support/archive-child.ts', import.meta.url));

interface ChildEnd {
  readonly signal: string | null;
  readonly output: string;
}

async function runChild(...parameters: readonly string[]): Promise<ChildEnd> {
  const child = spawn(process.execPath, ['--import', 'tsx', CHILD, ...parameters], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close') as Promise<[number | null, string | null]>;
  const output = Buffer.concat((await child.stdout.toArray()) as Buffer[]).toString('utf8');
  const [code, signal] = await closed;
  assert.ok(code === 0 || signal === 'SIGKILL', `child ended with ${String(code ?? signal)}`);
  return { signal, output };
}

test('A worker killed while it archives is made good by the next attempt', async (t) => {
  const document = signedDocument(500_000);
  const stage = await startStage(document.listener);
  t.after(() => stage.close());
  const { documentId, hash } = document;
  const whole = await runChild(stage.origin, await folder(t), documentId, hash);
  const { operations } = JSON.parse(whole.output) as { operations: number };
  for (const share of [0.3, 0.6, 0.85, 0.95]) {
    const root = await folder(t);
    const killAt = String(Math.round(operations * share));
    const { signal } = await runChild(stage.origin, root, documentId, hash, killAt);
    assert.equal(signal, 'SIGKILL');
    assertWholeOrAbsent(root, documentId);
    await archiveInto(root, document, stage);
    assertArchived(root, document);
  }
});

const LARGE_BYTES = 200 * 1024 * 1024;
const CHUNK = Buffer.alloc(1024 * 1024, '%PDF-1.7 countersign ');

function* largePdf(): Generator<Buffer> {
  for (let bytes = 0; bytes < LARGE_BYTES; bytes += CHUNK.length) yield CHUNK;
}

test('A PDF of 200 MB is archived in a fraction of that memory', async (t) => {
  const document = signedDocument();
  const { documentId } = document;
  const stage = await startStage((request, response) => {
    if (request.url === `/api/v1/pdf/${documentId}/`) Readable.from(largePdf()).pipe(response);
    else document.listener(request, response);
  });
  t.after(() => stage.close());
  const hash = createHash('sha256');
  for (const chunk of largePdf()) hash.update(chunk);
  const end = await runChild(stage.origin, await folder(t), documentId, hash.digest('hex'));
  const { grownBytes } = JSON.parse(end.output) as { grownBytes: number };
  t.diagnostic(`grown by ${Math.round(grownBytes / 1024 / 1024)} MB`);
  assert.ok(grownBytes < LARGE_BYTES / 2, `grown by ${grownBytes} bytes`);
});

test('A receipt that an erasure replaces while it is read is not taken for damaged', async (t) => {
  const root = await folder(t);
  const document = signedDocument();
  const stage = await startStage(document.listener);
  t.after(() => stage.close());
  const receipt = await archiveInto(root, document, stage);
  const archive = createFileArchive(root);
  const tombstone = { ...receipt, changes: [], erasedAt: '2026-01-01T00:00:00.000Z' };
  let erasures = 0;
  await beforeFileOperations(
    async (name, path) => {
      if (name !== 'lstat' || path?.endsWith('document.pdf') !== true || erasures > 0) return;
      erasures += 1;
      await archive.erase(document.documentId, tombstone);
    },
    ['lstat'],
  );
  assert.deepEqual(await archive.readReceipt(document.documentId), tombstone);
  assert.equal(erasures, 1);
  assert.deepEqual(readdirSync(join(root, document.documentId)), ['receipt.json']);
});
