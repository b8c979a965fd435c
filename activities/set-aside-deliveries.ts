import { WorkflowNotFoundError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import { decodePayload } from '../codec/data-converter.js';
import { WORKFLOW_TYPES } from '../workflows/contract.js';
import type { CallbackDeliveryInput, CallbackDeliveryResult } from '../workflows/contract.js';

/** A delivery that ended with entries set aside. */
export interface SetAsideDelivery {
  readonly input: CallbackDeliveryInput;
  /** Positions of the readable changes among them. */
  readonly indexes: readonly number[];
  /** Entries that nothing can be done about here: unreadable ones, unknown hints. */
  readonly others: number;
  readonly examples: readonly string[];
}

const VISIBILITY_DEADLINE_MS = 30_000;

/** Workflow IDs of deliveries that ended with entries set aside, the latest first. */
export async function listSetAside(client: Client, limit: number): Promise<string[]> {
  const query = `WorkflowType = '${WORKFLOW_TYPES.callbackDelivery}' AND ExecutionStatus = 'Completed' AND EntriesSetAside > 0`;
  return client.withDeadline(Date.now() + VISIBILITY_DEADLINE_MS, async () => {
    const workflowIds: string[] = [];
    for await (const { workflowId } of client.workflow.list({ query, pageSize: limit })) {
      workflowIds.push(workflowId);
      if (workflowIds.length >= limit) break;
    }
    return workflowIds;
  });
}

/** A delivery's set-aside entries, from its history; undefined once the server has let it go. */
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
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
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
