import { Client, ScheduleNotFoundError, type ScheduleDescription } from '@temporalio/client';
import { completeRuns, type CompleteRuns } from '../../activities/index.js';
import { decodeUnlessSealed, DecryptionError, lookUpOptions } from '../../codec/data-converter.js';
import { formatDuration } from '../../configuration/duration.js';
import { RECONCILIATION_SCHEDULE_ID } from '../../workflows/contract.js';
import { ok, problem, skipped, warning, type Check, type Verdict } from './check.js';
import { asking, type TemporalTarget } from './temporal-checks.js';

const SEALED_TODO =
  'Give workers that key; or, where it is lost, restart one: it writes the Schedule anew.';

/** Whether the nightly Schedule is there, not paused, and readable; and when it runs next. */
export function scheduleCheck(target: TemporalTarget, cron: string | undefined): Check {
  const { client } = target;
  return {
    name: 'Schedule',
    needs: ['namespace'],
    run: async () => {
      try {
        const { schedule } = new Client(lookUpOptions(client));
        const handle = schedule.getHandle(RECONCILIATION_SCHEDULE_ID);
        const { state, info, raw } = await asking(target, () => handle.describe());
        if (state.paused) {
          const note = state.note === undefined || state.note === '' ? '' : ` (${state.note})`;
          return problem(
            `${RECONCILIATION_SCHEDULE_ID} is paused${note}: nothing repairs what callbacks miss`,
            `Unpause it: temporal schedule toggle --unpause -s ${RECONCILIATION_SCHEDULE_ID}`,
          );
        }
        const sealed = await sealedReason(client, raw);
        if (sealed !== undefined) return problem(sealed, SEALED_TODO);
        return ok(`next run ${info.nextActionTimes[0]?.toISOString() ?? 'never'}`);
      } catch (error) {
        if (!(error instanceof ScheduleNotFoundError)) throw error;
        if (cron === undefined) return skipped('RECONCILE_CRON=off, and there is none');
        return problem('there is none', 'Start a worker: it creates the Schedule.');
      }
    },
  };
}

/** Why what the Schedule starts cannot be read; undefined where it can. */
async function sealedReason(
  { options }: Client,
  { schedule }: ScheduleDescription['raw'],
): Promise<string | undefined> {
  for (const payload of schedule?.action?.startWorkflow?.input?.payloads ?? []) {
    const read = await decodeUnlessSealed(options.loadedDataConverter, payload);
    if (read instanceof DecryptionError) return read.message;
  }
  return undefined;
}

/** How long ago a reconciliation covered everything. */
export function lastReconciliationCheck(target: TemporalTarget, maxAgeMs: number): Check {
  return {
    name: 'last reconciliation',
    needs: ['search attributes'],
    run: async () => {
      const runs = await asking(target, () => completeRuns(target.client));
      return reconciliationVerdict(runs, { maxAgeMs, nowMs: Date.now() });
    },
  };
}

/** Pure. */
export function reconciliationVerdict(
  { latest, unreadable: [sealed, ...more] }: CompleteRuns,
  { maxAgeMs, nowMs }: { readonly maxAgeMs: number; readonly nowMs: number },
): Verdict {
  const runNow = 'Run one: countersign reconcile.';
  const unread = sealed ? `; ${1 + more.length} runs cannot be read: ${sealed.reason}` : '';
  if (!latest) return warning(`none is known that has covered everything${unread}`, runNow);
  const { startedAt } = latest;
  const ageMs = Math.max(0, nowMs - Date.parse(startedAt));
  const ago = `${formatDuration(Math.ceil(ageMs / 60_000) * 60_000)} ago`;
  if (ageMs <= maxAgeMs) return ok(`${startedAt}, ${ago}`);
  const age = `${startedAt}, ${ago}: longer than ${formatDuration(maxAgeMs)}`;
  return problem(`${age}${unread}`, runNow);
}
