/** The Schedule outlives every history, and with it the key that it was encrypted under. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { ScheduleOverlapPolicy, type ScheduleHandle } from '@temporalio/client';
import type { RunningWorker } from '../worker/main.js';
import { RECONCILIATION_SCHEDULE_ID, type ReconciliationReport } from '../workflows/contract.js';
import { clientWith, workerWith } from './support/other-keys.js';
import { openStage, type Stage } from './support/stage.js';
import { until } from './support/until.js';

const [K1 = '', K2 = '', K3 = ''] = ['k1', 'k2', 'k3'].map(
  (id) => `${id}:${randomBytes(32).toString('base64')}`,
);

let stage: Stage;
let running: RunningWorker | undefined;

before(async () => {
  stage = await openStage({
    subscribes: false,
    environment: { COUNTERSIGN_ENCRYPTION_KEYS: K1, RECONCILE_CRON: '0 2 * * *' },
  });
});

after(async () => {
  await running?.close();
  await stage.close();
});

/** In place of the worker that there was. */
async function runWorker(keys: string): Promise<void> {
  await stage.stopWorker();
  await running?.close();
  running = undefined;
  running = await workerWith(stage, keys);
}

function scheduleWith(keys: string): ScheduleHandle {
  return clientWith(stage, keys).schedule.getHandle(RECONCILIATION_SCHEDULE_ID);
}

/** The IDs of all keys under which something of the Schedule is encrypted. */
async function keyIdsOfSchedule(): Promise<string[]> {
  const { namespace } = stage.client.options;
  const { schedule } = await stage.client.workflowService.describeSchedule({
    namespace,
    scheduleId: RECONCILIATION_SCHEDULE_ID,
  });
  const { input, memo, userMetadata } = schedule?.action?.startWorkflow ?? {};
  const payloads = [
    ...(input?.payloads ?? []),
    ...Object.values(memo?.fields ?? {}),
    ...(userMetadata?.summary ? [userMetadata.summary] : []),
  ];
  assert.ok(payloads.length >= 3);
  const ids = payloads.map(({ metadata }) =>
    Buffer.from(metadata?.['encryption-key-id'] ?? []).toString(),
  );
  return [...new Set(ids)];
}

/** A run as the night begins it; with the last one's result, which a Schedule hands on. */
async function runByNight(keys: string): Promise<ReconciliationReport> {
  const schedule = scheduleWith(keys);
  const { numActionsTaken: before } = (await schedule.describe()).info;
  await schedule.trigger(ScheduleOverlapPolicy.SKIP);
  const { action } = await until(async () => {
    const { info } = await schedule.describe();
    return info.numActionsTaken > before && info.recentActions.at(-1);
  });
  const { workflowId } = action.workflow;
  const report: unknown = await clientWith(stage, keys).workflow.getHandle(workflowId).result();
  // The Schedule hears of the end by a call of its own.
  await until(async () => (await schedule.describe()).info.runningActions.length === 0);
  return report as ReconciliationReport;
}

test('written anew under the key in front; what operations changed stays, and it runs', async () => {
  await runByNight(K1);
  const schedule = scheduleWith(K1);
  await schedule.update(({ spec, action, policies, state }) => ({
    ...{ spec, state, policies: { ...policies, pauseOnFailure: true } },
    action: { ...action, args: [{ group: 'sales' }] },
  }));
  // The server takes a pause that is there before the update was worked on first, and the update
  // would undo it.
  await until(async () => (await schedule.describe()).policies.pauseOnFailure);
  await schedule.pause('by operations');
  const { spec } = await schedule.describe();
  assert.deepEqual(await keyIdsOfSchedule(), ['k1']);

  await runWorker(`${K2},${K1}`);
  assert.deepEqual(await keyIdsOfSchedule(), ['k2']);
  const rotated = await scheduleWith(K2).describe();
  assert.deepEqual(rotated.spec, spec);
  assert.equal(rotated.policies.pauseOnFailure, true);
  assert.deepEqual(rotated.action.args, [{ group: 'sales' }]);
  assert.equal(rotated.state.paused, true);
  assert.equal(rotated.state.note, 'by operations');
  await runByNight(`${K2},${K1}`);

  await runWorker(K2);
  const report = await runByNight(K2);
  assert.deepEqual(report.scope, { group: 'sales' });
  assert.equal(report.isComplete, true);
});

test('where no key opens it any more, made from the settings, and as paused as it was', async () => {
  const before = await scheduleWith(K2).describe();
  await runWorker(K3);
  assert.deepEqual(await keyIdsOfSchedule(), ['k3']);
  const { spec, action, policies, state } = await scheduleWith(K3).describe();
  assert.deepEqual(spec, before.spec);
  assert.deepEqual(action.args, [{}]);
  assert.equal(policies.pauseOnFailure, false);
  assert.deepEqual(state, before.state);
  // The last run's result, which it would hand on, is under the lost key: operations delete it.
  await scheduleWith(K3).delete();
  await runWorker(K3);
  assert.equal((await runByNight(K3)).isComplete, true);
});

test('a worker that was given no key does not write in the clear what was encrypted', async () => {
  await assert.rejects(runWorker(''), /encrypted under the key k3, and this process has no key/);
  assert.deepEqual(await keyIdsOfSchedule(), ['k3']);
});
