import { Context } from '@temporalio/activity';
import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdReusePolicy,
  type Client,
} from '@temporalio/client';
import { WORKFLOW_TYPES } from '../workflows/contract.js';
import type { Activities, RetrySetAsideInput, RetrySetAsideResult } from '../workflows/contract.js';
import { namedAmong } from '../workflows/set-aside.js';
import { formatHash, hash64 } from '../workflows/status-digest.js';
import { withFailures } from './failures.js';
import { withHeartbeat } from './heartbeat.js';
import { unnamedChanges } from './parcels.js';
import { listSetAside, readSetAside, type SetAsideDelivery } from './set-aside-deliveries.js';
import { CALL_DEADLINE_MS, type Documents } from './signal-document.js';
import type { SignerRoutes } from './signer-routes.js';

/** What the activity works with. */
export interface RetrySetAsideDependencies extends Documents {
  readonly routes: SignerRoutes;
}

type Report = Omit<RetrySetAsideResult, 'next'>;

const EXAMPLES_KEPT = 20;

/**
 * The activity that looks once more whether entries set aside have a document by now, and starts a
 * delivery of their own for those that do. Its ID follows from the entries: it is started once.
 */
export function createRetrySetAside(
  dependencies: RetrySetAsideDependencies,
): Activities['retrySetAside'] {
  return (input) =>
    withFailures(() => withHeartbeat((note) => retryAll(dependencies, input, note)));
}

async function retryAll(
  dependencies: RetrySetAsideDependencies,
  input: RetrySetAsideInput,
  note: (details: unknown) => void,
): Promise<RetrySetAsideResult> {
  const { workflowIds, next } = await deliveriesOf(dependencies.client, input);
  const reports: Report[] = [];
  for (const workflowId of workflowIds) {
    note({ deliveries: reports.length });
    const delivery = await readSetAside(dependencies.client, workflowId);
    if (delivery) reports.push(await retryOne(dependencies, workflowId, delivery));
  }
  return {
    deliveries: reports.length,
    redelivered: reports.reduce((sum, { redelivered }) => sum + redelivered, 0),
    remaining: reports.reduce((sum, { remaining }) => sum + remaining, 0),
    examples: reports.flatMap(({ examples }) => examples).slice(0, EXAMPLES_KEPT),
    ...(next !== undefined && { next }),
  };
}

async function deliveriesOf(
  client: Client,
  { workflowIds, after }: RetrySetAsideInput,
): Promise<{ readonly workflowIds: readonly string[]; readonly next?: string }> {
  return workflowIds ? { workflowIds } : listSetAside(client, after);
}

async function retryOne(
  dependencies: RetrySetAsideDependencies,
  workflowId: string,
  delivery: SetAsideDelivery,
): Promise<Report> {
  const routable = await routableOf(dependencies.routes, delivery);
  const isNew =
    routable.length > 0 && (await redeliver(dependencies, workflowId, delivery, routable));
  const remaining = delivery.others + delivery.indexes.length - routable.length;
  const redelivered = isNew ? routable.length : 0;
  const examples = remaining > 0 ? delivery.examples : [];
  return { deliveries: 1, redelivered, remaining, examples };
}

async function routableOf(
  routes: SignerRoutes,
  { input, indexes }: SetAsideDelivery,
): Promise<number[]> {
  const unnamed = new Set(unnamedChanges(input));
  const signerIds = indexes.flatMap((index) => {
    const change = input.changes[index];
    return change?.subject === 'signer' && unnamed.has(index) ? [change.id] : [];
  });
  const { documents } = await routes.route(signerIds, {
    askProvider: true,
    signal: Context.current().cancellationSignal,
    onProgress: () => undefined,
  });
  return indexes.filter((index) => {
    const change = input.changes[index];
    if (change === undefined) return false;
    return change.subject === 'document' || !unnamed.has(index) || documents.has(change.id);
  });
}

const AGAIN = ':again:';

/**
 * The Workflow ID under which entries set aside by a delivery are delivered once more: the same for
 * the same, and no longer for one that was itself a further try, night after night.
 */
export function idOfAgain(workflowId: string, indexes: readonly number[]): string {
  const [first = workflowId] = workflowId.split(AGAIN);
  const entries = indexes.join(',');
  const told = first === workflowId ? entries : `${workflowId} ${entries}`;
  return `${first}${AGAIN}${formatHash(hash64(told))}`;
}

/** @returns whether this activity started it, not an earlier run */
async function redeliver(
  { client, taskQueue }: RetrySetAsideDependencies,
  workflowId: string,
  { input }: SetAsideDelivery,
  indexes: readonly number[],
): Promise<boolean> {
  const { source, receivedAt } = input;
  const idAgain = idOfAgain(workflowId, indexes);
  const changes = indexes.flatMap((index) => input.changes[index] ?? []);
  const again = { changes: indexes.map((index) => ({ index })), hints: [] };
  const named = namedAmong(input.named ?? [], again);
  try {
    await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
      client.workflow.start(WORKFLOW_TYPES.callbackDelivery, {
        workflowId: idAgain,
        taskQueue,
        args: [{ source, receivedAt, changes, named, setAside: [] }],
        workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
        staticSummary: `${changes.length} changes once more, set aside by ${workflowId}`,
      }),
    );
    return true;
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    return isOfThisActivity(client, idAgain);
  }
}

/** An earlier attempt may have died before it could count what it had started. */
async function isOfThisActivity(client: Client, workflowId: string): Promise<boolean> {
  const { attempt, scheduledTimestampMs } = Context.current().info;
  if (attempt === 1) return false;
  const { startTime } = await client.workflow.getHandle(workflowId).describe();
  return startTime.getTime() >= scheduledTimestampMs;
}
