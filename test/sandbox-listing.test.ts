import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Sandbox } from '../sandbox/index.js';
import { call, startTestSandbox } from './support/sandbox-stage.js';

interface Listing {
  readonly meta: {
    readonly limit: number;
    readonly offset: number;
    readonly next: string | null;
    readonly previous: string | null;
    readonly total_count: number;
  };
  readonly objects: readonly { readonly uuid: string; readonly tag: string }[];
}

async function list(sandbox: Sandbox, query: string): Promise<Listing> {
  const { status, json } = await call(`${sandbox.apiUrl}/document/?${query}`);
  assert.equal(status, 200, query);
  return json as Listing;
}

function idsOf({ objects }: Listing): string[] {
  return objects.map(({ uuid }) => uuid);
}

async function statusOf(sandbox: Sandbox, query: string): Promise<number> {
  return (await call(`${sandbox.apiUrl}/document/?${query}`)).status;
}

/** The two listings; both are to take the same filters. */
const LISTINGS = ['cache=1', 'group=a'];

test('pages are cut from the newest to the oldest, with the way to their neighbours', async (t) => {
  const sandbox = await startTestSandbox(t);
  const newestFirst = sandbox
    .createDocuments(7, { group: 'a' })
    .map(({ id }) => id)
    .reverse();
  for (const listing of LISTINGS) {
    for (const [offset, previous, next] of [
      [0, null, 3],
      [1, 0, 4],
      [3, 0, 6],
      [6, 3, null],
      [7, 4, null],
      [9, 6, null],
    ] as const) {
      const page = await list(sandbox, `${listing}&limit=3&offset=${offset}`);
      assert.deepEqual(idsOf(page), newestFirst.slice(offset, offset + 3), `offset ${offset}`);
      const link = (to: number | null): string | null =>
        to === null ? null : `/api/v1/document/?${listing}&limit=3&offset=${to}`;
      assert.deepEqual(page.meta, {
        ...{ limit: 3, offset, total_count: 7 },
        ...{ next: link(next), previous: link(previous) },
      });
    }
    assert.equal((await list(sandbox, listing)).meta.limit, 20);
    assert.equal((await list(sandbox, `${listing}&limit=0`)).meta.limit, 1000);
  }
});

test('both listings take the same filters', async (t) => {
  const sandbox = await startTestSandbox(t);
  const old = sandbox.createDocument({ group: 'a' });
  const rejected = sandbox.createDocument({ group: 'a' });
  const removed = sandbox.createDocument({ group: 'a' });
  sandbox.advanceSigner(rejected.signers[0] ?? '', { status: 'rejected' });
  sandbox.removeDocument(removed.id);
  const last = sandbox.document(old.id).modified;
  const since = new Date(last).toISOString().slice(0, -1);
  for (const listing of LISTINGS) {
    const found = async (query: string) => idsOf(await list(sandbox, `${listing}&${query}`));
    assert.deepEqual(await found(''), [rejected.id, old.id], listing);
    assert.deepEqual(await found('archived=false'), [rejected.id, old.id], listing);
    assert.deepEqual(await found('archived=true'), [removed.id], listing);
    assert.deepEqual(await found('archived=all'), [removed.id, rejected.id, old.id], listing);
    assert.deepEqual(await found('status=50'), [rejected.id], listing);
    assert.deepEqual(await found('status=40'), [], listing);
    assert.deepEqual(await found('status=40&archived=all'), [removed.id], listing);
    const modified = await found(`archived=all&modified_gt=${since}`);
    assert.ok(!modified.includes(old.id) && modified.includes(removed.id), listing);
    assert.deepEqual(await found('created_gt=2999-01-01'), [], listing);
    assert.equal((await found('created_gt=2020-01-01&archived=all')).length, 3, listing);
  }
  assert.deepEqual(idsOf(await list(sandbox, 'cache=1&group=b')), []);
});

test('a listing is as new as the last change', async (t) => {
  const sandbox = await startTestSandbox(t);
  const count = async (): Promise<number> => (await list(sandbox, 'cache=1')).meta.total_count;
  const { id } = sandbox.createDocument();
  const other = sandbox.createDocument();
  assert.equal(await count(), 2);
  sandbox.createDocument();
  assert.equal(await count(), 3);
  sandbox.removeDocument(id);
  assert.equal(await count(), 2);
  await sandbox.deleteDocument(other.id);
  assert.equal(await count(), 1);
});

test('finished with `auto_archive`: gone from the listings, found by ID and among all', async (t) => {
  const sandbox = await startTestSandbox(t);
  const archived = sandbox.createDocument({ group: 'a' });
  const kept = sandbox.createDocument({ group: 'a', autoArchive: false });
  const before = sandbox.document(archived.id).modified;
  for (const { id } of [archived, kept]) await sandbox.completeDocument(id);
  for (const listing of LISTINGS) {
    assert.deepEqual(idsOf(await list(sandbox, listing)), [kept.id], listing);
    const since = new Date(before).toISOString();
    const all = await list(sandbox, `${listing}&archived=all&modified_gt=${since}`);
    assert.deepEqual(idsOf(all), [kept.id, archived.id], listing);
  }
  const { json } = await call(`${sandbox.apiUrl}/document/${archived.id}/`);
  const { archived: isArchived, download_final: isFinal } = json as Record<string, unknown>;
  assert.deepEqual({ isArchived, isFinal }, { isArchived: true, isFinal: true });
});

test('an account may answer only one of the two listings', async (t) => {
  const sandbox = await startTestSandbox(t);
  const answers = async (): Promise<number[]> =>
    Promise.all(LISTINGS.map((listing) => statusOf(sandbox, listing)));
  assert.deepEqual(await answers(), [200, 200]);
  sandbox.changeFaults({ listings: 'cache' });
  assert.deepEqual(await answers(), [200, 400]);
  sandbox.changeFaults({ listings: 'groups' });
  assert.deepEqual(await answers(), [400, 200]);
  const { json } = await call(`${sandbox.apiUrl}/document/?cache=1`);
  assert.match((json as { error: string }).error, /by group only/);
  sandbox.replaceFaults({});
  assert.deepEqual(await answers(), [200, 200]);
});

test('a page fails as long as its offset is named, the others do not', async (t) => {
  const sandbox = await startTestSandbox(t);
  sandbox.createDocuments(5);
  const patch = { method: 'PATCH', body: { failPages: [2, 4] }, headers: {} };
  assert.equal((await call(`${sandbox.url}/sandbox/faults`, patch)).status, 200);
  const statuses: number[] = [];
  for (const offset of [0, 2, 3, 4, 2]) {
    statuses.push(await statusOf(sandbox, `cache=1&limit=2&offset=${offset}`));
  }
  assert.deepEqual(statuses, [200, 500, 200, 500, 500]);
  const { json } = await call(`${sandbox.apiUrl}/document/?cache=1&offset=2`);
  assert.equal(json, undefined);
  sandbox.changeFaults({ failPages: [] });
  assert.equal(await statusOf(sandbox, 'cache=1&limit=2&offset=2'), 200);
  assert.throws(() => sandbox.changeFaults({ failPages: [-1] }), /failPages/);
});

test('what is archived behind the reader’s back makes offset paging skip rows', async (t) => {
  const sandbox = await startTestSandbox(t);
  const stable = sandbox.createDocuments(10, { group: 'a' }).map(({ id }) => id);
  const churn = sandbox.createDocuments(4, { group: 'a', tag: 'churn' }).map(({ id }) => id);
  sandbox.changeFaults({ churnArchive: 2 });
  const seen = new Set<string>();
  for (let offset = 0; offset < 14; offset += 4) {
    for (const id of idsOf(await list(sandbox, `group=a&limit=4&offset=${offset}`))) seen.add(id);
  }
  assert.deepEqual(
    churn.map((id) => sandbox.document(id).status),
    [40, 40, 40, 40],
  );
  assert.ok(churn.every((id) => sandbox.document(id).archived));
  assert.ok(stable.every((id) => sandbox.document(id).status === 10));
  assert.equal(stable.filter((id) => !seen.has(id)).length, 4);
});

test('only what stands before the served page’s end is archived', async (t) => {
  const sandbox = await startTestSandbox(t);
  const churn = sandbox.createDocuments(2, { tag: 'churn' }).map(({ id }) => id);
  sandbox.createDocuments(3);
  sandbox.changeFaults({ churnArchive: 5 });
  await list(sandbox, 'cache=1&limit=3');
  assert.deepEqual(
    churn.map((id) => sandbox.document(id).status),
    [10, 10],
  );
  await list(sandbox, 'cache=1&limit=1&offset=3');
  assert.deepEqual(
    churn.map((id) => sandbox.document(id).status),
    [10, 40],
  );
});

test('what is created behind the reader’s back comes to the front, of the group that is read', async (t) => {
  const sandbox = await startTestSandbox(t);
  const ids = sandbox.createDocuments(4, { group: 'a' }).map(({ id }) => id);
  sandbox.changeFaults({ churnCreate: 2 });
  assert.deepEqual(idsOf(await list(sandbox, 'group=a&limit=2')), [ids[3], ids[2]]);
  // Two came to the front: the same two again.
  assert.deepEqual(idsOf(await list(sandbox, 'group=a&limit=2&offset=2')), [ids[3], ids[2]]);
  sandbox.changeFaults({ churnCreate: 0 });
  const { meta, objects } = await list(sandbox, 'group=a');
  assert.equal(meta.total_count, 8);
  assert.deepEqual(new Set(objects.slice(0, 4).map(({ tag }) => tag)), new Set(['churn-created']));
});
