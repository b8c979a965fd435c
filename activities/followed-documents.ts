import { Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { LRUCache } from 'lru-cache';
import { FOLLOWED_QUERY } from './known-documents.js';
import { countWorkflows, listWorkflowIds, type ListedWorkflows } from './listed-workflows.js';

/** Reading as many takes a development server half a second; counting those on a page, 6 ms. */
const FOLLOWED_MAX = 3_000;

/** Runs under way at once: the nightly one and some by hand. */
const RUNS_MAX = 4;

/** Which documents had a workflow when a run first asked. */
export interface FollowedDocuments {
  /** Their Workflow IDs; undefined where they are too many, or cannot be listed. Never fails. */
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
      const asked = readFollowed(client).catch((error: unknown) => {
        // A page can be looked up by itself; the next one tries again.
        runs.delete(run);
        const why = { error: String(error) };
        Context.current().log.warn('the documents that are followed could not be listed', why);
        return undefined;
      });
      runs.set(run, asked);
      return asked;
    },
  };
}

async function readFollowed(client: Client): Promise<ReadonlySet<string> | undefined> {
  if ((await countWorkflows(client, FOLLOWED_QUERY)) > FOLLOWED_MAX) return undefined;
  const found = new Set<string>();
  let page: ListedWorkflows = { workflowIds: [], nextPageToken: Buffer.alloc(0) };
  do {
    page = await listWorkflowIds(client, FOLLOWED_QUERY, page.nextPageToken);
    for (const workflowId of page.workflowIds) found.add(workflowId);
  } while (page.nextPageToken.length > 0);
  return found;
}
