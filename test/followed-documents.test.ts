import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Client } from '@temporalio/client';
import {
  createFollowedDocuments,
  type FollowedDocuments,
} from '../activities/followed-documents.js';
import { FOLLOWED_QUERY, knownDocuments } from '../activities/known-documents.js';
import { documentWorkflowId, type DocumentSnapshot } from '../workflows/contract.js';
import { inActivity } from './support/in-activity.js';
import { openStage, type Stage } from './support/stage.js';
import { until } from './support/until.js';

let stage: Stage;

before(async () => {
  stage = await openStage();
});

after(() => stage.close());

/** Open, and shown by visibility. */
async function followedDocument(): Promise<string> {
  const { count } = await stage.client.workflow.count(FOLLOWED_QUERY);
  const { id } = stage.sandbox.createDocument({ signers: 1, muted: 1 });
  await stage.countersign.trackDocument(id);
  await until(async () => (await stage.client.workflow.count(FOLLOWED_QUERY)).count > count);
  return id;
}

function snapshotOf(documentId: string): DocumentSnapshot {
  return { documentId, status: 'created', finalPdf: false, modified: '', signers: [] };
}

/** As a page does, of a listing in which most are unknown and ignored. */
function lookUp(client: Client, followed: FollowedDocuments, documentIds: readonly string[]) {
  const snapshots = documentIds.map(snapshotOf);
  return inActivity(() =>
    knownDocuments(client, snapshots, {
      memory: { areMostUnknown: true },
      followed,
      run: 'run',
      isIgnored: () => true,
      repairsSinceMs: undefined,
    }),
  );
}

test('a run knows the documents that were followed when it asked first', async () => {
  const [first, second] = [await followedDocument(), await followedDocument()];
  const followed = createFollowedDocuments(stage.client);
  const known = await inActivity(() => followed.of('run'));
  assert.deepEqual([...(known ?? [])].sort(), [first, second].map(documentWorkflowId).sort());
  const third = await followedDocument();
  assert.equal(await inActivity(() => followed.of('run')), known);
  assert.equal((await inActivity(() => followed.of('next')))?.has(documentWorkflowId(third)), true);
});

test('where most are unknown, only those that are followed are looked up', async () => {
  const id = await followedDocument();
  const strangers = Array.from({ length: 3 }, (_, index) => `stranger-${index}`);
  const asked: string[] = [];
  const client = Object.create(stage.client, {
    workflow: {
      value: {
        count: (query: string) => {
          asked.push(query);
          return stage.client.workflow.count(query);
        },
      },
    },
  }) as Client;
  const followed = createFollowedDocuments(stage.client);
  const known = await lookUp(client, followed, [id, ...strangers]);
  assert.equal(known.get(id)?.kind, 'open');
  assert.equal(known.size, 1);
  // By ID, then by digest.
  assert.equal(asked.length, 2);
  assert.ok(asked[0]?.includes(documentWorkflowId(id)));
  assert.ok(strangers.every((stranger) => !asked.join().includes(stranger)));
  assert.match(asked[1] ?? '', /DocumentDigest IN \('[^',]+'\)$/);
});

test('a list that cannot be read costs a page nothing, and is asked for anew', async () => {
  const id = await followedDocument();
  let isAway = true;
  const client = Object.create(stage.client, {
    workflow: {
      value: {
        count: (query: string) =>
          isAway ? Promise.reject(new Error('away')) : stage.client.workflow.count(query),
      },
    },
  }) as Client;
  const followed = createFollowedDocuments(client);
  const known = await lookUp(stage.client, followed, [id, 'stranger']);
  assert.equal(known.get(id)?.kind, 'open');
  isAway = false;
  assert.equal((await inActivity(() => followed.of('run')))?.has(documentWorkflowId(id)), true);
});
