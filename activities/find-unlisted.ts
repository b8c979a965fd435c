import { Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { WORKFLOW_TYPES } from '../workflows/contract.js';
import type { Activities, FindUnlistedInput, FindUnlistedResult } from '../workflows/contract.js';
import { fingerprintOf, wasListed } from '../workflows/listed-documents.js';
import { withFailures } from './failures.js';
import { withHeartbeat } from './heartbeat.js';
import { countWorkflows, listWorkflowIds } from './listed-workflows.js';

/** 5,000 IDs are 200 kB of an activity's result. */
const FOUND_AT_ONCE = 5_000;

/**
 * The activity that goes through the open documents in Temporal's visibility and returns those that
 * no listing showed: archived at the provider, or gone. Where a listing showed as many open
 * documents as there are, and none has closed meanwhile, there is nothing to look for.
 */
export function createFindUnlisted(client: Client): Activities['findUnlisted'] {
  return (input, listed) =>
    withFailures(() => withHeartbeat((note) => find(client, input, listed, note)));
}

async function find(
  client: Client,
  input: FindUnlistedInput,
  listed: Uint8Array,
  note: (details: unknown) => void,
): Promise<FindUnlistedResult> {
  if (input.after === undefined && (await areAllListed(client, input))) {
    return { documentIds: [], open: input.openListed ?? 0 };
  }
  const signal = Context.current().cancellationSignal;
  const documentIds: string[] = [];
  let open = 0;
  let nextPageToken: Buffer = Buffer.from(input.after ?? '', 'base64');
  for (;;) {
    signal.throwIfAborted();
    const page = await listWorkflowIds(client, openQuery(input), nextPageToken);
    open += page.workflowIds.length;
    const ids = page.workflowIds.map((id) => id.replace(/^document:/, ''));
    documentIds.push(...ids.filter((id) => !wasListed(listed, fingerprintOf(input.seed, id))));
    nextPageToken = page.nextPageToken;
    note({ open, unlisted: documentIds.length });
    if (nextPageToken.length === 0) return { documentIds, open };
    if (documentIds.length >= FOUND_AT_ONCE) {
      return { documentIds, open, next: nextPageToken.toString('base64') };
    }
  }
}

async function areAllListed(client: Client, input: FindUnlistedInput): Promise<boolean> {
  if (input.openListed === undefined) return false;
  const closed = `WorkflowType = '${WORKFLOW_TYPES.documentSigning}' AND CloseTime >= '${input.startedAt}'`;
  // Those that began meanwhile too: listed ones of them are among those that were seen.
  const { startedAt: _anytime, ...rest } = input;
  const counts = await Promise.all([
    countWorkflows(client, openQuery(rest)),
    countWorkflows(client, closed),
  ]);
  return counts[0] === input.openListed && counts[1] === 0;
}

type OpenDocuments = Pick<FindUnlistedInput, 'group' | 'groups'> &
  Partial<Pick<FindUnlistedInput, 'startedAt'>>;

/** With `startedAt`: documents that began after the run are none of its business. */
function openQuery({ startedAt, group, groups }: OpenDocuments): string {
  const wanted = groups.map((slug) => `'${slug}'`).join(',');
  // A workflow may not know its group yet.
  const inGroups = `(DocumentGroup IN (${wanted}) OR DocumentGroup IS NULL)`;
  return [
    `WorkflowType = '${WORKFLOW_TYPES.documentSigning}'`,
    `ExecutionStatus = 'Running'`,
    ...(startedAt === undefined ? [] : [`StartTime < '${startedAt}'`]),
    ...(group === undefined ? [] : [`DocumentGroup = '${group}'`]),
    ...(group === undefined && groups.length > 0 ? [inGroups] : []),
  ].join(' AND ');
}
