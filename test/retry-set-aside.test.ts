import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { createRetrySetAside, idOfAgain } from '../activities/retry-set-aside.js';
import { createSignerRoutes } from '../activities/signer-routes.js';
import { createProviderClient } from '../provider/provider-client.js';
import { readConfiguration } from '../worker/configuration.js';
import { WORKFLOW_TYPES, type CallbackDeliveryInput } from '../workflows/contract.js';
import { inActivity } from './support/in-activity.js';
import { withSilentStage } from './support/reconciling.js';
import { inputOf } from './support/workflow-input.js';

test('entries that are set aside night after night are delivered under IDs of one length', () => {
  const ids = new Set<string>();
  let workflowId = 'callback:0123456789abcdef';
  for (let night = 0; night < 1_000; night += 1) {
    assert.equal(idOfAgain(workflowId, [0, 7]), idOfAgain(workflowId, [0, 7]));
    assert.notEqual(idOfAgain(workflowId, [0, 7]), idOfAgain(workflowId, [0]));
    workflowId = idOfAgain(workflowId, [0, 7]);
    ids.add(workflowId);
  }
  assert.equal(ids.size, 1_000);
  assert.equal(new Set([...ids].map(({ length }) => length)).size, 1);
});

test('a further try knows the documents that callbacks named, and counts what a dead one began', async () => {
  await withSilentStage({ environment: { CALLBACK_RETRY_PAUSES: '1ms' } }, async (stage) => {
    const { client, taskQueue } = stage;
    const workflowId = `callback:${randomUUID()}`;
    // Temporal takes no Workflow ID as long: news of this document is set aside.
    const documentId = 'd'.repeat(1_200);
    const at = new Date().toISOString();
    const told = { subject: 'signer', status: 'signed', at, position: 0 } as const;
    const change = { ...told, id: randomUUID() };
    const named = [{ documentId, group: 'sales', changes: [1], hints: [] }];
    const input: CallbackDeliveryInput = {
      source: 'realtime',
      receivedAt: at,
      changes: [{ ...change, id: randomUUID() }, change],
      named,
      setAside: [],
    };
    const start = { workflowId, taskQueue, args: [input] };
    await client.workflow.execute(WORKFLOW_TYPES.callbackDelivery, start);
    const provider = createProviderClient(readConfiguration(stage.environment).provider);
    const routes = createSignerRoutes(client, provider);
    const retry = createRetrySetAside({ client, taskQueue, routes });
    const scheduledTimestampMs = Date.now();
    const attempt = async (number: number, scheduledMs: number): Promise<number[]> => {
      const info = { attempt: number, scheduledTimestampMs: scheduledMs };
      const run = () => retry({ workflowIds: [workflowId] });
      const { redelivered, remaining } = await inActivity(run, info);
      return [redelivered, remaining];
    };
    assert.deepEqual(await attempt(1, scheduledTimestampMs), [1, 1]);
    assert.deepEqual(await attempt(2, scheduledTimestampMs), [1, 1]);
    // A later run's.
    assert.deepEqual(await attempt(1, Date.now()), [0, 1]);
    assert.deepEqual(await attempt(2, Date.now() + 60_000), [0, 1]);
    const again = await inputOf<CallbackDeliveryInput>(client, idOfAgain(workflowId, [1]));
    assert.deepEqual(again.named, [{ ...named[0], changes: [0] }]);
    provider.close();
  });
});
