import { Client } from '@temporalio/client';
import { decodeUnlessSealed, DecryptionError, lookUpOptions } from '../codec/data-converter.js';
import { RUN_MEMO, WORKFLOW_TYPES } from '../workflows/contract.js';
import type { RunMemo } from '../workflows/contract.js';

/** Runs looked at, and asked for at a time. */
const RUNS = 200;

/** Until one is found that covered everything: those of one scope are many, where scripted. */
const RUNS_MAX = 10_000;

const VISIBILITY_DEADLINE_MS = 30_000;

/** A run of whose scope and completeness nothing is known. */
export interface UnreadableRun {
  /** ISO 8601 UTC. */
  readonly startedAt: string;
  /** Which key is missing, and what to do. */
  readonly reason: string;
}

/** The latest runs, as they say of themselves. */
export interface CompleteRuns {
  /** The last run that covered everything. */
  readonly latest: RunMemo | undefined;
  readonly unreadable: readonly UnreadableRun[];
}

/**
 * Looks the latest runs that ended up in visibility.
 * @param runs so many at least
 */
export async function completeRuns(client: Client, runs = RUNS): Promise<CompleteRuns> {
  const query = `WorkflowType = '${WORKFLOW_TYPES.reconciliation}' AND ExecutionStatus = 'Completed'`;
  const { loadedDataConverter } = client.options;
  const lookUp = new Client(lookUpOptions(client));
  return client.withDeadline(Date.now() + VISIBILITY_DEADLINE_MS, async () => {
    let latest: RunMemo | undefined;
    const unreadable: UnreadableRun[] = [];
    let seen = 0;
    for await (const { raw, startTime } of lookUp.workflow.list({ query, pageSize: runs })) {
      const payload = raw.memo?.fields?.[RUN_MEMO];
      const run = payload && (await decodeUnlessSealed<RunMemo>(loadedDataConverter, payload));
      if (run instanceof DecryptionError) {
        unreadable.push({ startedAt: startTime.toISOString(), reason: run.message });
      } else if (run && coversEverything(run) && !(latest && latest.startedAt > run.startedAt)) {
        latest = run;
      }
      if ((seen += 1) >= (latest ? runs : RUNS_MAX)) break;
    }
    return { latest, unreadable };
  });
}

function coversEverything({ isComplete, scope }: RunMemo): boolean {
  return isComplete && Object.keys(scope).length === 0;
}

/**
 * The last run that covered everything. Where none of them can be read, the earliest one stands in
 * for it: as if there had been none, what has happened since would be no news to the next run.
 */
export async function lastCompleteRun(client: Client): Promise<RunMemo | undefined> {
  const { latest, unreadable } = await completeRuns(client);
  if (latest) return latest;
  const [startedAt] = unreadable.map((run) => run.startedAt).sort();
  if (startedAt === undefined) return undefined;
  return { startedAt, providerStartedAt: startedAt, isComplete: true, scope: {} };
}
