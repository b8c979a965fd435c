import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import type { Archive, StoredFile } from '../activities/archive/archive.js';
import { openArchive } from '../activities/archive/open-archive.js';
import { verifyArchive, type Flaw } from '../activities/archive/verify-archive.js';
import { freshId, pdfBytes } from './support/provider-stage.js';
import { openS3ServerForFile } from './support/s3-server.js';

const COUNTERSIGN = fileURLToPath(new URL('../cli/countersign.js', import.meta.url));
const { requirement, server } = await openS3ServerForFile();

let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-verify-'));
});

after(async () => {
  await rm(folder, { recursive: true });
});

async function* whole(content: Buffer): AsyncGenerator<Buffer> {
  yield await Promise.resolve(content);
}

const RUN = { workflowId: 'document:x', firstExecutionRunId: 'x' };

async function archiveOne(archive: Archive, bytes = 5000): Promise<string> {
  const documentId = freshId();
  const attempt = await archive.begin(documentId);
  const pdf = await attempt.writeFile('document.pdf', whole(pdfBytes(bytes, documentId)));
  const log = await attempt.writeFile('audit-log.pdf', whole(pdfBytes(900, 'log')));
  const archivedAt = '2030-01-01T00:00:00.000Z';
  const files = [pdf, log];
  const providerHash = pdf.sha256;
  await attempt.commit({
    ...{ documentId, archivedAt, files, providerHash },
    changes: [],
    workflow: RUN,
  });
  await attempt.discard();
  return documentId;
}

async function quarantineOne(archive: Archive, documentId = freshId()): Promise<string> {
  const attempt = await archive.begin(documentId);
  const file = await attempt.writeFile('document.pdf', whole(pdfBytes(700)));
  const note = { reason: 'wrong hash', expected: '0'.repeat(64), quarantinedAt: '2030-01-01' };
  await attempt.quarantine(file, { ...note, workflow: RUN });
  await attempt.discard();
  return documentId;
}

async function eraseOne(archive: Archive, documentId: string): Promise<string> {
  const receipt = await archive.readReceipt(documentId);
  const never = { archivedAt: '', files: [], providerHash: '', changes: [], workflow: RUN };
  const erasedAt = '2031-01-01T00:00:00.000Z';
  await archive.erase(documentId, { documentId, ...(receipt ?? never), erasedAt });
  return documentId;
}

/** Kinds and files of what is wrong, by document. */
async function flawsOf(archive: Archive, documentId?: string): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for await (const verdict of verifyArchive(archive, { documentId })) {
    (found[verdict.documentId] ??= []).push(...verdict.flaws.map(nameOf));
  }
  return found;
}

function nameOf(flaw: Flaw): string {
  return 'file' in flaw ? `${flaw.kind} ${flaw.file}` : flaw.kind;
}

interface Broken {
  readonly archive: Archive;
  readonly expected: Record<string, string[]>;
}

/** How something is changed behind the archive's back. */
interface Hand {
  put(key: string, content: Buffer): Promise<unknown>;
  remove(key: string): Promise<unknown>;
}

async function breakAll(archive: Archive, hand: Hand): Promise<Broken> {
  const [good, wrongHash, wrongSize, missing, noReceipt, damaged, foreign, extra] =
    await Promise.all(Array.from({ length: 8 }, () => archiveOne(archive)));
  assert.ok(good && wrongHash && wrongSize && missing && noReceipt && damaged && foreign && extra);
  await hand.put(`${wrongHash}/document.pdf`, pdfBytes(5000, 'forged'));
  await hand.put(`${wrongSize}/audit-log.pdf`, pdfBytes(899, 'log'));
  await hand.remove(`${missing}/audit-log.pdf`);
  await hand.remove(`${noReceipt}/receipt.json`);
  await hand.put(`${damaged}/receipt.json`, Buffer.from('{"documentId": '));
  await hand.put(`${foreign}/receipt.json`, await receiptOf(archive, good));
  await hand.put(`${extra}/notes.txt`, Buffer.from('who wrote this?'));
  return {
    archive,
    expected: {
      [good]: [],
      [wrongHash]: ['wrongHash document.pdf'],
      [wrongSize]: ['wrongSize audit-log.pdf'],
      [missing]: ['missingFile audit-log.pdf'],
      [noReceipt]: ['noReceipt'],
      [damaged]: ['receiptDamaged'],
      [foreign]: ['receiptDamaged'],
      [extra]: ['unlistedFile notes.txt'],
      [await quarantineOne(archive)]: ['quarantined'],
    },
  };
}

/** Erased as they should be, and with something there afterwards that should not. */
async function eraseAll(archive: Archive, hand: Hand): Promise<Record<string, string[]>> {
  const never = await eraseOne(archive, await quarantineOne(archive));
  const [whole, left, held, other] = await Promise.all(
    Array.from({ length: 4 }, async () => eraseOne(archive, await archiveOne(archive))),
  );
  assert.ok(whole && left && held && other);
  await hand.put(`${left}/document.pdf`, pdfBytes(5000, left));
  await hand.put(`${left}/receipt.json.damaged-20300101000000000`, await receiptOf(archive, left));
  await quarantineOne(archive, held);
  await hand.put(`${other}/receipt.json`, await receiptOf(archive, whole));
  const quarantined = await namesInQuarantine(archive, held);
  assert.equal(quarantined.length, 2);
  return {
    [whole]: [],
    [never]: [],
    [left]: ['notErased document.pdf', 'notErased receipt.json.damaged-20300101000000000'],
    [held]: quarantined.map((name) => `notErased ${name}`),
    [other]: ['receiptDamaged'],
  };
}

async function namesInQuarantine(archive: Archive, documentId: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { place, files } of archive.list(documentId)) {
    if (place === 'quarantine') names.push(...files.map(({ name }) => name));
  }
  return names.sort();
}

async function filesOf(archive: Archive, documentId: string): Promise<readonly StoredFile[]> {
  for await (const { place, files } of archive.list(documentId)) {
    if (place === 'documents') return files;
  }
  return [];
}

async function receiptOf(archive: Archive, documentId: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of (await archive.openFile(documentId, 'receipt.json')) ?? []) {
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

async function fileArchive(): Promise<{ archive: Archive; root: string; hand: Hand }> {
  const root = await mkdtemp(join(folder, 'archive-'));
  return {
    root,
    archive: openArchive(pathToFileURL(root).href),
    hand: {
      put: (key, content) => writeFile(join(root, key), content),
      remove: (key) => rm(join(root, key)),
    },
  };
}

async function s3Archive(): Promise<{ archive: Archive; bucket: string; hand: Hand }> {
  const bucket = await server.createBucket();
  const at = (key: string) => ({ Bucket: bucket, Key: `signed/${key}` });
  return {
    bucket,
    archive: openArchive(`s3://${bucket}/signed`, { s3: { endpoint: server.endpoint } }),
    hand: {
      put: (key, content) =>
        server.client.send(new PutObjectCommand({ ...at(key), Body: content })),
      remove: (key) => server.client.send(new DeleteObjectCommand(at(key))),
    },
  };
}

test('in a folder every kind of damage is found, and nothing else', async () => {
  const { archive, hand } = await fileArchive();
  const { expected } = await breakAll(archive, hand);
  assert.deepEqual(await flawsOf(archive), expected);
});

test('on S3 every kind of damage is found, and nothing else', requirement, async () => {
  const { archive, hand } = await s3Archive();
  const { expected } = await breakAll(archive, hand);
  assert.deepEqual(await flawsOf(archive), expected);
});

test('in a folder a tombstone is whole alone, and wrong with anything beside it', async () => {
  const { archive, hand } = await fileArchive();
  const expected = await eraseAll(archive, hand);
  assert.deepEqual(await flawsOf(archive), expected);
});

test(
  'on S3 a tombstone is whole alone, and wrong with anything beside it',
  requirement,
  async () => {
    const { archive, hand } = await s3Archive();
    const expected = await eraseAll(archive, hand);
    assert.deepEqual(await flawsOf(archive), expected);
  },
);

test('what was quarantined and archived as good later is no longer wrong', async () => {
  const { archive } = await fileArchive();
  const documentId = await archiveOne(archive);
  await quarantineOne(archive, documentId);
  assert.deepEqual(await flawsOf(archive), { [documentId]: [] });
});

test('what is being archived on S3, or erased, while it is verified is not wrong', async () => {
  const { archive, root } = await fileArchive();
  const [archived, erased] = [await archiveOne(archive), await archiveOne(archive)];
  const early = { documentId: archived, place: 'documents', files: [] as StoredFile[] } as const;
  const files = await filesOf(archive, archived);
  const broken = await archiveOne(archive);
  await rm(join(root, broken, 'audit-log.pdf'));
  let listings = 0;
  const moving: Archive = {
    ...archive,
    async *list(documentId) {
      listings += 1;
      if (documentId !== undefined) {
        yield* archive.list(documentId);
        return;
      }
      // Listed in the middle of it, and whole by the time it is looked at.
      yield { ...early, files: files.filter(({ name }) => name === 'document.pdf') };
      const before = { ...early, documentId: erased, files: await filesOf(archive, erased) };
      await eraseOne(archive, erased);
      yield before;
      yield* archive.list(broken);
    },
  };
  assert.deepEqual(await flawsOf(moving), {
    [archived]: [],
    [erased]: [],
    [broken]: ['missingFile audit-log.pdf'],
  });
  assert.equal(listings, 4);
});

test('one document alone is verified, and other documents are not looked at', async () => {
  const { archive, hand } = await fileArchive();
  const [one, other] = [await archiveOne(archive), await archiveOne(archive)];
  await hand.remove(`${other}/document.pdf`);
  assert.deepEqual(await flawsOf(archive, one), { [one]: [] });
});

test('attempts under way and foreign names are passed over, and nothing is changed', async () => {
  const { archive, root } = await fileArchive();
  const attempt = await archive.begin(freshId());
  await mkdir(join(root, 'lost+found'));
  const before = await readdir(root, { recursive: true });
  assert.deepEqual(await flawsOf(archive), {});
  assert.deepEqual(await readdir(root, { recursive: true }), before);
  await attempt.discard();
});

test('a folder is tried out for writing, and nothing is left', async () => {
  const { archive, root } = await fileArchive();
  assert.equal(await archive.tryOut(), 'writable');
  assert.deepEqual(await readdir(root), []);
});

test('a bucket is tried out for writing once it has an object of ours', requirement, async () => {
  const { archive, bucket } = await s3Archive();
  assert.equal(await archive.tryOut(), 'readable');
  assert.deepEqual(await server.keysIn(bucket), []);
  await archiveOne(archive);
  const keys = await server.keysIn(bucket);
  assert.equal(await archive.tryOut(), 'writable');
  assert.deepEqual(await server.keysIn(bucket), keys);
});

function countersign(
  words: readonly string[],
  root: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { ...process.env, ARCHIVE_URL: pathToFileURL(root).href };
  return new Promise((resolve) => {
    execFile(process.execPath, [COUNTERSIGN, ...words], { env }, (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), stdout, stderr });
    });
  });
}

test('the command names each flaw in a line and exits with 1; whole archives with 0', async () => {
  const { archive, root } = await fileArchive();
  const documentId = await archiveOne(archive);
  const erased = await eraseOne(archive, await archiveOne(archive));
  const fine = await countersign(['archive', 'verify', '--json'], root);
  assert.equal(fine.code, 0, fine.stderr);
  assert.deepEqual(JSON.parse(fine.stdout), {
    ...{ isWhole: true, documents: 2, bytes: 5900, flawed: [] },
  });
  const path = join(root, documentId, 'document.pdf');
  const bytes = await readFile(path);
  bytes[2000] = (bytes[2000] ?? 0) ^ 1;
  await writeFile(path, bytes);
  await writeFile(join(root, erased, 'document.pdf'), bytes);
  const all = await countersign(['archive', 'verify'], root);
  assert.equal(all.code, 1);
  assert.match(all.stdout, new RegExp(`^${erased}  erased, but still there: document\\.pdf`, 'm'));
  assert.match(all.stdout, /: 2 are not whole$/m);
  const { code, stdout } = await countersign(['archive', 'verify', '--document', documentId], root);
  assert.equal(code, 1);
  assert.match(stdout, new RegExp(`^${documentId}  wrong hash: document\\.pdf is [0-9a-f]{64}`));
});
