/** Three records of each document: the provider's, Temporal's, the archive's and receivers'. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import PQueue from 'p-queue';
import type { ProgressView, SigningOutcome } from '../../client/index.js';
import type { Sandbox } from '../../sandbox/index.js';
import {
  ANNOUNCEMENT_EVENTS,
  documentWorkflowId,
  progressQuery,
  WORKFLOW_TYPES,
  type OutcomeKind,
} from '../../workflows/contract.js';
import type { FailingReceiver } from './receivers.js';

/** What must not be, by kind, each with the documents concerned. */
export interface Discrepancies {
  /** Signed, and not archived or not announced; or not followed at all. */
  readonly lost: readonly string[];
  /** Archived, announced or shown as something that it is not. */
  readonly wrong: readonly string[];
  /** Announced under two keys, or with two lives. */
  readonly doubled: readonly string[];
  /** IDs of the documents that are lost or wrong. */
  readonly differing: ReadonlySet<string>;
}

/** What is compared. */
export interface Records {
  readonly sandbox: Sandbox;
  readonly client: Client;
  readonly archiveFolder: string;
  readonly receivers: Readonly<Record<string, FailingReceiver>>;
}

type SandboxDocument = ReturnType<Sandbox['documents']>[number];

const FINALISED = 100;
const REMOVED = 40;
const REJECTED = 50;

/** What the provider says has become of it; undefined: it is open. */
export function truthOf({ status, hash }: SandboxDocument): OutcomeKind | undefined {
  if (status === FINALISED || hash !== null) return 'completed';
  if (status === REMOVED) return 'removed';
  return status === REJECTED ? 'rejected' : undefined;
}

const ASKING_AT_ONCE = 16;

/**
 * Looks at every document in all three records.
 * @param among IDs of the only documents to look at
 */
export async function compareRecords(
  records: Records,
  among?: ReadonlySet<string>,
): Promise<Discrepancies> {
  const found = { lost: [] as string[], wrong: [] as string[], doubled: [] as string[] };
  const differing = new Set<string>();
  const queue = new PQueue({ concurrency: ASKING_AT_ONCE });
  const compare = async (document: SandboxDocument): Promise<void> => {
    const truth = truthOf(document);
    const own = { lost: [], wrong: [] };
    await compareWorkflow(records, document, truth, own);
    await compareArchive(records, document, truth, own);
    compareAnnouncements(records, document, truth, own);
    found.lost.push(...own.lost);
    found.wrong.push(...own.wrong);
    if (own.lost.length + own.wrong.length > 0) differing.add(document.id);
  };
  const documents = records.sandbox.documents().filter(({ id }) => among?.has(id) ?? true);
  await queue.addAll(documents.map((document) => () => compare(document)));
  found.doubled.push(...(await secondLives(records.client)));
  for (const [name, { unverified }] of Object.entries(records.receivers)) {
    found.wrong.push(...unverified.map((reason) => `${name}: ${reason}`));
  }
  return { ...found, differing };
}

type Found = Record<'lost' | 'wrong', string[]>;

async function compareWorkflow(
  { client }: Records,
  document: SandboxDocument,
  truth: OutcomeKind | undefined,
  { lost, wrong }: Found,
): Promise<void> {
  const { id } = document;
  const handle = client.workflow.getHandle(documentWorkflowId(id));
  try {
    const { status } = await handle.describe();
    if (status.name === 'COMPLETED') {
      const { kind } = (await handle.result()) as SigningOutcome;
      if (kind !== truth) wrong.push(`${id}: ended as ${kind}, is ${truth ?? 'open'}`);
    } else if (status.name !== 'RUNNING') {
      wrong.push(`${id}: its workflow is ${status.name}`);
    } else {
      const view = await handle.query(progressQuery);
      if (truth !== undefined)
        lost.push(`${id}: ${truth}, and its workflow runs on${reason(view)}`);
      wrong.push(...signersThatDiffer(document, view));
    }
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    lost.push(`${id}: no workflow`);
  }
}

function reason({ attention }: ProgressView): string {
  return attention === undefined ? '' : ` (${attention})`;
}

function signersThatDiffer({ id, signers }: SandboxDocument, view: ProgressView): string[] {
  const shown = new Map(view.signers.map((signer) => [signer.id, signer.number]));
  return signers
    .filter((signer) => shown.get(signer.id) !== signer.status)
    .map(
      (signer) =>
        `${id}: signer ${signer.id} is ${signer.status}, shown as ${shown.get(signer.id) ?? 'nothing'}`,
    );
}

async function compareArchive(
  { archiveFolder }: Records,
  { id, hash }: SandboxDocument,
  truth: OutcomeKind | undefined,
  { lost, wrong }: Found,
): Promise<void> {
  const read = (name: string): Promise<Buffer | undefined> =>
    readFile(join(archiveFolder, id, name)).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    });
  const [receipt, pdf, auditLog] = await Promise.all([
    read('receipt.json'),
    read('document.pdf'),
    read('audit-log.pdf'),
  ]);
  if (truth !== 'completed') {
    if (receipt) wrong.push(`${id}: archived, and is ${truth ?? 'open'}`);
    return;
  }
  if (!receipt || !pdf || !auditLog) lost.push(`${id}: not archived`);
  else if (createHash('sha256').update(pdf).digest('hex') !== hash) {
    wrong.push(`${id}: the archived PDF is not the provider's`);
  }
}

/** What may be said beside the outcome: that something went wrong, which it did. */
const TROUBLE = /^document\.(needsAttention|integrityFailed|stalled)/;

function compareAnnouncements(
  { receivers }: Records,
  { id }: SandboxDocument,
  truth: OutcomeKind | undefined,
  { lost, wrong }: Found,
): void {
  for (const [name, { taken }] of Object.entries(receivers)) {
    const events = ANNOUNCEMENT_EVENTS.filter((event) => taken.has(`${id}/${event}`));
    const wanted = truth && (`document.${truth}` as const);
    if (wanted && !events.includes(wanted)) lost.push(`${id}: ${wanted} not announced by ${name}`);
    const odd = events.filter((event) => event !== wanted && !TROUBLE.test(event));
    wrong.push(...odd.map((event) => `${id}: announced as ${event} by ${name}`));
  }
}

/** A closed workflow that was started once more. */
async function secondLives(client: Client): Promise<string[]> {
  const lives = new Map<string, Set<string>>();
  const query = `WorkflowType = '${WORKFLOW_TYPES.documentSigning}'`;
  for await (const { workflowId, runId, raw } of client.workflow.list({ query })) {
    const first = [raw.firstRunId, runId].find((id) => id) ?? runId;
    lives.set(workflowId, (lives.get(workflowId) ?? new Set()).add(first));
  }
  return [...lives]
    .filter(([, firstRuns]) => firstRuns.size > 1)
    .map(([workflowId, firstRuns]) => `${workflowId} has ${firstRuns.size} lives`);
}
