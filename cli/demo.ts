/** One document's whole life, told as it happens. */
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '../client/index.js';
import type { Countersign, ProgressView, SigningOutcome } from '../client/index.js';
import { workflowLink } from './all-in-one.js';
import type { AllInOne } from './all-in-one.js';

/** Slow enough to be read while it happens, fast enough not to be waited for. */
const STEP_MS = 350;

const SIGNERS = [
  { firstname: 'Ada', lastname: 'Tenant', email: 'ada.tenant@example.com', order: 1 },
  { firstname: 'Ben', lastname: 'Tenant', email: 'ben.tenant@example.com', order: 1 },
  { firstname: 'Lin', lastname: 'Landlord', email: 'lin.landlord@example.com', order: 2 },
];

export interface DemoSurroundings {
  readonly print: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Creates a document as an application would, lets the sandbox's signers sign, and follows it. */
export async function runDemo(
  allInOne: AllInOne,
  taskQueue: string,
  { print, signal }: DemoSurroundings,
): Promise<SigningOutcome> {
  const { sandbox, temporalAddress, namespace, parts } = allInOne;
  if (!sandbox) throw new Error('the demo needs the sandbox');
  const countersign = await connect({
    temporal: { namespace, connectionOptions: { address: temporalAddress } },
    taskQueue,
    provider: parts.worker.provider,
  });
  try {
    const { documentId } = await countersign.createDocument({
      name: 'Lease of 12 Harbour Street',
      group: 'sandbox',
      tag: 'demo',
      text: 'The landlord lets the flat to the tenants.',
      signers: SIGNERS,
    });
    print(`demo   document ${documentId} created`);
    const link = workflowLink(allInOne.temporalUiUrl, namespace);
    if (link) print(`       its workflow: ${link(documentId)}`);
    const telling = tellProgress(countersign, documentId, { print, signal });
    await sign(allInOne, documentId, signal);
    await telling;
    return await countersign.waitForOutcome(documentId, { signal });
  } finally {
    await countersign.close();
  }
}

async function sign({ sandbox }: AllInOne, documentId: string, signal: AbortSignal): Promise<void> {
  for (const { id } of sandbox?.document(documentId).signers ?? []) {
    for (const status of ['emailOpened', 'visited', 'signed']) {
      await delay(STEP_MS, undefined, { signal });
      sandbox?.advanceSigner(id, { status });
    }
  }
}

async function tellProgress(
  countersign: Countersign,
  documentId: string,
  { print, signal }: DemoSurroundings,
): Promise<void> {
  let told = '';
  let view = await countersign.progress(documentId);
  for (;;) {
    const line = progressLine(view);
    if (line !== told) print(`       ${line}`);
    told = line;
    if (view.outcome) return;
    view = await countersign.waitForChange(documentId, view.revision, { signal });
  }
}

function progressLine({ status, signers, outcome }: ProgressView): string {
  const each = signers.map((signer, index) => `signer ${index + 1} ${signer.status}`);
  return [`document ${outcome?.kind ?? status}`, ...each].join(' · ');
}
