/** What a power cut could undo of what an archive in a folder has answered for. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import type { Archive, ArchiveAttempt } from '../activities/archive/archive.js';
import { createFileArchive } from '../activities/archive/file-archive.js';
import type { ArchivedFile, ArchiveReceipt } from '../workflows/contract.js';
import { freshId } from './support/provider-stage.js';
import { watchUnsyncedFolders } from './support/unsynced-folders.js';

let work: string;
let unsynced: ReadonlySet<string>;

before(async () => {
  work = await mkdtemp(join(tmpdir(), 'countersign-power-'));
  unsynced = await watchUnsyncedFolders();
});

after(() => rm(work, { recursive: true }));

/** In a folder that is there as little as the two above it. */
function freshArchive(): { root: string; archive: Archive } {
  const root = join(work, freshId(), 'data', 'archive');
  return { root, archive: createFileArchive(root) };
}

function receiptOf(documentId: string, files: readonly ArchivedFile[]): ArchiveReceipt {
  return {
    documentId,
    archivedAt: '2026-01-01T00:00:00.000Z',
    files,
    providerHash: files[0]?.sha256 ?? '',
    changes: [],
    workflow: { workflowId: `document:${documentId}`, firstExecutionRunId: 'run' },
  };
}

async function written(attempt: ArchiveAttempt): Promise<ArchivedFile> {
  return attempt.writeFile('document.pdf', Readable.from([Buffer.from('%PDF-1.7')]));
}

async function quarantined(archive: Archive, documentId: string): Promise<void> {
  const attempt = await archive.begin(documentId);
  const { workflow } = receiptOf(documentId, []);
  const note = { reason: 'wrong', expected: '', quarantinedAt: '', workflow };
  await attempt.quarantine(await written(attempt), note);
}

/** All but the attempts under way, of which the next one needs nothing. */
function unsyncedIn(root: string): string[] {
  return [...unsynced].filter((folder) => folder !== join(root, '.staging'));
}

test('a document that is archived stays, also the first one', async () => {
  const { root, archive } = freshArchive();
  const documentId = freshId();
  const attempt = await archive.begin(documentId);
  await attempt.commit(receiptOf(documentId, [await written(attempt)]));
  assert.deepEqual(unsyncedIn(root), []);
});

test('what is quarantined stays, also the first', async () => {
  const { root, archive } = freshArchive();
  await quarantined(archive, freshId());
  assert.deepEqual(unsyncedIn(root), []);
});

test('the tombstone of a document that never was archived stays', async () => {
  const { archive } = freshArchive();
  const documentId = freshId();
  const erasedAt = '2026-01-02T00:00:00.000Z';
  await archive.erase(documentId, { ...receiptOf(documentId, []), erasedAt });
  assert.deepEqual([...unsynced], []);
});

test('what is erased stays erased, also in quarantine and of attempts', async () => {
  const { root, archive } = freshArchive();
  const documentId = freshId();
  const attempt = await archive.begin(documentId);
  await attempt.commit(receiptOf(documentId, [await written(attempt)]));
  await quarantined(archive, documentId);
  await written(await archive.begin(documentId));
  const tombstone = { ...receiptOf(documentId, []), erasedAt: '2026-01-02T00:00:00.000Z' };
  await archive.erase(documentId, tombstone);
  assert.deepEqual([...unsynced], []);

  // As an erasure leaves it that is killed before it syncs.
  await quarantined(archive, documentId);
  await rm(join(root, 'quarantine', documentId), { recursive: true });
  await archive.erase(documentId, tombstone);
  assert.deepEqual([...unsynced], []);
});
