/** The nightly Schedule and the watch over it, ensured whenever a worker starts. */
import {
  ScheduleAlreadyRunning,
  ScheduleClient,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
  type Client,
  type ScheduleDescription,
  type ScheduleOptions,
} from '@temporalio/client';
import { createDataConverter } from '../codec/data-converter.js';
import type { EncryptionKeys } from '../codec/encryption-keys.js';
import {
  RECONCILIATION_SCHEDULE_ID,
  RECONCILIATION_WATCH_WORKFLOW_ID,
  WORKFLOW_TYPES,
} from '../workflows/contract.js';
import type { ScheduleSettings } from './reconciliation-settings.js';

const CALL_DEADLINE_MS = 10_000;

/** In the action's memo, to notice a changed setting: the server rewrites expressions. */
const SETTINGS_MEMO = 'schedule';

/** In the action's memo: the ID of the key that encrypts the action, to notice another one. */
const KEY_MEMO = 'encryptedUnder';

/**
 * Creates the Schedule, or updates it where a setting changed; pausing is left to operations. It
 * outlives the key that it was encrypted under: where another one encrypts now, the action is
 * written anew and the rest stays; what no key opens any more is made from the settings.
 * @param keys those of `client`; without any, what its own data converter cannot read is refused
 * @returns what was done; undefined where nothing was to be done
 */
export async function ensureSchedule(
  client: Client,
  taskQueue: string,
  settings: ScheduleSettings,
  keys: EncryptionKeys = [],
): Promise<string | undefined> {
  const { cron } = settings;
  if (cron === undefined) return undefined;
  const keyId = keys[0]?.id;
  const wanted = scheduleOf(taskQueue, { ...settings, cron }, keyId);
  const { memo } = wanted.action;
  const schedules = schedulesOf(client, keys);
  const handle = schedules.getHandle(RECONCILIATION_SCHEDULE_ID);
  return client.withDeadline(Date.now() + CALL_DEADLINE_MS, async () => {
    const current = await describe(() => handle.describe());
    if (!current) return create(schedules, wanted);
    if (fingerprint(current.action) !== fingerprint(wanted.action)) {
      await handle.update(({ state }) => ({ ...wanted, state }));
      return changeOf(current.action.taskQueue, taskQueue, `${cron} ${settings.timeZone}`);
    }
    if (keyId === undefined || current.action.memo?.[KEY_MEMO] === keyId) return undefined;
    await handle.update(({ action, spec, policies, state }) => ({
      ...{ spec, policies, state },
      action: { ...action, memo },
    }));
    return `the Schedule ${RECONCILIATION_SCHEDULE_ID} is encrypted under the key ${keyId} now`;
  });
}

function changeOf(earlier: string, taskQueue: string, times: string): string {
  const change = `the Schedule ${RECONCILIATION_SCHEDULE_ID} now follows ${times}`;
  if (earlier === taskQueue) return change;
  return (
    `${change} and starts its runs on the task queue ${taskQueue}, no longer on ${earlier}: ` +
    'where that is another installation, give each a namespace of its own'
  );
}

/** With keys: a client to which what none of them opens is null. */
function schedulesOf(client: Client, keys: EncryptionKeys): ScheduleClient {
  // The converter may be an application's; and a worker that was given no key by mistake must not
  // write in the clear what was encrypted.
  if (keys.length === 0) return client.schedule;
  const { connection, options } = client;
  const dataConverter = createDataConverter(keys, 'null');
  return new ScheduleClient({ connection, namespace: options.namespace, dataConverter });
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

async function create(
  schedules: ScheduleClient,
  wanted: WantedSchedule,
): Promise<string | undefined> {
  try {
    await schedules.create(wanted);
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
  keyId: string | undefined,
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
      memo: {
        [SETTINGS_MEMO]: { cron, timeZone, jitterMs, catchUpMs },
        ...(keyId !== undefined && { [KEY_MEMO]: keyId }),
      },
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
