/**
 * `npm run screenshots`: starts everything on free ports, brings documents into different states,
 * and saves what operations see of them to docs/images/<name>.png.
 */
import { mkdir, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Page } from 'playwright-core';
import { workflowLink } from '../../cli/workflow-link.js';
import { connect, type Countersign, type TrackingTerms } from '../../client/index.js';
import { DEFAULT_TASK_QUEUE } from '../../workflows/contract.js';
import { addressesOf, makePlace, startChild } from './all-in-one-child.js';
import { noBrowser, openPage } from './browser.js';
import { completeAt, documentAt } from './sandbox-calls.js';
import { call } from './sandbox-stage.js';

const FOLDER = new URL('../../docs/images/', import.meta.url);

/** What makes the list worth reading; the same as docs/temporal-ui.md recommends. */
const COLUMNS = [
  'Status',
  'Workflow ID',
  'DocumentStatus',
  'DocumentOutcome',
  'DocumentAttention',
  'WaitingFor',
  'WaitingSince',
  'DocumentDeadline',
];

/** Of one picture. */
const MAX_BYTES = 250_000;

interface Scene {
  readonly sandbox: string;
  readonly temporalUi: string;
  readonly countersign: Countersign;
}

type Closer = () => Promise<void>;

async function main(): Promise<void> {
  if (noBrowser) throw new Error(noBrowser);
  const closers: Closer[] = [];
  const context = { after: (close: Closer) => void closers.push(close) };
  try {
    await takeAll(context);
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

async function takeAll(context: { after: (close: Closer) => void }): Promise<void> {
  const place = await makePlace(context);
  const child = startChild(place, {
    COUNTERSIGN_DEMO: 'off',
    DOCUMENT_LINGER: '5m',
    DOCUMENT_REMINDER_HOURS: '00:00-24:00',
  });
  const { sandbox, temporal, temporalUi } = await addressesOf(child);
  const countersign = await connect({
    temporal: { connectionOptions: { address: temporal } },
    taskQueue: DEFAULT_TASK_QUEUE,
    provider: { apiUrl: `${sandbox}/api/v1`, apiKey: 'any:key', timeoutMs: 10_000 },
  });
  context.after(() => countersign.close());
  const scene = { sandbox, temporalUi, countersign };
  const { done, late } = await documents(scene);
  const { page } = await openPage(context, sandbox, { width: 1200, height: 900 });
  await page.getByText('Lease of 12 Harbour Street').first().waitFor();
  await save(page, 'sandbox');
  await takeUi(page, scene, { done, late });
}

async function takeUi(
  page: Page,
  { temporalUi }: Scene,
  { done, late }: { done: string; late: string },
): Promise<void> {
  const link = workflowLink(temporalUi, 'default') ?? ((): string => temporalUi);
  const columns = COLUMNS.map((label, index) => ({ label, pinned: index < 2 }));
  await page.goto(temporalUi, { waitUntil: 'domcontentloaded' });
  await page.evaluate(
    `localStorage.setItem('namespace-workflow-table-columns', ${JSON.stringify(JSON.stringify({ default: columns }))})`,
  );
  await page.setViewportSize({ width: 1700, height: 620 });
  const query = encodeURIComponent("WorkflowType='documentSigning'");
  await page.goto(`${temporalUi}/namespaces/default/workflows?query=${query}`);
  await page.getByText('WaitingSince').first().waitFor();
  await page.getByText(late).first().waitFor();
  await save(page, 'document-list');
  await page.setViewportSize({ width: 1400, height: 1000 });
  await page.goto(link(done));
  await page.getByText('Fetch the signed PDF').first().waitFor();
  await save(page, 'document-timeline');
  await page.setViewportSize({ width: 1700, height: 1060 });
  await page.goto(link(late));
  await page.getByRole('tab', { name: 'User Metadata' }).click();
  await page
    .locator('iframe')
    .last()
    .contentFrame()
    .getByText('waits for signer')
    .first()
    .waitFor();
  await save(page, 'document-user-metadata');
}

/** One done, one late, one refused, one in order and in time. */
async function documents(scene: Scene): Promise<{ done: string; late: string }> {
  const done = await create(scene, 'Lease of 12 Harbour Street', {});
  await completeAt(scene.sandbox, done);
  await scene.countersign.waitForOutcome(done);
  const terms = { reminders: ['500ms', '3d', '7d'], stalledAfter: '14d' };
  const deadline = new Date(Date.now() + 30 * 86_400_000).toISOString();
  const late = await create(scene, 'Supply agreement', { ...terms, deadline });
  await sign(scene, late, 'signed');
  await reminded(scene, late);
  const refused = await create(scene, 'Loan contract', {});
  await sign(scene, refused, 'rejected');
  await create(scene, 'Non-disclosure agreement', { deadline });
  const stopped = await create(scene, 'Sales contract', {});
  await scene.countersign.stop(stopped, 'withdrawn by sales');
  return { done, late };
}

async function create({ countersign }: Scene, name: string, terms: TrackingTerms): Promise<string> {
  const people = ['Ada', 'Grace', 'Alan'];
  const signers = people.map((firstname, order) => ({
    ...{ firstname, lastname: 'Signer', order },
    email: `${firstname.toLowerCase()}@example.com`,
  }));
  const tag = name.toLowerCase().replaceAll(' ', '-');
  const request = { name, tag, group: 'sandbox', text: 'An agreement.', signers, do_email: true };
  return (await countersign.createDocument(request, terms)).documentId;
}

async function sign({ sandbox }: Scene, documentId: string, status: string): Promise<void> {
  const [signer] = (await documentAt(sandbox, documentId)).signers;
  await call(`${sandbox}/sandbox/signers/${signer?.id ?? ''}/advance`, {
    ...{ method: 'POST', headers: {}, body: { status } },
  });
}

async function reminded({ countersign }: Scene, documentId: string): Promise<void> {
  let view = await countersign.progress(documentId);
  const isThere = (): boolean =>
    view.signers[0]?.status === 'signed' && (view.waitingFor[0]?.reminders ?? 0) > 0;
  while (!isThere()) view = await countersign.waitForChange(documentId, view.revision);
}

async function save(page: Page, name: string): Promise<void> {
  const { values } = parseArgs({ options: { to: { type: 'string' } } });
  const folder = values.to ?? fileURLToPath(FOLDER);
  await mkdir(folder, { recursive: true });
  const path = `${folder.replace(/\/$/, '')}/${name}.png`;
  // What has just been loaded is still moving into its place.
  await page.waitForTimeout(1500);
  await page.screenshot({ path, scale: 'css' });
  const { size } = await stat(path);
  process.stdout.write(`${name}.png: ${size} bytes\n`);
  if (size > MAX_BYTES) throw new Error(`${name}.png is larger than ${MAX_BYTES} bytes`);
}

await main();
