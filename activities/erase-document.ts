/** Erases a document: its archive, its histories, and those of the callbacks that name it alone. */
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import PQueue from 'p-queue';
import { decodePayload } from '../codec/data-converter.js';
import { documentWorkflowId, SEARCH_ATTRIBUTES, WORKFLOW_TYPES } from '../workflows/contract.js';
import type {
  ArchiveReceipt,
  CallbackDeliveryInput,
  SigningOutcome,
} from '../workflows/contract.js';
import type { Archive } from './archive/archive.js';
import { requireDocumentId } from './archive/document-id.js';
import { isNotFound } from './failures.js';

/** What erasing works with. */
export interface Erasure {
  /** Reads as null what is encrypted under a key that this process does not have. */
  readonly client: Client;
  readonly archive: Archive;
}

/** One execution whose history goes. */
export interface ErasableHistory {
  readonly workflowId: string;
  readonly runId: string;
}

/** What is there to erase. */
export interface ErasurePlan {
  readonly documentId: string;
  /** Of the archive: paths. */
  readonly files: readonly string[];
  readonly histories: readonly ErasableHistory[];
  /** Callbacks that name other documents too: they stay until the retention ends. */
  readonly shared: readonly string[];
  /** Callbacks that cannot be read, and so may name the document or its signers: they stay. */
  readonly unreadable: readonly string[];
  /** Why nothing can be erased now; undefined where all can. */
  readonly obstacle: string | undefined;
  /** What stays. */
  readonly tombstone: ArchiveReceipt;
}

const CALL_DEADLINE_MS = 30_000;
const CALLS_AT_ONCE = 8;
/** Of a document whose workflow is forgotten: there is none to tell apart. */
const NO_WORKFLOW = { workflowId: '', firstExecutionRunId: '' };

/** What an erasure is asked for. */
export interface ErasureOrder {
  readonly documentId: string;
  /** The time, ISO 8601 UTC. */
  readonly nowIso: string;
  /** Nobody has the key of some callbacks any more: whom they name is given up. */
  readonly leavesUnreadable?: boolean;
}

/** Looks for everything that belongs to a document. Changes nothing. */
export async function planErasure(
  { client, archive }: Erasure,
  { documentId: id, nowIso, leavesUnreadable = false }: ErasureOrder,
): Promise<ErasurePlan> {
  const documentId = requireDocumentId(id);
  const receipt = await archive.readReceipt(documentId);
  const own = await documentRuns(client, documentId);
  const signerIds = new Set([
    ...own.flatMap(({ signerIds: ids }) => ids),
    ...(receipt?.changes ?? []).flatMap(({ subject, id: each }) =>
      subject === 'signer' ? [each] : [],
    ),
  ]);
  const deliveries = await deliveriesNaming(client, documentId, signerIds);
  const unreadable = deliveries.filter(({ naming }) => naming === 'unknown');
  const deliveredAlone = deliveries.filter(({ naming }) => naming === 'alone');
  const isOpen = [...own, ...deliveries].some((each) => each.isOpen);
  // Without a receipt its outcome alone names all signers.
  const isSealed = unreadable.length > 0 || (!receipt && own.some(({ isReadable }) => !isReadable));
  return {
    documentId,
    files: await archive.listErasable(documentId),
    // The document's own last: they name the signers, by which the others are found.
    histories: [...deliveredAlone, ...own].map(({ workflowId, runId }) => ({ workflowId, runId })),
    shared: idsOf(deliveries.filter(({ naming }) => naming === 'shared')),
    unreadable: idsOf(unreadable),
    obstacle: obstacleOf(documentId, isOpen, isSealed && !leavesUnreadable),
    tombstone: {
      documentId,
      archivedAt: receipt?.archivedAt ?? '',
      erasedAt: receipt?.erasedAt ?? nowIso,
      files: receipt?.files ?? [],
      providerHash: receipt?.providerHash ?? '',
      // Signers' IDs, needed until all histories are gone.
      changes: receipt?.changes ?? [],
      workflow: receipt?.workflow ?? NO_WORKFLOW,
    },
  };
}

function obstacleOf(documentId: string, isOpen: boolean, isSealed: boolean): string | undefined {
  if (isOpen) {
    return (
      `document ${documentId}, or a callback of it or one that cannot be read, is still open in ` +
      'Temporal: remove the document at the provider, or wait until its workflows have ended, and ' +
      'erase it then'
    );
  }
  if (!isSealed) return undefined;
  return (
    'what names the signers, or callbacks that may name them, is encrypted under a key that is not ' +
    'among COUNTERSIGN_ENCRYPTION_KEYS: add it (behind the first), or, where nobody has it any more, ' +
    'say --leave-unreadable: such callbacks stay until the retention ends, and are not found again'
  );
}

function idsOf(histories: readonly ErasableHistory[]): readonly string[] {
  return histories.map(({ workflowId }) => workflowId);
}

/**
 * Carries a plan out: tombstone, files, callbacks' histories, the document's own, and last the
 * tombstone once more without signers' IDs. Killed anywhere, a new plan finds the rest.
 * @throws Error where the plan names an obstacle
 */
export async function eraseDocument(
  { client, archive }: Erasure,
  { documentId, histories, obstacle, tombstone }: ErasurePlan,
): Promise<void> {
  if (obstacle !== undefined) throw new Error(obstacle);
  await archive.erase(documentId, tombstone);
  for (const history of histories) await deleteHistory(client, history);
  await archive.erase(documentId, { ...tombstone, changes: [] });
}

interface FoundRun extends ErasableHistory {
  readonly isOpen: boolean;
}

interface OwnRun extends FoundRun {
  readonly signerIds: readonly string[];
  readonly isReadable: boolean;
}

async function documentRuns(client: Client, documentId: string): Promise<readonly OwnRun[]> {
  const runs: OwnRun[] = [];
  const query = `WorkflowId = '${documentWorkflowId(documentId)}'`;
  for await (const execution of client.workflow.list({ query })) {
    const { workflowId, runId, status, typedSearchAttributes } = execution;
    const isCompleted = status.name === 'COMPLETED';
    const atTheEnd = isCompleted ? await signersAtTheEnd(client, { workflowId, runId }) : [];
    const searchable = typedSearchAttributes.get(SEARCH_ATTRIBUTES.signerIds) ?? [];
    const signerIds = [...searchable, ...(atTheEnd ?? [])];
    const isReadable = atTheEnd !== undefined;
    runs.push({ workflowId, runId, isOpen: status.name === 'RUNNING', signerIds, isReadable });
  }
  return runs;
}

/**
 * The search attribute has room for some of many signers; the outcome names all.
 * @returns undefined where it cannot be read
 */
async function signersAtTheEnd(
  client: Client,
  { workflowId, runId }: ErasableHistory,
): Promise<readonly string[] | undefined> {
  try {
    const handle = client.workflow.getHandle(workflowId, runId, { followRuns: false });
    const outcome = await client.withDeadline(
      Date.now() + CALL_DEADLINE_MS,
      () => handle.result() as Promise<SigningOutcome | null>,
    );
    return outcome?.signers.map(({ id }) => id);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return [];
    throw error;
  }
}

interface FoundDelivery extends FoundRun {
  readonly naming: Exclude<Naming, 'others'> | 'unknown';
}

/** Visibility does not know what a callback names: every one that is kept is looked into. */
async function deliveriesNaming(
  client: Client,
  documentId: string,
  signerIds: ReadonlySet<string>,
): Promise<readonly FoundDelivery[]> {
  const found: FoundDelivery[] = [];
  const queue = new PQueue({ concurrency: CALLS_AT_ONCE });
  const query = `WorkflowType = '${WORKFLOW_TYPES.callbackDelivery}'`;
  const look = async ({ workflowId, runId }: ErasableHistory, isOpen: boolean): Promise<void> => {
    const input = await inputOf(client, { workflowId, runId });
    if (input === undefined) return;
    const naming = input === null ? 'unknown' : namingOf(input, documentId, signerIds);
    if (naming !== 'others') found.push({ workflowId, runId, isOpen, naming });
  };
  const looks: (() => Promise<void>)[] = [];
  for await (const { workflowId, runId, status } of client.workflow.list({ query })) {
    looks.push(() => look({ workflowId, runId }, status.name === 'RUNNING'));
  }
  await queue.addAll(looks);
  return found;
}

/** This document and its signers, them and others, or others only. */
export type Naming = 'alone' | 'shared' | 'others';

/** Whom a callback names. */
export function namingOf(
  { changes, hints = [], setAside }: CallbackDeliveryInput,
  documentId: string,
  signerIds: ReadonlySet<string>,
): Naming {
  const own = (id: string): boolean => id === documentId || signerIds.has(id);
  const ids = [...changes.map(({ id }) => id), ...hints];
  // What could not be read may name anybody.
  const isWhole = ids.every(own) && setAside.length === 0;
  if (!ids.some(own)) return 'others';
  return isWhole ? 'alone' : 'shared';
}

/** @returns undefined where the history is gone, null where it cannot be read */
async function inputOf(
  client: Client,
  execution: ErasableHistory,
): Promise<CallbackDeliveryInput | null | undefined> {
  try {
    const { history } = await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
      client.workflowService.getWorkflowExecutionHistory({
        namespace: client.options.namespace,
        execution,
        maximumPageSize: 1,
      }),
    );
    const [started] = history?.events ?? [];
    const payload = started?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0];
    return payload && (await decodePayload(client.options.loadedDataConverter, payload));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function deleteHistory(client: Client, workflowExecution: ErasableHistory): Promise<void> {
  try {
    await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
      client.workflowService.deleteWorkflowExecution({
        namespace: client.options.namespace,
        workflowExecution,
      }),
    );
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
