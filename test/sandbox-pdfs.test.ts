import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { PDFDocument } from 'pdf-lib';
import { auditLogPdf, finalPdf } from '../sandbox/document-pdfs.js';
import type { DocumentRecord } from '../sandbox/records.js';
import { call, startTestSandbox } from './support/sandbox-stage.js';

const MANY_SCRIPTS = 'Łukasz Żółć Ğüneş 契約書 Договор 🖋 \u202eabc\n\t';

test('the final PDF opens, names the document and has the hash that was promised', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id } = sandbox.createDocument({ name: 'Lease of a boat', signers: 3 });
  assert.equal((await call(`${sandbox.apiUrl}/pdf/${id}/`)).status, 404);
  await sandbox.completeDocument(id);
  const { bytes, headers } = await call(`${sandbox.apiUrl}/pdf/${id}/`);
  assert.equal(headers.get('content-type'), 'application/pdf');
  const hash = createHash('sha256').update(bytes).digest('hex');
  const { json } = await call(`${sandbox.apiUrl}/document/${id}/`);
  assert.equal(hash, (json as { hash_value: string }).hash_value);
  const pdf = await PDFDocument.load(bytes);
  assert.equal(pdf.getTitle(), 'Lease of a boat');
  assert.equal(pdf.getPageCount(), 1);
});

test('the final PDF stays the same whatever happens afterwards', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id, signers } = sandbox.createDocument();
  await sandbox.completeDocument(id);
  const before = await call(`${sandbox.apiUrl}/pdf/${id}/`);
  sandbox.advanceSigner(signers[0] ?? '', { status: 'downloaded' });
  const after = await call(`${sandbox.apiUrl}/pdf/${id}/`);
  assert.deepEqual(after.bytes, before.bytes);
});

test('letters that the fonts lack crash nothing', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id } = sandbox.createDocument({
    name: MANY_SCRIPTS,
    signers: [{ firstname: 'Łukasz', lastname: '契約書' }],
  });
  await sandbox.completeDocument(id);
  for (const path of [`pdf/${id}/`, `document/${id}/auditlog/`]) {
    const { bytes } = await call(`${sandbox.apiUrl}/${path}`);
    assert.ok((await PDFDocument.load(bytes)).getPageCount() > 0, path);
  }
});

test('the audit log grows with what happened, over as many pages as it takes', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id, signers } = sandbox.createDocument();
  const pages = async (): Promise<number> => {
    const { bytes } = await call(`${sandbox.apiUrl}/document/${id}/auditlog/`);
    return (await PDFDocument.load(bytes)).getPageCount();
  };
  assert.equal(await pages(), 1);
  for (let count = 0; count < 40; count++) {
    sandbox.advanceSigner(signers[0] ?? '', { status: 20 });
    sandbox.advanceSigner(signers[0] ?? '', { status: 30 });
  }
  assert.ok((await pages()) >= 2);
});

test('the same document makes the same bytes', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id } = sandbox.createDocument();
  await sandbox.completeDocument(id);
  const document = sandbox.document(id) as DocumentRecord;
  assert.deepEqual(await finalPdf(document), await finalPdf(document));
  assert.deepEqual(await auditLogPdf(document), await auditLogPdf(document));
});
