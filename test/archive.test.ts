import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ApplicationFailure } from '@temporalio/common';
import type { Archive, ArchiveAttempt } from '../activities/archive/archive.js';
import { createFileArchive } from '../activities/archive/file-archive.js';
import { openArchive } from '../activities/archive/open-archive.js';
import { FAILURE_TYPES, type ArchiveReceipt } from '../workflows/contract.js';
import { freshId, pdfBytes } from './support/provider-stage.js';

interface Scene {
  readonly root: string;
  readonly archive: Archive;
  readonly warnings: string[];
}

async function scene(t: TestContext): Promise<Scene> {
  const root = await mkdtemp(join(tmpdir(), 'countersign-archive-'));
  t.after(() => rm(root, { recursive: true }));
  const warnings: string[] = [];
  const warn = (_fields: unknown, message?: string): void => {
    warnings.push(message ?? '');
  };
  return { root, archive: createFileArchive(root, { logger: { warn } }), warnings };
}

async function* pieces(content: Buffer, size = 1_000): AsyncGenerator<Buffer> {
  for (let start = 0; start < content.length; start += size) {
    yield await Promise.resolve(content.subarray(start, start + size));
  }
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

async function stage(
  attempt: ArchiveAttempt,
  documentId: string,
  seed = '',
): Promise<ArchiveReceipt> {
  const pdf = await attempt.writeFile('document.pdf', pieces(pdfBytes(5_000)));
  const auditLog = await attempt.writeFile('audit-log.pdf', pieces(pdfBytes(3_000, seed)));
  return {
    documentId,
    archivedAt: new Date().toISOString(),
    files: [pdf, auditLog],
    providerHash: pdf.sha256,
    changes: [],
    workflow: { workflowId: `document:${documentId}`, firstExecutionRunId: freshId() },
  };
}

async function archiveOne(
  archive: Archive,
  documentId: string,
  seed = '',
): Promise<ArchiveReceipt> {
  const attempt = await archive.begin(documentId);
  return attempt.commit(await stage(attempt, documentId, seed));
}

const isInvalidId = (error: unknown): boolean =>
  error instanceof ApplicationFailure &&
  error.type === FAILURE_TYPES.invalidId &&
  error.nonRetryable === true;

test('A committed attempt leaves the two files and the receipt, and nothing else', async (t) => {
  const { root, archive } = await scene(t);
  const documentId = freshId();
  const receipt = await archiveOne(archive, documentId);
  assert.deepEqual(readdirSync(join(root, documentId)).sort(), [
    'audit-log.pdf',
    'document.pdf',
    'receipt.json',
  ]);
  for (const { name, bytes, sha256: hash } of receipt.files) {
    const content = readFileSync(join(root, documentId, name));
    assert.equal(content.length, bytes);
    assert.equal(sha256(content), hash);
  }
  assert.deepEqual(readdirSync(join(root, '.staging')), []);
  assert.deepEqual(await archive.readReceipt(documentId), receipt);
  assert.equal(statSync(join(root, documentId, 'document.pdf')).mode & 0o077, 0);
});

test('Nothing shows before the commit, and nothing stays after a discard', async (t) => {
  const { root, archive } = await scene(t);
  const documentId = freshId();
  const attempt = await archive.begin(documentId);
  await stage(attempt, documentId);
  assert.equal(await archive.readReceipt(documentId), undefined);
  assert.equal(existsSync(join(root, documentId)), false);
  await attempt.discard();
  await attempt.discard();
  assert.deepEqual(readdirSync(join(root, '.staging')), []);
});

test('Of many attempts at once the first to commit stands, for all', async (t) => {
  const { root, archive } = await scene(t);
  for (let round = 0; round < 20; round += 1) {
    const documentId = freshId();
    const commits: (() => Promise<ArchiveReceipt>)[] = [];
    for (const seed of ['one', 'two', 'three']) {
      const attempt = await archive.begin(documentId);
      const receipt = await stage(attempt, documentId, seed);
      commits.push(() => attempt.commit(receipt));
    }
    const results = await Promise.all(commits.map((commit) => commit()));
    const stands = await archive.readReceipt(documentId);
    assert.ok(stands);
    for (const result of results) assert.deepEqual(result, stands);
    for (const { name, sha256: hash } of stands.files) {
      assert.equal(sha256(readFileSync(join(root, documentId, name))), hash);
    }
  }
});

test('An attempt that commits after another one gives that one’s receipt', async (t) => {
  const { root, archive } = await scene(t);
  const documentId = freshId();
  const late = await archive.begin(documentId);
  const lateReceipt = await stage(late, documentId, 'late');
  const first = await archiveOne(archive, documentId, 'first');
  assert.deepEqual(await late.commit(lateReceipt), first);
  assert.deepEqual(await archive.readReceipt(documentId), first);
  assert.deepEqual(readdirSync(join(root, '.staging')), []);
});

test('An attempt whose folder another one swept away fails, and harms nothing', async (t) => {
  const { archive } = await scene(t);
  const documentId = freshId();
  const late = await archive.begin(documentId);
  const receipt = await archiveOne(archive, documentId);
  await assert.rejects(late.writeFile('document.pdf', pieces(pdfBytes(10))), { code: 'ENOENT' });
  assert.deepEqual(await archive.readReceipt(documentId), receipt);
});

test('What a killed attempt left is gone after the next one', async (t) => {
  const { root, archive } = await scene(t);
  const [documentId, other] = [freshId(), freshId()];
  const left = await archive.begin(documentId);
  await left.writeFile('document.pdf', pieces(pdfBytes(100)));
  await archive.begin(other);
  await archiveOne(archive, documentId);
  assert.deepEqual(
    readdirSync(join(root, '.staging')).map((name) => name.split('.')[0]),
    [other],
  );
});

for (const [what, damage] of [
  ['cut off', (text: string) => text.slice(0, text.length / 2)],
  ['empty', () => ''],
  ['of the wrong shape', () => '{"documentId": 7}'],
  ['about other lengths', (text: string) => text.replace(/"bytes": \d+/, '"bytes": 4')],
] as const) {
  test(`A receipt ${what} counts as absent, is moved aside and reported`, async (t) => {
    const { root, archive, warnings } = await scene(t);
    const documentId = freshId();
    await archiveOne(archive, documentId);
    const path = join(root, documentId, 'receipt.json');
    await writeFile(path, damage(readFileSync(path, 'utf8')));
    assert.equal(await archive.readReceipt(documentId), undefined);
    assert.equal(existsSync(path), false);
    assert.ok(readdirSync(join(root, documentId)).some((name) => name.includes('damaged')));
    assert.equal(warnings.length, 1);
    const again = await archiveOne(archive, documentId);
    assert.deepEqual(await archive.readReceipt(documentId), again);
    const [remnant = ''] = readdirSync(join(root, 'quarantine', documentId));
    assert.ok(readdirSync(join(root, 'quarantine', documentId, remnant)).includes('document.pdf'));
  });
}

test('A receipt of a later version, with a file and an outcome unknown here, is one', async (t) => {
  const { root, archive, warnings } = await scene(t);
  const documentId = freshId();
  const receipt = await archiveOne(archive, documentId);
  const path = join(root, documentId, 'receipt.json');
  const file = { name: 'attachments.zip', bytes: 3, sha256: 'ab'.repeat(32) };
  await writeFile(join(root, documentId, file.name), 'zip');
  const later = { ...receipt, files: [...receipt.files, file], outcome: 'archivedTwice', seal: 1 };
  await writeFile(path, JSON.stringify(later));
  const { outcome: _unknown, ...read } = { ...(await archive.readReceipt(documentId)) };
  assert.deepEqual({ ...read, outcome: 'archivedTwice' }, later);
  assert.deepEqual(warnings, []);
  for (const name of ['../elsewhere', '.', '..', 'a/b', '']) {
    await writeFile(
      path,
      JSON.stringify({ ...later, files: [...receipt.files, { ...file, name }] }),
    );
    assert.equal(await archive.readReceipt(documentId), undefined, name);
  }
});

test('A receipt whose file is missing counts as absent', async (t) => {
  const { root, archive } = await scene(t);
  const documentId = freshId();
  await archiveOne(archive, documentId);
  await rm(join(root, documentId, 'audit-log.pdf'));
  assert.equal(await archive.readReceipt(documentId), undefined);
});

test('IDs that are none, or that name a folder of the archive itself, are refused', async (t) => {
  const { root, archive } = await scene(t);
  for (const id of ['', '.', '..', '../x', 'a/b', '.staging', 'quarantine', 'Quarantine', 'a\0b']) {
    await assert.rejects(archive.readReceipt(id), isInvalidId, id);
    await assert.rejects(archive.begin(id), isInvalidId, id);
  }
  assert.deepEqual(readdirSync(root), []);
});

test('A link in place of a document is not followed', async (t) => {
  const { root, archive } = await scene(t);
  const [documentId, elsewhere] = [freshId(), freshId()];
  await archiveOne(archive, elsewhere);
  await symlink(join(root, elsewhere), join(root, documentId));
  await assert.rejects(archive.readReceipt(documentId), /is not a folder/);
  const attempt = await archive.begin(documentId);
  const receipt = await stage(attempt, documentId);
  await assert.rejects(attempt.commit(receipt));
  assert.equal((await archive.readReceipt(elsewhere))?.documentId, elsewhere);
});

test('An erasure removes a link, or a file, in place of a folder in quarantine, and nothing else', async (t) => {
  const { root, archive } = await scene(t);
  const elsewhere = freshId();
  await archiveOne(archive, elsewhere);
  const quarantine = join(root, 'quarantine');
  await mkdir(quarantine);
  for (const put of [
    (path: string) => symlink(join(root, elsewhere), path),
    (path: string) => writeFile(path, 'no folder'),
  ]) {
    const documentId = freshId();
    const receipt = await archiveOne(archive, documentId);
    await put(join(quarantine, documentId));
    assert.ok((await archive.listErasable(documentId)).includes(join(quarantine, documentId)));
    await archive.erase(documentId, { ...receipt, erasedAt: '2026-01-01T00:00:00.000Z' });
    assert.deepEqual(readdirSync(quarantine), []);
    assert.deepEqual(readdirSync(join(root, documentId)), ['receipt.json']);
  }
  assert.equal((await archive.readReceipt(elsewhere))?.documentId, elsewhere);
});

test('A receipt of another document, as on a file system without case, is an error', async (t) => {
  const { root, archive } = await scene(t);
  const documentId = freshId();
  await archiveOne(archive, documentId);
  const path = join(root, documentId, 'receipt.json');
  await writeFile(path, readFileSync(path, 'utf8').replace(documentId, documentId.toUpperCase()));
  await assert.rejects(archive.readReceipt(documentId), /upper from lower case/);
  assert.ok(existsSync(path));
});

test('A quarantined file lies beside the documents with a note why, repeatedly', async (t) => {
  const { root, archive } = await scene(t);
  const documentId = freshId();
  const content = pdfBytes(2_000, 'wrong');
  const note = {
    expected: 'a'.repeat(64),
    quarantinedAt: new Date().toISOString(),
    workflow: { workflowId: 'w', firstExecutionRunId: 'r' },
  };
  for (const reason of ['wrong hash', 'wrong hash, again']) {
    const attempt = await archive.begin(documentId);
    const file = await attempt.writeFile('document.pdf', pieces(content));
    const place = await attempt.quarantine(file, { ...note, reason });
    await attempt.discard();
    const name = `document-${sha256(content)}`;
    assert.equal(place, join(root, 'quarantine', documentId, `${name}.pdf`));
    assert.ok(content.equals(readFileSync(place)));
    assert.deepEqual(JSON.parse(readFileSync(place.replace(/pdf$/, 'json'), 'utf8')), {
      documentId,
      ...note,
      reason,
      file,
    });
  }
  assert.equal(readdirSync(join(root, 'quarantine', documentId)).length, 2);
  assert.equal(await archive.readReceipt(documentId), undefined);
});

test('A file longer than allowed is refused for good', async (t) => {
  const { archive } = await scene(t);
  const attempt = await archive.begin(freshId());
  await assert.rejects(
    attempt.writeFile('document.pdf', pieces(pdfBytes(2_000)), { maxBytes: 1_999 }),
    (error: unknown) => error instanceof ApplicationFailure && error.type === 'RequestRefused',
  );
});

test('ARCHIVE_URL may be absolute or relative, and only file: so far', async (t) => {
  const { root } = await scene(t);
  const documentId = freshId();
  const receipt = await archiveOne(openArchive(`file://${root}/a%20b`), documentId);
  assert.ok(existsSync(join(root, 'a b', documentId, 'receipt.json')));
  const before = process.cwd();
  process.chdir(root);
  t.after(() => {
    process.chdir(before);
  });
  assert.deepEqual(await openArchive('file:a%20b').readReceipt(documentId), receipt);
  for (const url of ['s3://key:secret@bucket/prefix', '/var/archive', 'file:', '']) {
    assert.throws(
      () => openArchive(url),
      (error: Error) => error.message.includes('ARCHIVE_URL') && !error.message.includes('secret'),
    );
  }
});
