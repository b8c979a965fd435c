import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection, WorkflowNotFoundError } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createReconcileDocuments } from '../activities/reconcile-documents.js';
import { createProviderClient } from '../provider/provider-client.js';
import type { ReconcileDocumentsResult } from '../workflows/contract.js';
import { freshId, json, startStage } from './support/provider-stage.js';

const DOCUMENTS = 20;

const TERMS = {
  key: 'run/part',
  adoption: { otherwise: 'ignore', byGroup: {} },
  groups: [],
  graceMs: 0,
  failedSubjects: [],
} as const;

/** Asks for documents a provider that answers each first question so. */
async function callsOf(
  status: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly calls: number; readonly isRetried: boolean; readonly gone?: number }> {
  const asked = new Set<string>();
  let calls = 0;
  const stage = await startStage((request, response) => {
    const { url = '' } = request;
    calls += 1;
    const isFirst = !asked.has(url);
    asked.add(url);
    json({}, isFirst ? status : 404, headers)(request, response);
  });
  const apiUrl = `${stage.origin}/api/v1`;
  const provider = createProviderClient({ apiUrl, apiKey: 'a:b', timeoutMs: 5_000 });
  const client = new Client({ connection: Connection.lazy({ address: '127.0.0.1:9' }) });
  // Nobody here knows the documents either.
  client.withDeadline = () => Promise.reject(new WorkflowNotFoundError('not found', '', undefined));
  const reconcileDocuments = createReconcileDocuments({ provider, client } as unknown as Parameters<
    typeof createReconcileDocuments
  >[0]);
  const documentIds = Array.from({ length: DOCUMENTS }, freshId);
  const result = (await new MockActivityEnvironment()
    .run(reconcileDocuments, { ...TERMS, documentIds })
    .catch(() => undefined)) as ReconcileDocumentsResult | undefined;
  await delay(500);
  provider.close();
  await stage.close();
  return { calls, isRetried: result === undefined, ...(result && { gone: result.counts.gone }) };
}

test('an attempt that fails asks the provider no more: the next one begins', async () => {
  const { calls, isRetried } = await callsOf(500);
  assert.equal(isRetried, true);
  assert.ok(calls <= 8, `asked ${calls} times`);
});

test('who is throttled waits, and asks for what is left: no document is left out', async () => {
  const { isRetried, gone } = await callsOf(429, { 'retry-after': '1' });
  assert.deepEqual({ isRetried, gone }, { isRetried: false, gone: DOCUMENTS });
});
