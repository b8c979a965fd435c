import type { Client } from '@temporalio/client';
import { decodePayload, DecryptionError } from '../codec/data-converter.js';
import { SEARCH_ATTRIBUTES, WORKFLOW_TYPES } from '../workflows/contract.js';
import type { CallbackDeliveryInput, CallbackDeliveryResult } from '../workflows/contract.js';
import { isNotFound } from './failures.js';
import { listWorkflowIds } from './listed-workflows.js';

/** A delivery that ended with entries set aside. */
export interface SetAsideDelivery {
  /** Of one that does not decrypt, without entries. */
  readonly input: CallbackDeliveryInput;
  /** Positions of the readable changes among them. */
  readonly indexes: readonly number[];
  /** Entries that nothing can be done about here: unreadable ones, unknown hints. */
  readonly others: number;
  readonly examples: readonly string[];
}

/** Read one by one, each from its history. */
const DELIVERIES_PER_PAGE = 100;

const SET_ASIDE_QUERY = `WorkflowType = '${WORKFLOW_TYPES.callbackDelivery}' AND ExecutionStatus = 'Completed' AND EntriesSetAside > 0`;

/**
 * Workflow IDs of deliveries that ended with entries set aside, the latest first, a page at a time.
 * @param after where an earlier page ended
 */
export async function listSetAside(
  client: Client,
  after = '',
): Promise<{ readonly workflowIds: readonly string[]; readonly next?: string }> {
  const token = Buffer.from(after, 'base64');
  const page = await listWorkflowIds(client, SET_ASIDE_QUERY, token, DELIVERIES_PER_PAGE);
  const { workflowIds, nextPageToken } = page;
  if (nextPageToken.length === 0) return { workflowIds };
  return { workflowIds, next: nextPageToken.toString('base64') };
}

/**
 * A delivery's set-aside entries, from its history; undefined once the server has let it go. Of one
 * that does not decrypt they are counted as `others`.
 */
export async function readSetAside(
  client: Client,
  workflowId: string,
): Promise<SetAsideDelivery | undefined> {
  try {
    const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
    const payload = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0];
    const result = events?.at(-1)?.workflowExecutionCompletedEventAttributes?.result?.payloads?.[0];
    if (!payload || !result) return undefined;
    const { loadedDataConverter } = client.options;
    return setAsideOf(
      await decodePayload<CallbackDeliveryInput>(loadedDataConverter, payload),
      await decodePayload<CallbackDeliveryResult>(loadedDataConverter, result),
    );
  } catch (error) {
    if (isNotFound(error)) return undefined;
    if (error instanceof DecryptionError) return sealedDelivery(client, workflowId, error);
    throw error;
  }
}

/** How many entries it set aside stands in the clear. */
async function sealedDelivery(
  client: Client,
  workflowId: string,
  { message }: DecryptionError,
): Promise<SetAsideDelivery> {
  const { typedSearchAttributes } = await client.workflow.getHandle(workflowId).describe();
  return {
    input: { source: 'batch', receivedAt: '', changes: [], setAside: [] },
    indexes: [],
    others: typedSearchAttributes.get(SEARCH_ATTRIBUTES.entriesSetAside) ?? 1,
    examples: [`${workflowId} cannot be read: ${message}`],
  };
}

function setAsideOf(
  input: CallbackDeliveryInput,
  { setAside }: CallbackDeliveryResult,
): SetAsideDelivery {
  // What was held as too old is not delivered behind the back of that rule.
  const isHeld = input.held !== undefined;
  const indexes = isHeld ? [] : setAside.flatMap((group) => group.indexes ?? []);
  const count = setAside.reduce((sum, group) => sum + group.count, 0);
  return {
    input,
    indexes,
    others: count - indexes.length,
    examples: setAside.flatMap(({ reason, examples }) =>
      examples.slice(0, 2).map((example) => `${reason}: ${example}`),
    ),
  };
}
