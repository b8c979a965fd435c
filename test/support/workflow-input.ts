import assert from 'node:assert/strict';
import type { Client } from '@temporalio/client';
import { decodePayload } from '../../codec/data-converter.js';

/** What a workflow was started with: its first argument, from its history. */
export async function inputOf<Input>(client: Client, workflowId: string): Promise<Input> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const payload = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0];
  assert.ok(payload, `${workflowId} was started without an argument`);
  return decodePayload<Input>(client.options.loadedDataConverter, payload);
}
