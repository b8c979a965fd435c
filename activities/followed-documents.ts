import type { Client } from '@temporalio/client';
import { LRUCache } from 'lru-cache';
import { FOLLOWED_QUERY } from './known-documents.js';

/** 100 bytes each. Of more it is cheaper to ask page by page. */
const FOLLOWED_MAX = 10_000;

const PER_PAGE = 1_000;

/** Runs under way at once: the nightly one and some by hand. */
const RUNS_MAX = 4;

/** Which documents had a workflow when a run first asked. */
export interface FollowedDocuments {
  /** Their Workflow IDs; undefined where they are too many. */
  of(run: string): Promise<ReadonlySet<string> | undefined>;
}

/**
 * Reads them once for each run: where a listing shows many documents that nobody follows, looking
 * every page up in visibility costs more than all the rest of the run.
 */
export function createFollowedDocuments(client: Client): FollowedDocuments {
  const runs = new LRUCache<string, Promise<ReadonlySet<string> | undefined>>({ max: RUNS_MAX });
  return {
    of(run) {
      const known = runs.get(run);
      if (known) return known;
      const asked = readFollowed(client);
      runs.set(run, asked);
      // The next page asks again.
      asked.catch(() => runs.delete(run));
      return asked;
    },
  };
}

async function readFollowed(client: Client): Promise<ReadonlySet<string> | undefined> {
  const query = FOLLOWED_QUERY;
  if ((await client.workflow.count(query)).count > FOLLOWED_MAX) return undefined;
  const found = new Set<string>();
  const { namespace } = client.options;
  let token = new Uint8Array();
  do {
    // The client's own listing decodes what each knows, which nobody reads here.
    const { executions, nextPageToken } = await client.workflowService.listWorkflowExecutions({
      ...{ namespace, query, pageSize: PER_PAGE, nextPageToken: token },
    });
    for (const { execution } of executions) {
      if (execution?.workflowId) found.add(execution.workflowId);
    }
    token = Uint8Array.from(nextPageToken);
  } while (token.length > 0);
  return found;
}
