/** The nightly Schedule and the watch over it, ensured whenever a worker starts. */
import {
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
  type Client,
  type ScheduleDescription,
  type ScheduleOptions,
} from '@temporalio/client';
import {
  RECONCILIATION_SCHEDULE_ID,
  RECONCILIATION_WATCH_WORKFLOW_ID,
  WORKFLOW_TYPES,
} from '../workflows/contract.js';
import type { ScheduleSettings } from './reconciliation-settings.js';

const CALL_DEADLINE_MS = 10_000;

/** In the action's memo, to notice a changed setting: the server rewrites expressions. */
const SETTINGS_MEMO = 'schedule';

/**
 * Creates the Schedule, or updates it where a setting changed; pausing is left to operations.
 * @returns what was done; undefined where nothing was to be done
 */
export async function ensureSchedule(
  client: Client,
  taskQueue: string,
  settings: ScheduleSettings,
): Promise<string | undefined> {
  const { cron } = settings;
  if (cron === undefined) return undefined;
  const wanted = scheduleOf(taskQueue, { ...settings, cron });
  const handle = client.schedule.getHandle(RECONCILIATION_SCHEDULE_ID);
  return client.withDeadline(Date.now() + CALL_DEADLINE_MS, async () => {
    const current = await describe(() => handle.describe());
    if (!current) return create(client, wanted);
    if (fingerprint(current.action) === fingerprint(wanted.action)) return undefined;
    await handle.update(({ state }) => ({ ...wanted, state }));
    return `the Schedule ${RECONCILIATION_SCHEDULE_ID} now follows ${cron} ${settings.timeZone}`;
  });
}

async function describe(
  ask: () => Promise<ScheduleDescription>,
): Promise<ScheduleDescription | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return undefined;
    throw error;
  }
}

async function create(client: Client, wanted: WantedSchedule): Promise<string | undefined> {
  try {
    await client.schedule.create(wanted);
    return `the Schedule ${RECONCILIATION_SCHEDULE_ID} was created`;
  } catch (error) {
    // Another worker that starts at the same moment may have been first.
    if (error instanceof ScheduleAlreadyRunning) return undefined;
    throw error;
  }
}

type WantedSchedule = ScheduleOptions & {
  readonly action: { readonly memo: Record<string, unknown>; readonly taskQueue: string };
};

function scheduleOf(
  taskQueue: string,
  { cron, timeZone, jitterMs, catchUpMs }: ScheduleSettings & { readonly cron: string },
): WantedSchedule {
  return {
    scheduleId: RECONCILIATION_SCHEDULE_ID,
    spec: { cronExpressions: [cron], timezone: timeZone, jitter: jitterMs },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: catchUpMs },
    action: {
      type: 'startWorkflow',
      workflowId: RECONCILIATION_SCHEDULE_ID,
      workflowType: WORKFLOW_TYPES.reconciliation,
      taskQueue,
      args: [{}],
      memo: { [SETTINGS_MEMO]: { cron, timeZone, jitterMs, catchUpMs } },
      staticSummary: 'compare everything with the provider',
    },
  };
}

function fingerprint({ taskQueue, memo }: { taskQueue: string; memo?: unknown }): string {
  return JSON.stringify([
    taskQueue,
    (memo as Record<string, unknown> | undefined)?.[SETTINGS_MEMO],
  ]);
}

/** Starts the workflow that announces when no run has covered everything for too long. */
export async function ensureWatch(client: Client, taskQueue: string): Promise<void> {
  await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
    client.workflow.start(WORKFLOW_TYPES.reconciliationWatch, {
      workflowId: RECONCILIATION_WATCH_WORKFLOW_ID,
      taskQueue,
      args: [],
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
      staticSummary: 'announces when no reconciliation happens',
    }),
  );
}
