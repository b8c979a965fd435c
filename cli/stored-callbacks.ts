/** The callbacks that Temporal keeps, each a workflow `callbackDelivery`. */
import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
  WorkflowNotFoundError,
  type Client,
} from '@temporalio/client';
import { decodePayload, DecryptionError } from '../codec/data-converter.js';
import { readEncryptionKeys } from '../codec/encryption-keys.js';
import { Settings, type Environment } from '../configuration/settings.js';
import { DEFAULT_TASK_QUEUE, WORKFLOW_TYPES } from '../workflows/contract.js';
import type { CallbackDeliveryInput, CallbackDeliveryResult } from '../workflows/contract.js';
import { ensureReached, openTemporal } from './temporal-connection.js';

/** A callback in a list. Counts are undefined while it is being delivered. */
export interface StoredCallback {
  readonly workflowId: string;
  /** Temporal's word: `RUNNING`, `COMPLETED` … */
  readonly state: string;
  readonly source?: CallbackDeliveryInput['source'];
  readonly receivedAt?: string;
  readonly changes?: number;
  readonly delivered?: number | undefined;
  readonly setAside?: number | undefined;
  /** Why nothing more is known of it: the key that it is encrypted under is not there. */
  readonly unreadable?: string;
}

/** A callback whole. */
export interface ShownCallback {
  readonly workflowId: string;
  readonly state: string;
  readonly input: CallbackDeliveryInput;
  readonly result: CallbackDeliveryResult | undefined;
}

/** Asks Temporal about callbacks. */
export interface StoredCallbacks {
  list(options: {
    readonly count: number;
    readonly onlySetAside: boolean;
  }): Promise<StoredCallback[]>;
  /** @throws Error where no callback has this ID (any more), or where its key is not there */
  show(workflowId: string): Promise<ShownCallback>;
  /**
   * Starts another delivery of the same changes; of one that was held, only if told so.
   * @returns its Workflow ID
   */
  replay(workflowId: string, options: { readonly releasesHeld: boolean }): Promise<string>;
}

/**
 * @throws UnreachableError when Temporal does not answer;
 *   ConfigurationError with every problem of the encryption keys
 */
export async function withStoredCallbacks<Answer>(
  environment: Environment,
  use: (callbacks: StoredCallbacks) => Promise<Answer>,
): Promise<Answer> {
  const settings = new Settings(environment);
  const taskQueue = settings.text('COUNTERSIGN_TASK_QUEUE') ?? DEFAULT_TASK_QUEUE;
  const encryptionKeys = readEncryptionKeys(settings);
  settings.check();
  const { client, connection, address } = openTemporal(environment, encryptionKeys);
  try {
    await ensureReached({ connection, address });
    return await use({
      list: (options) => listStored(client, options),
      show: (workflowId) => show(client, workflowId),
      replay: (workflowId, { releasesHeld }) =>
        replay({ client, taskQueue }, workflowId, releasesHeld),
    });
  } finally {
    await connection.close();
  }
}

/** What leaves the retention while it is listed is left out. */
export async function listStored(
  client: Client,
  { count, onlySetAside }: { readonly count: number; readonly onlySetAside: boolean },
): Promise<StoredCallback[]> {
  const query =
    `WorkflowType = '${WORKFLOW_TYPES.callbackDelivery}'` +
    (onlySetAside ? ' AND EntriesSetAside > 0' : '');
  const listed: Pick<StoredCallback, 'workflowId' | 'state'>[] = [];
  for await (const { workflowId, status } of client.workflow.list({ query, pageSize: count })) {
    listed.push({ workflowId, state: status.name });
    if (listed.length >= count) break;
  }
  const found: StoredCallback[] = [];
  for (const each of listed) {
    const shown = await read(client, each.workflowId);
    if (shown === undefined) continue;
    const isSealed = shown instanceof DecryptionError;
    found.push(isSealed ? { ...each, unreadable: shown.message } : summaryOf(shown));
  }
  return found;
}

function summaryOf({ workflowId, state, input, result }: ShownCallback): StoredCallback {
  return {
    ...{ workflowId, state, source: input.source, receivedAt: input.receivedAt },
    changes: input.changes.length,
    delivered: result?.delivered,
    setAside: result?.setAside.reduce((sum, { count }) => sum + count, 0),
  };
}

async function show(client: Client, workflowId: string): Promise<ShownCallback> {
  const shown = await read(client, workflowId);
  if (shown === undefined) throw new Error(`no callback ${workflowId} is stored (any more)`);
  if (!(shown instanceof DecryptionError)) return shown;
  throw new Error(`${workflowId} cannot be read: ${shown.message}`, { cause: shown });
}

/** Undefined: Temporal does not know it, or does not any more. */
async function read(
  client: Client,
  workflowId: string,
): Promise<ShownCallback | DecryptionError | undefined> {
  const handle = client.workflow.getHandle(workflowId);
  try {
    const { status } = await handle.describe();
    const { events } = await handle.fetchHistory();
    const [started] = events ?? [];
    const payloads = started?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
    const [payload] = payloads;
    if (!payload) throw new Error(`${workflowId} is no stored callback`);
    const { loadedDataConverter } = client.options;
    const input = await decodePayload<CallbackDeliveryInput>(loadedDataConverter, payload);
    const result =
      status.name === 'COMPLETED' ? ((await handle.result()) as CallbackDeliveryResult) : undefined;
    return { workflowId, state: status.name, input, result };
  } catch (error) {
    if (error instanceof DecryptionError) return error;
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** More replays than this of one callback are a script that does not stop. */
const REPLAYS_MAX = 1000;

/** The first free number is taken: two who replay at once get one each. */
async function replay(
  { client, taskQueue }: { readonly client: Client; readonly taskQueue: string },
  original: string,
  releasesHeld: boolean,
): Promise<string> {
  const { input } = await show(client, original);
  const { source, receivedAt, changes, hints, held } = input;
  if (held !== undefined && !releasesHeld) {
    throw new Error(`${original} was held: ${held}. To deliver it all the same: --held`);
  }
  // What could not be read then cannot be read now, and would only be counted once more.
  const again = { source, receivedAt, changes, ...(hints && { hints }), setAside: [] };
  for (let number = 1; number <= REPLAYS_MAX; number += 1) {
    const workflowId = `${original}:replay:${number}`;
    try {
      await client.workflow.start(WORKFLOW_TYPES.callbackDelivery, {
        workflowId,
        taskQueue,
        args: [again],
        workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
        staticSummary: `${original} once more`,
      });
      return workflowId;
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
  }
  throw new Error(`${original} has been replayed ${REPLAYS_MAX} times`);
}
