/** Erases a document: its archive, its histories, and those of the callbacks that name it alone. */
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import PQueue from 'p-queue';
import { decodePayload } from '../codec/data-converter.js';
import type { ProviderClient } from '../provider/provider-client.js';
import {
  canonicalId,
  documentWorkflowId,
  SEARCH_ATTRIBUTES,
  WORKFLOW_TYPES,
} from '../workflows/contract.js';
import type {
  ArchiveReceipt,
  CallbackDeliveryInput,
  DocumentSnapshot,
  OutcomeKind,
  SigningOutcome,
} from '../workflows/contract.js';
import type { Archive } from './archive/archive.js';
import { requireDocumentId } from './archive/document-id.js';
import { endAtProvider } from './compare-document.js';
import { isNotFound, isPermissionDenied } from './failures.js';

/** What erasing works with. */
export interface Erasure {
  /** Reads as null what is encrypted under a key that this process does not have. */
  readonly client: Client;
  readonly archive: Archive;
  /** Undefined: it is not asked whether a document is still open there. */
  readonly provider: Pick<ProviderClient, 'getDocument'> | undefined;
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
  /** By whom callbacks were found, and which were looked into. */
  readonly sought: Sought;
}

const CALL_DEADLINE_MS = 30_000;
const CALLS_AT_ONCE = 8;
const NIL_UUID = '00000000-0000-0000-0000-000000000000';
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

/**
 * Looks for everything that belongs to a document. Changes nothing.
 * @throws Error where the provider cannot be asked
 */
export async function planErasure(
  { client, archive, provider }: Erasure,
  { documentId: id, nowIso, leavesUnreadable = false }: ErasureOrder,
): Promise<ErasurePlan> {
  const documentId = requireDocumentId(canonicalId(id) ?? id);
  const receipt = await archive.readReceipt(documentId);
  // What is in the archive was signed: nothing can come of it any more.
  const shown = receipt ? undefined : await shownBy(provider, documentId);
  const found = await findRuns(client, documentId, {
    signerIds: new Set(signersOf(receipt)),
    looked: new Set(),
  });
  const { own, deliveries, sought } = found;
  const unreadable = deliveries.filter(({ naming }) => naming === 'unknown');
  // Without a receipt its outcome alone names all signers.
  const isSealed = unreadable.length > 0 || (!receipt && own.some(({ isReadable }) => !isReadable));
  const isKnown = [receipt, shown, ...own, ...deliveries].some((each) => each !== undefined);
  const outcome = receipt ? receipt.outcome : endOf(own, shown);
  return {
    documentId,
    files: await archive.listErasable(documentId),
    histories: erasable(found),
    shared: idsOf(deliveries.filter(({ naming }) => naming === 'shared')),
    unreadable: idsOf(unreadable),
    obstacle: obstacleOf(documentId, {
      isKnown,
      isOpen: isAnyOpen(found),
      isOpenThere: shown !== undefined && endAtProvider(shown) === undefined,
      isSealed: isSealed && !leavesUnreadable,
    }),
    tombstone: {
      documentId,
      archivedAt: receipt?.archivedAt ?? '',
      erasedAt: receipt?.erasedAt ?? nowIso,
      files: receipt?.files ?? [],
      providerHash: receipt?.providerHash ?? '',
      // Signers' IDs, needed until all histories are gone.
      changes: receipt?.changes ?? [],
      workflow: receipt?.workflow ?? NO_WORKFLOW,
      ...(outcome && { outcome }),
    },
    sought,
  };
}

async function shownBy(
  provider: Erasure['provider'],
  documentId: string,
): Promise<DocumentSnapshot | undefined> {
  try {
    return await provider?.getDocument(documentId);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(
      `nothing was erased: whether document ${documentId} is still open at the provider could not ` +
        `be asked (${why}); --without-provider erases it all the same`,
      { cause: error },
    );
  }
}

function signersOf(receipt: ArchiveReceipt | undefined): string[] {
  const changes = receipt?.changes ?? [];
  return changes.flatMap(({ subject, id }) => (subject === 'signer' ? [id] : []));
}

/** How a document that is not in the archive ended, by its last run or else by the provider. */
function endOf(own: readonly OwnRun[], shown: DocumentSnapshot | undefined): OutcomeKind {
  const here = own.find(({ outcome }) => outcome !== undefined)?.outcome;
  return here ?? (shown && endAtProvider(shown)) ?? 'stopped';
}

interface Standing {
  readonly isKnown: boolean;
  readonly isOpen: boolean;
  readonly isOpenThere: boolean;
  readonly isSealed: boolean;
}

function obstacleOf(documentId: string, standing: Standing): string | undefined {
  if (!standing.isKnown) {
    return (
      `nothing is known of document ${documentId}: not in the archive, in Temporal or at the ` +
      'provider; is it the right ID?'
    );
  }
  if (standing.isOpen) {
    return (
      `document ${documentId}, or a callback of it or one that cannot be read, is still open in ` +
      'Temporal: remove the document at the provider, or wait until its workflows have ended, and ' +
      'erase it then'
    );
  }
  if (standing.isOpenThere) {
    return (
      `document ${documentId} is still open at the provider, and a contract signed there would not ` +
      'be archived any more: remove it there first, or say --without-provider'
    );
  }
  if (!standing.isSealed) return undefined;
  return (
    'what names the signers, or callbacks that may name them, is encrypted under a key that is not ' +
    'among COUNTERSIGN_ENCRYPTION_KEYS: add it (behind the first), or, where nobody has it any more, ' +
    'say --leave-unreadable: such callbacks stay until the retention ends, and are not found again'
  );
}

function idsOf(histories: readonly ErasableHistory[]): readonly string[] {
  return histories.map(({ workflowId }) => workflowId);
}

/** The document's own last: they name the signers, by which the others are found. */
function erasable({ own, deliveries }: FoundRuns): readonly ErasableHistory[] {
  const alone = deliveries.filter(({ naming }) => naming === 'alone');
  return [...alone, ...own].map(({ workflowId, runId }) => ({ workflowId, runId }));
}

/**
 * Carries a plan out: tombstone, files, callbacks' histories, the document's own, those of
 * callbacks that came meanwhile, and last the tombstone once more without signers' IDs. Killed
 * anywhere, a new plan finds the rest.
 * @throws Error where the plan names an obstacle, the right to delete is missing, or a callback
 *   that came meanwhile is still under way
 */
export async function eraseDocument(
  { client, archive }: Omit<Erasure, 'provider'>,
  { documentId, histories, obstacle, tombstone, sought: before }: ErasurePlan,
): Promise<void> {
  if (obstacle !== undefined) throw new Error(obstacle);
  await requireRightToDelete(client);
  await archive.erase(documentId, tombstone);
  let [left, sought] = [histories, before];
  do {
    for (const history of left) await deleteHistory(client, history);
    const found = await findRuns(client, documentId, sought);
    if (isAnyOpen(found)) {
      throw new Error(
        `a callback of document ${documentId} came meanwhile, and is under way: its files and most ` +
          'histories are erased; run the same command again for the rest',
      );
    }
    [left, sought] = [erasable(found), found.sought];
  } while (left.length > 0);
  await archive.erase(documentId, { ...tombstone, changes: [] });
}

interface FoundRun extends ErasableHistory {
  readonly isOpen: boolean;
}

interface OwnRun extends FoundRun {
  readonly signerIds: readonly string[];
  readonly isReadable: boolean;
  readonly outcome: OutcomeKind | undefined;
}

/** What is looked for, and what needs no second look. */
export interface Sought {
  readonly signerIds: ReadonlySet<string>;
  /** Run IDs. */
  readonly looked: ReadonlySet<string>;
}

interface FoundRuns {
  readonly own: readonly OwnRun[];
  readonly deliveries: readonly FoundDelivery[];
  /** Once all this is known. */
  readonly sought: Sought;
}

/** Runs of the document and of callbacks that name it, which were not looked into before. */
async function findRuns(client: Client, documentId: string, sought: Sought): Promise<FoundRuns> {
  const looked = new Set(sought.looked);
  const own = await documentRuns(client, documentId, looked);
  const signerIds = new Set([...sought.signerIds, ...own.flatMap((run) => run.signerIds)]);
  const deliveries = await deliveriesNaming(client, { documentId, signerIds }, looked);
  return { own, deliveries, sought: { signerIds, looked } };
}

function isAnyOpen({ own, deliveries }: FoundRuns): boolean {
  return [...own, ...deliveries].some(({ isOpen }) => isOpen);
}

async function documentRuns(
  client: Client,
  documentId: string,
  looked: Set<string>,
): Promise<readonly OwnRun[]> {
  const runs: OwnRun[] = [];
  const query = `WorkflowId = '${documentWorkflowId(documentId)}'`;
  for await (const execution of client.workflow.list({ query })) {
    const { workflowId, runId, status, typedSearchAttributes } = execution;
    if (looked.has(runId)) continue;
    looked.add(runId);
    const isCompleted = status.name === 'COMPLETED';
    const atTheEnd = isCompleted ? await signersAtTheEnd(client, { workflowId, runId }) : [];
    const searchable = typedSearchAttributes.get(SEARCH_ATTRIBUTES.signerIds) ?? [];
    const signerIds = [...searchable, ...(atTheEnd ?? [])];
    const isReadable = atTheEnd !== undefined;
    const outcome = typedSearchAttributes.get(SEARCH_ATTRIBUTES.documentOutcome) as
      OutcomeKind | undefined;
    const isOpen = status.name === 'RUNNING';
    runs.push({ workflowId, runId, isOpen, signerIds, isReadable, outcome });
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
  { documentId, signerIds }: { documentId: string; signerIds: ReadonlySet<string> },
  looked: Set<string>,
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
    if (looked.has(runId)) continue;
    looked.add(runId);
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
  const isMentioned = (entry: string): boolean =>
    [documentId, ...signerIds].some((id) => entry.toLowerCase().includes(id));
  const named = [
    ...[...changes.map(({ id }) => id), ...hints].map(own),
    // What could not be read may name anybody.
    ...setAside.map(({ entry }) => isMentioned(entry)),
  ];
  if (!named.includes(true)) return 'others';
  return named.includes(false) ? 'shared' : 'alone';
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

/** Asked before anything is touched, of a run that nobody has. */
async function requireRightToDelete(client: Client): Promise<void> {
  const nobody = { workflowId: documentWorkflowId(NIL_UUID), runId: NIL_UUID };
  try {
    await deleteHistory(client, nobody);
  } catch (error) {
    if (!isPermissionDenied(error)) throw error;
    throw new Error(
      `nothing was erased: histories are deleted by DeleteWorkflowExecution, for which there is no ` +
        `right in the namespace ${client.options.namespace}`,
      { cause: error },
    );
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
