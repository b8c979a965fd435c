import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { addressesOf, demoDocument, makePlace, startChild } from './support/all-in-one-child.js';
import { until } from './support/until.js';
import { readArchived } from './support/archived.js';
import { noBrowser, openPage } from './support/browser.js';
import { documentAt } from './support/sandbox-calls.js';

/** Clicks the next step of the first signer who has one, until the document is final. */
async function signOnPage(page: Page, documentId: string): Promise<number> {
  const card = page.locator(`#document-${documentId}`);
  const next = card.locator('[data-action="advance"]:enabled').first();
  let clicks = 0;
  while ((await card.getAttribute('data-status')) === '10') {
    const signers = await card.locator('.signers').innerText();
    await next.click();
    clicks += 1;
    await until(async () => (await card.locator('.signers').innerText()) !== signers);
  }
  await page.locator(`#document-${documentId}[data-final="true"]`).waitFor();
  return clicks;
}

test('a document is created and signed on the sandbox’s page', { skip: noBrowser }, async (t) => {
  const place = await makePlace(t);
  const child = startChild(place, { COUNTERSIGN_DEMO: 'off' });
  const { sandbox } = await addressesOf(child);
  const { page, troubles } = await openPage(t, sandbox);
  await page.fill('#document-name', 'Signed by hand');
  await page.click('#create-document');
  const card = page.locator('article.document', { hasText: 'Signed by hand' });
  const documentId = (await card.getAttribute('data-document')) ?? '';
  // Two signers: e-mail opened, visited, fields completed, signed.
  assert.equal(await signOnPage(page, documentId), 8);
  await page.click('#flush-callbacks');
  for (const kind of ['all', 'signed', 'realtime']) {
    await page
      .locator(`#callbacks [data-kind="${kind}"][data-answer="200"] .chip.good`)
      .first()
      .waitFor();
  }
  assert.equal(await page.locator('#callbacks .chip.bad').count(), 0);
  assert.match(await card.getByText('Final PDF created').innerText(), /Final PDF/);

  const archived = await until(() => readArchived(place.archiveFolder, documentId));
  assert.equal(archived.hashes['document.pdf'], (await documentAt(sandbox, documentId)).hash);
  const link = (await card.getByRole('link', { name: /^Workflow/ }).getAttribute('href')) ?? '';
  assert.ok(link.endsWith(`/workflows/document%3A${documentId}`));
  assert.deepEqual(troubles, []);

  for (const width of [360, 768, 1920]) {
    await page.setViewportSize({ width, height: 800 });
    const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
    assert.equal(await page.evaluate(overflow), 0, `scrolls sideways at ${width} px`);
  }
});

test(
  'the link of a start leads to the document in the Temporal UI',
  { skip: noBrowser },
  async (t) => {
    const place = await makePlace(t);
    const child = startChild(place);
    const documentId = await demoDocument(child);
    const [, link = ''] = await child.line(/^ +(http\S+\/workflows\/\S+)$/);
    await child.line(/^demo +completed/);
    const { page, troubles } = await openPage(t, link);
    await page.getByRole('heading', { name: `document:${documentId}` }).waitFor();
    await page.getByText('Running', { exact: true }).first().waitFor();
    await page.getByRole('tab', { name: 'User Metadata' }).click();
    // Markdown stands in a frame of its own.
    const details = page.locator('iframe').last().contentFrame();
    await details.getByText('outcome: completed').waitFor();
    const { signers } = await documentAt((await addressesOf(child)).sandbox, documentId);
    assert.equal(signers.length, 3);
    for (const { id } of signers) {
      const row = details.getByRole('row').filter({ hasText: id });
      assert.match(await row.innerText(), /signed \(40\)/);
    }
    assert.deepEqual(troubles, []);
  },
);
