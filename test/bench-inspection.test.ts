import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { openAnnouncementReceiver } from '../bench/announcement-receiver.js';
import type { AnnouncementReceiver } from '../bench/announcement-receiver.js';
import { FailureTally } from '../bench/failure-tally.js';
import type { FailureCounts } from '../bench/failure-tally.js';
import { inspectAnnouncements, inspectArchive } from '../bench/inspection.js';
import { createSandbox } from '../sandbox/index.js';
import type { Sandbox } from '../sandbox/index.js';

let archiveFolder: string;
let sandbox: Sandbox;
let receiver: AnnouncementReceiver;

before(async () => {
  archiveFolder = await mkdtemp(join(tmpdir(), 'countersign-inspection-'));
  sandbox = await createSandbox({ batchIntervalMs: 0 });
  receiver = await openAnnouncementReceiver();
});

after(async () => {
  await receiver.close();
  await sandbox.close();
  await rm(archiveFolder, { recursive: true });
});

async function finalPdf(): Promise<{ id: string; pdf: Buffer }> {
  const { id } = sandbox.createDocument({ signers: 1 });
  await sandbox.completeDocument(id);
  const response = await fetch(`${sandbox.apiUrl}/pdf/${id}/`, {
    headers: { authorization: 'ApiKey test:key' },
  });
  return { id, pdf: Buffer.from(await response.arrayBuffer()) };
}

async function archive(id: string, files: Readonly<Record<string, Buffer | string>>) {
  await mkdir(join(archiveFolder, id));
  for (const [name, bytes] of Object.entries(files)) {
    await writeFile(join(archiveFolder, id, name), bytes);
  }
}

async function archiveFailures(id: string): Promise<Partial<FailureCounts>> {
  const failures = new FailureTally();
  await inspectArchive({ archiveFolder, sandbox }, [id], failures);
  return onlyFound(failures);
}

function onlyFound({ counts }: FailureTally): Partial<FailureCounts> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}

async function announce(key: string, secret = receiver.secret): Promise<number> {
  const at = new Date();
  const body = JSON.stringify({ type: 'document.completed' });
  const response = await fetch(receiver.url, {
    method: 'POST',
    body,
    headers: {
      'webhook-id': key,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
      'webhook-signature': new Webhook(secret).sign(key, at, body),
    },
  });
  return response.status;
}

test('an archived document with all its files and the right bytes is no failure', async () => {
  const { id, pdf } = await finalPdf();
  await archive(id, { 'document.pdf': pdf, 'audit-log.pdf': '%PDF', 'receipt.json': '{}' });
  assert.deepEqual(await archiveFailures(id), {});
});

test('one byte more in an archived PDF is a failure', async () => {
  const { id, pdf } = await finalPdf();
  const bent = Buffer.concat([pdf, Buffer.from(' ')]);
  await archive(id, { 'document.pdf': bent, 'audit-log.pdf': '%PDF', 'receipt.json': '{}' });
  assert.deepEqual(await archiveFailures(id), { pdfDiffers: 1 });
});

test('each missing or empty file is a failure of its own', async () => {
  const { id, pdf } = await finalPdf();
  await archive(id, { 'document.pdf': pdf, 'audit-log.pdf': '' });
  assert.deepEqual(await archiveFailures(id), { auditLogMissing: 1, receiptMissing: 1 });
});

test('an announcement that is missing, doubled, of another event or forged is a failure', async () => {
  const [once, twice, never] = [randomUUID(), randomUUID(), randomUUID()];
  assert.equal(await announce(`${once}/document.completed`), 204);
  await announce(`${twice}/document.completed`);
  await announce(`${twice}/document.completed`);
  await announce(`${once}/document.contradicted`);
  const forged = `whsec_${Buffer.from('another secret').toString('base64')}`;
  assert.equal(await announce(`${never}/document.completed`, forged), 401);
  const failures = new FailureTally();
  inspectAnnouncements({ receiver }, [once, twice, never], failures);
  assert.deepEqual(onlyFound(failures), { announcementNotOnce: 3, announcementUnverified: 1 });
  assert.equal(failures.total, 4);
});
