/** One document's whole life, told as it happens. */
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '../client/index.js';
import type { Countersign, ProgressView, SigningOutcome } from '../client/index.js';
import type { Sandbox } from '../sandbox/index.js';
import { DOCUMENT_STATUSES, SIGNER_STATUSES } from '../workflows/contract.js';
import type { AllInOne } from './all-in-one.js';
import { workflowLink } from './workflow-link.js';

/** Slow enough to be read while it happens, fast enough not to be waited for. */
const STEP_MS = 350;

/** The longest status of a demo, and two spaces. */
const COLUMN_WIDTH = 13;

const REQUEST = {
  name: 'Lease of 12 Harbour Street',
  group: 'sandbox',
  tag: 'demo',
  text: 'The landlord lets the flat to the tenants.',
  signers: [
    { firstname: 'Ada', lastname: 'Tenant', email: 'ada.tenant@example.com', order: 1 },
    { firstname: 'Ben', lastname: 'Tenant', email: 'ben.tenant@example.com', order: 1 },
    { firstname: 'Lin', lastname: 'Landlord', email: 'lin.landlord@example.com', order: 2 },
  ],
};

const STEPS = ['emailOpened', 'visited', 'signed'] as const;

/** Who hears of the demo, and what ends it early. */
export interface DemoSurroundings {
  readonly print: (line: string) => void;
  readonly signal: AbortSignal;
}

interface Stage extends DemoSurroundings {
  readonly sandbox: Sandbox;
  readonly countersign: Countersign;
  readonly documentId: string;
}

/**
 * Creates a document as an application would, or goes on with the one that an earlier start left
 * behind, lets the sandbox's signers sign, and follows it.
 */
export async function runDemo(
  { sandbox, temporal, temporalUiUrl, parts }: AllInOne,
  { print, signal }: DemoSurroundings,
): Promise<SigningOutcome> {
  if (!sandbox) throw new Error('the demo needs the sandbox');
  const { taskQueue, provider, followUp, encryptionKeys } = parts.worker;
  const countersign = await connect({ temporal, taskQueue, provider, followUp, encryptionKeys });
  try {
    const leftBehind = unfinishedDemo(sandbox);
    const documentId = leftBehind ?? (await countersign.createDocument(REQUEST)).documentId;
    // A kill may have come between the document and its workflow.
    if (leftBehind !== undefined) await countersign.trackDocument(leftBehind);
    const happens = leftBehind === undefined ? 'is created' : 'of an earlier start goes on';
    print(`demo   document ${documentId} ${happens}: ${REQUEST.name}`);
    const link = workflowLink(temporalUiUrl, temporal.namespace);
    if (link) print(`       ${link(documentId)}`);
    const stage = { sandbox, countersign, documentId, print, signal };
    await Promise.all([sign(stage), tellProgress(stage)]);
    return await countersign.waitForOutcome(documentId, { signal });
  } finally {
    await countersign.close();
  }
}

function unfinishedDemo(sandbox: Sandbox): string | undefined {
  const { created, fieldsCompleted, signed } = DOCUMENT_STATUSES;
  const unfinished: readonly number[] = [created, fieldsCompleted, signed];
  return sandbox
    .state()
    .documents.find(
      ({ name, tag, status, hash }) =>
        name === REQUEST.name &&
        tag === REQUEST.tag &&
        hash === null &&
        unfinished.includes(status),
    )?.id;
}

async function sign({ sandbox, documentId, signal }: Stage): Promise<void> {
  for (const { id } of sandbox.document(documentId).signers) {
    for (const status of STEPS) {
      // Taken already: in an earlier start, or by somebody at the sandbox's page.
      if (sandbox.signer(id).status >= SIGNER_STATUSES[status]) continue;
      await delay(STEP_MS, undefined, { signal });
      if (sandbox.signer(id).status < SIGNER_STATUSES[status])
        sandbox.advanceSigner(id, { status });
    }
  }
}

async function tellProgress(stage: Stage): Promise<void> {
  const { countersign, documentId, print, signal } = stage;
  const columns = stage.sandbox.document(documentId).signers;
  print('');
  print(row(['document', ...columns.map(({ firstname }) => firstname)]));
  let told = '';
  let view = await countersign.progress(documentId);
  for (;;) {
    const line = progressRow(view, columns);
    if (line !== told) print(line);
    told = line;
    if (view.outcome) return;
    view = await countersign.waitForChange(documentId, view.revision, { signal });
  }
}

function progressRow(
  { status, signers, outcome }: ProgressView,
  columns: readonly { readonly id: string }[],
): string {
  const statusOf = (id: string): string => signers.find((each) => each.id === id)?.status ?? '–';
  return row([outcome?.kind ?? status, ...columns.map(({ id }) => statusOf(id))]);
}

function row(cells: readonly string[]): string {
  return `       ${cells.map((cell) => cell.padEnd(COLUMN_WIDTH)).join('')}`.trimEnd();
}
