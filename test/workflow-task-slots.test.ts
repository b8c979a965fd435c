/** The farther away Temporal is, the more Workflow Tasks a worker takes at once. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { readConfiguration } from '../worker/configuration.js';
import { startWorker } from '../worker/main.js';
import {
  roundTripMs,
  workflowTaskOptions,
  workflowTaskSlotsFor,
} from '../worker/workflow-task-slots.js';
import { openGuardedTemporal, type GuardedTemporal } from './support/guarded-temporal.js';
import { startTestServer, type TestServer } from './support/temporal.js';

let server: TestServer;
let door: GuardedTemporal;

before(async () => {
  server = await startTestServer();
  door = await openGuardedTemporal(server.address);
});

after(async () => {
  await door.close();
  await server.stop();
});

test('beside the server two, far away as many as the SDK takes by itself', () => {
  const slots = [0, 0.8, 4.9, 5, 12, 50, 1_000].map(workflowTaskSlotsFor);
  assert.deepEqual(slots, [2, 2, 2, 4, 6, 22, 40]);
  assert.deepEqual(workflowTaskOptions(40), {
    maxConcurrentWorkflowTaskExecutions: 40,
    maxConcurrentWorkflowTaskPolls: 10,
  });
});

test('the quickest of several round trips counts', async () => {
  const connection = await Connection.connect({ address: door.address });
  try {
    let asked = 0;
    door.watch(async () => {
      asked += 1;
      await delay(asked === 1 ? 500 : 60);
      return true;
    });
    const far = await roundTripMs(connection);
    // Kept back on the way there and on the way back.
    assert.ok(far >= 119 && far < 500, `${far} ms`);
    assert.equal(workflowTaskSlotsFor(far), 40);
    door.refuse('GetSystemInfo');
    await assert.rejects(roundTripMs(connection), /Request unauthorized/);
  } finally {
    await connection.close();
  }
});

test('where a tuner says how many, nothing else does: the SDK takes only one of both', async () => {
  const configuration = readConfiguration({
    LEGALESIGN_API_KEY: 'user:key',
    LOG_LEVEL: 'silent',
    RECONCILE_CRON: 'off',
  });
  const tuner = { tunerOptions: { targetMemoryUsage: 0.8, targetCpuUsage: 0.9 } };
  const { address } = server;
  const worker = await startWorker(configuration, { address, options: { tuner } });
  await worker.close();
  await worker.ended;
});
