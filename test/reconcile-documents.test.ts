import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createReconcileDocuments } from '../activities/reconcile-documents.js';
import { createProviderClient } from '../provider/provider-client.js';
import { freshId, json, startStage } from './support/provider-stage.js';

const TERMS = {
  key: 'run/part',
  adoption: { otherwise: 'ignore', byGroup: {} },
  groups: [],
  graceMs: 0,
  failedSubjects: [],
} as const;

/** Asks a provider that throttles for fifty documents. @returns how often it was asked */
async function callsOf(attempt: number): Promise<{ calls: number; isRetried: boolean }> {
  let calls = 0;
  const stage = await startStage((request, response) => {
    calls += 1;
    json({}, 429, { 'retry-after': '1' })(request, response);
  });
  const apiUrl = `${stage.origin}/api/v1`;
  const provider = createProviderClient({ apiUrl, apiKey: 'a:b', timeoutMs: 5_000 });
  // What is not reached needs nothing.
  const reconcileDocuments = createReconcileDocuments({ provider } as unknown as Parameters<
    typeof createReconcileDocuments
  >[0]);
  const documentIds = Array.from({ length: 50 }, freshId);
  const isRetried = await new MockActivityEnvironment({ attempt })
    .run(reconcileDocuments, { ...TERMS, documentIds })
    .then(
      () => false,
      () => true,
    );
  await delay(3_500);
  provider.close();
  await stage.close();
  return { calls, isRetried };
}

test('an attempt that fails asks the provider no more: the next one begins', async () => {
  const { calls, isRetried } = await callsOf(1);
  assert.equal(isRetried, true);
  assert.ok(calls <= 8, `asked ${calls} times`);
});

test('being throttled is a reason to ask later, not to leave documents out', async () => {
  assert.equal((await callsOf(3)).isRetried, true);
});
