/** Signed callbacks of documents that the sandbox knows, and whether their news has arrived. */
import { randomUUID, sign } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import PQueue from 'p-queue';
import { ServiceError, WorkflowNotFoundError } from '@temporalio/client';
import { signedBatch } from '../sandbox/callback-signing.js';
import { documentWorkflowId, progressQuery, WORKFLOW_TYPES } from '../workflows/contract.js';
import type { SignedCallback } from './callback-load.js';
import type { DoorStage } from './door-stage.js';

/** A document with its signers, by ID. */
export interface BenchDocument {
  readonly id: string;
  readonly signers: readonly string[];
}

/** Of each document. */
export const SIGNERS = 3;

/** On the thread pool of Node: four threads. */
const SIGNING_AT_ONCE = 4;

const ASKING_AT_ONCE = 8;

const ASK_EVERY_MS = 500;

const signAside = promisify(sign);

/** Documents at the provider; their workflows begin with their first news. */
export function newDocuments({ sandbox }: DoorStage, count: number): readonly BenchDocument[] {
  return sandbox.createDocuments(count, { signers: SIGNERS });
}

/** One realtime callback per signer: visited. */
export async function visits(
  { sandbox }: DoorStage,
  documents: readonly BenchDocument[],
): Promise<readonly SignedCallback[]> {
  const queue = new PQueue({ concurrency: SIGNING_AT_ONCE });
  const { privateKey } = sandbox.keyPair;
  const events = documents.flatMap(({ id, signers }) => signers.map((each) => visit(id, each)));
  return queue.addAll(
    events.map((event) => async () => {
      const body = Buffer.from(JSON.stringify(event));
      const signature = (await signAside('RSA-SHA256', body, privateKey)).toString('base64');
      return {
        headers: { 'content-type': 'application/json', 'x-signed-sha256': signature },
        body,
      };
    }),
  );
}

function visit(documentId: string, uuid: string): object {
  return {
    version: 1,
    object: 'recipient',
    event: 'recipient.visiting',
    id: randomUUID(),
    created: Math.floor(Date.now() / 1000),
    data: {
      uuid,
      email: 'sam@example.com',
      firstname: 'Sam',
      lastname: 'Signer',
      order: 1,
      status: 20,
      statusText: 'Visited',
      roleText: 'Signer',
      resourceUri: `/api/v1/signer/${uuid}/`,
      document: documentId,
      documentName: 'Agreement',
      documentResourceUri: `/api/v1/document/${documentId}/`,
      group: 'sandbox',
      groupResourceUri: '/api/v1/group/sandbox/',
      tag: '',
    },
  };
}

/** A batch that says of so many signers, one after the other, that they visited. */
export function batchOfVisits(
  { sandbox }: DoorStage,
  signerIds: readonly string[],
): SignedCallback {
  const timestamp = new Date().toISOString().slice(0, 19);
  const entries = signerIds.map((id) => {
    return { timestamp, name: 'status', value: '20', resource_uri: `/api/v1/signer/${id}/` };
  });
  return signedBatch(entries, sandbox.keyPair.privateKey);
}

/**
 * Waits until every signer of these documents is known to their workflow as having visited. Asked
 * for once nothing is on its way any more: each question is work for the worker as well.
 * @returns how many are not when the time is over
 */
export async function untilArrived(
  stage: DoorStage,
  documents: readonly BenchDocument[],
  limitMs: number,
): Promise<number> {
  const deadlineMs = Date.now() + limitMs;
  let open = documents;
  for (;;) {
    while ((await deliveriesUnderWay(stage)) > 0 && Date.now() < deadlineMs) {
      await delay(ASK_EVERY_MS, undefined, { signal: stage.signal });
    }
    const missing = await missingOf(stage, open);
    open = open.filter((_, index) => missing[index] !== 0);
    const count = missing.reduce((sum, each) => sum + each, 0);
    if (count === 0 || Date.now() > deadlineMs) return count;
    await delay(ASK_EVERY_MS, undefined, { signal: stage.signal });
  }
}

async function deliveriesUnderWay({ client }: DoorStage): Promise<number> {
  const query = `WorkflowType = '${WORKFLOW_TYPES.callbackDelivery}' AND ExecutionStatus = 'Running'`;
  return (await client.workflow.count(query)).count;
}

function missingOf(
  { client, signal }: DoorStage,
  documents: readonly BenchDocument[],
): Promise<readonly number[]> {
  const queue = new PQueue({ concurrency: ASKING_AT_ONCE });
  return queue.addAll(
    documents.map(({ id, signers }) => async () => {
      signal.throwIfAborted();
      try {
        const handle = client.workflow.getHandle(documentWorkflowId(id));
        const progress = await handle.query(progressQuery);
        const visited = progress.signers.filter(({ status }) => status === 'visited');
        return signers.length - visited.length;
      } catch (error) {
        // Not there yet, or too much to do to answer now: asked again until the time is over.
        if (error instanceof WorkflowNotFoundError || error instanceof ServiceError) {
          return signers.length;
        }
        throw error;
      }
    }),
  );
}
