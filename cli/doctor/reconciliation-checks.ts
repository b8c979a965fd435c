import { ScheduleNotFoundError } from '@temporalio/client';
import { lastCompleteRun } from '../../activities/index.js';
import { formatDuration } from '../../configuration/duration.js';
import { RECONCILIATION_SCHEDULE_ID } from '../../workflows/contract.js';
import { ok, problem, skipped, warning, type Check, type Verdict } from './check.js';
import { asking, type TemporalTarget } from './temporal-checks.js';

/** Whether the nightly Schedule is there and not paused, and when it runs next. */
export function scheduleCheck(target: TemporalTarget, cron: string | undefined): Check {
  const { client } = target;
  return {
    name: 'Schedule',
    needs: ['namespace'],
    run: async () => {
      try {
        const handle = client.schedule.getHandle(RECONCILIATION_SCHEDULE_ID);
        const { state, info } = await asking(target, () => handle.describe());
        if (state.paused) {
          const note = state.note === undefined || state.note === '' ? '' : ` (${state.note})`;
          return problem(
            `${RECONCILIATION_SCHEDULE_ID} is paused${note}: nothing repairs what callbacks miss`,
            `Unpause it: temporal schedule toggle --unpause -s ${RECONCILIATION_SCHEDULE_ID}`,
          );
        }
        return ok(`next run ${info.nextActionTimes[0]?.toISOString() ?? 'never'}`);
      } catch (error) {
        if (!(error instanceof ScheduleNotFoundError)) throw error;
        if (cron === undefined) return skipped('RECONCILE_CRON=off, and there is none');
        return problem('there is none', 'Start a worker: it creates the Schedule.');
      }
    },
  };
}

/** How long ago a reconciliation covered everything. */
export function lastReconciliationCheck(target: TemporalTarget, maxAgeMs: number): Check {
  return {
    name: 'last reconciliation',
    needs: ['search attributes'],
    run: async () => {
      const run = await asking(target, () => lastCompleteRun(target.client));
      return reconciliationVerdict(run?.startedAt, { maxAgeMs, nowMs: Date.now() });
    },
  };
}

/** Pure. */
export function reconciliationVerdict(
  startedAt: string | undefined,
  { maxAgeMs, nowMs }: { readonly maxAgeMs: number; readonly nowMs: number },
): Verdict {
  const runNow = 'Run one: countersign reconcile.';
  if (startedAt === undefined) return warning('none has covered everything yet', runNow);
  const ageMs = Math.max(0, nowMs - Date.parse(startedAt));
  const ago = `${formatDuration(Math.ceil(ageMs / 60_000) * 60_000)} ago`;
  if (ageMs <= maxAgeMs) return ok(`${startedAt}, ${ago}`);
  return problem(`${startedAt}, ${ago}: longer than ${formatDuration(maxAgeMs)}`, runNow);
}
