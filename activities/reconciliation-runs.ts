import type { Client } from '@temporalio/client';
import { RUN_MEMO, WORKFLOW_TYPES } from '../workflows/contract.js';
import type { RunMemo } from '../workflows/contract.js';

/** Runs looked at: those of one scope are many where somebody scripts them. */
const RUNS = 200;

const VISIBILITY_DEADLINE_MS = 30_000;

/** The last run that covered everything, as it says of itself. */
export async function lastCompleteRun(client: Client): Promise<RunMemo | undefined> {
  const query = `WorkflowType = '${WORKFLOW_TYPES.reconciliation}' AND ExecutionStatus = 'Completed'`;
  return client.withDeadline(Date.now() + VISIBILITY_DEADLINE_MS, async () => {
    const runs: RunMemo[] = [];
    let seen = 0;
    for await (const { memo } of client.workflow.list({ query, pageSize: RUNS })) {
      const run = memo?.[RUN_MEMO] as RunMemo | undefined;
      if (run?.isComplete && Object.keys(run.scope).length === 0) runs.push(run);
      if ((seen += 1) >= RUNS) break;
    }
    return runs.reduce<RunMemo | undefined>(
      (latest, run) => (latest && latest.startedAt > run.startedAt ? latest : run),
      undefined,
    );
  });
}
