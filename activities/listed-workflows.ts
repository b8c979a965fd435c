import type { Client } from '@temporalio/client';

/** Of one call to visibility. */
export const VISIBILITY_DEADLINE_MS = 30_000;

/** The server's own limit. */
const PAGE_SIZE = 1_000;

/** A page of Workflow IDs. */
export interface ListedWorkflows {
  readonly workflowIds: readonly string[];
  /** Of the next page; empty: there is none. */
  readonly nextPageToken: Buffer;
}

/** Asks visibility for IDs alone: the client's own listing decodes what each execution knows. */
export async function listWorkflowIds(
  client: Client,
  query: string,
  nextPageToken: Buffer,
  pageSize = PAGE_SIZE,
): Promise<ListedWorkflows> {
  const { namespace } = client.options;
  const page = await client.withDeadline(Date.now() + VISIBILITY_DEADLINE_MS, () =>
    client.workflowService.listWorkflowExecutions({
      ...{ namespace, query, pageSize, nextPageToken },
    }),
  );
  return {
    workflowIds: page.executions.flatMap(({ execution }) => execution?.workflowId ?? []),
    nextPageToken: Buffer.from(page.nextPageToken),
  };
}

/** Executions that a query matches. */
export function countWorkflows(client: Client, query: string): Promise<number> {
  return client.withDeadline(Date.now() + VISIBILITY_DEADLINE_MS, async () => {
    return (await client.workflow.count(query)).count;
  });
}
