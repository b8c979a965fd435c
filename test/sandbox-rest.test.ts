import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, documentBody, startTestSandbox } from './support/sandbox-stage.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;

type Json = Record<string, unknown>;

test('calls without credentials, or with ones that are not accepted, are answered 401', async (t) => {
  const { apiUrl } = await startTestSandbox(t, { apiKeys: ['user:key', 'ak_1'] });
  const attempt = async (headers: Record<string, string>): Promise<number> =>
    (await call(`${apiUrl}/status/`, { headers })).status;
  assert.equal(await attempt({}), 401);
  assert.equal(await attempt({ Authorization: 'ApiKey user:other' }), 401);
  assert.equal(await attempt({ Authorization: 'Bearer ak_1' }), 401);
  assert.equal(await attempt({ Authorization: 'ApiKey user:key' }), 200);
  assert.equal(await attempt({ Authorization: 'Bearer ak_1', 'X-Organisation': 'org' }), 200);
});

test('a document is created with its URI in the Location header and no body', async (t) => {
  const { apiUrl, url } = await startTestSandbox(t);
  const created = await call(`${apiUrl}/document/`, { method: 'POST', body: documentBody() });
  assert.equal(created.status, 201);
  assert.equal(created.bytes.length, 0);
  const location = created.headers.get('location') ?? '';
  assert.match(location, /^\/api\/v1\/document\/[0-9a-f-]{36}\/$/);
  assert.equal((await call(url + location)).status, 200);
});

test('signer links are returned when asked for', async (t) => {
  const { apiUrl, url } = await startTestSandbox(t);
  const body = documentBody({ return_signer_links: true });
  const { json } = await call(`${apiUrl}/document/`, { method: 'POST', body });
  assert.deepEqual(Object.keys(json as Json), ['signer_1', 'signer_2']);
  assert.ok(String((json as Json)['signer_1']).startsWith(url));
});

test('a document that lacks something is refused with a reason per field', async (t) => {
  const { apiUrl } = await startTestSandbox(t);
  const post = (changes: Json) =>
    call(`${apiUrl}/document/`, { method: 'POST', body: documentBody(changes) });
  for (const [field, value] of [
    ['name', undefined],
    ['name', 'x'.repeat(61)],
    ['group', undefined],
    ['group', 'no group!'],
    ['signers', []],
    ['signers', [{ firstname: 'A', lastname: 'B' }]],
    ['tag', 'not & allowed'],
    ['templatepdf', undefined],
  ] as const) {
    const { status, json } = await post({ [field]: value });
    assert.equal(status, 400, field);
    assert.ok(field in (json as { document: Json }).document, field);
  }
});

test('a body that is not JSON is answered 500, as the provider does', async (t) => {
  const { apiUrl } = await startTestSandbox(t);
  assert.equal((await call(`${apiUrl}/document/`, { method: 'POST', body: '{' })).status, 500);
});

test('a document shows its signers by position and as objects', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id, signers } = sandbox.createDocument({
    name: 'Lease',
    tag: 'ref/1',
    signers: [{ firstname: 'Ada', lastname: 'Lovelace', email: 'ada@example.com' }],
  });
  const json = (await call(`${sandbox.apiUrl}/document/${id}/`)).json as Json;
  assert.deepEqual(json['signers'], [
    [`/api/v1/signers/${signers[0]}/`, 'Ada', 'Lovelace', 'ada@example.com', '', true, 10, 0],
  ]);
  assert.deepEqual(json['signer_objects'], [
    {
      uuid: signers[0],
      resource_uri: `/api/v1/signer/${signers[0]}/`,
      firstname: 'Ada',
      lastname: 'Lovelace',
      email: 'ada@example.com',
      tel: '',
      order: 0,
      role: 'signer',
      status: 10,
    },
  ]);
  const { uuid, status, download_final: final, hash_value: hash, sign_time: time, tag } = json;
  assert.deepEqual(
    { uuid, status, final, hash, time, tag },
    {
      ...{ uuid: id, status: 10, final: false, hash: null, time: null, tag: 'ref/1' },
    },
  );
  assert.match(String(json['modified']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?$/);
});

test('a signer is found under both spellings of its URI', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id, signers } = sandbox.createDocument();
  for (const kind of ['signer', 'signers']) {
    const json = (await call(`${sandbox.apiUrl}/${kind}/${signers[0]}/`)).json as Json;
    assert.equal(json['document'], `/api/v1/document/${id}/`);
    assert.equal(json['status'], 10);
  }
});

test('what is unknown is answered 404', async (t) => {
  const { apiUrl } = await startTestSandbox(t);
  const none = '00000000-0000-4000-8000-000000000000';
  for (const path of [
    `document/${none}`,
    `signer/${none}`,
    `status/${none}`,
    `pdf/${none}`,
    'odd',
  ]) {
    assert.equal((await call(`${apiUrl}/${path}/`)).status, 404, path);
  }
});

test('a rejection shows its reason and rejects the document', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id, signers } = sandbox.createDocument({ signers: 2 });
  sandbox.advanceSigner(signers[0] ?? '', { status: 'rejected', reason: 'Too dear' });
  const rejection = await call(`${sandbox.apiUrl}/signer/${signers[0]}/rejection/`);
  assert.deepEqual(rejection.json, { status: 60, reason: 'Too dear' });
  assert.equal(sandbox.document(id).status, 50);
});

test('DELETE voids an open document and archives it', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id } = sandbox.createDocument();
  const url = `${sandbox.apiUrl}/document/${id}/`;
  assert.equal((await call(url, { method: 'DELETE' })).status, 204);
  const { status, archived } = (await call(url)).json as Json;
  assert.deepEqual({ status, archived }, { status: 40, archived: true });
});

test('a document deleted for good is unknown afterwards', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id } = sandbox.createDocument();
  const url = `${sandbox.apiUrl}/document/${id}/`;
  assert.equal((await call(`${url}delete/`, { method: 'DELETE' })).status, 204);
  assert.equal((await call(url)).status, 404);
});

test('the short form has seven fields', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id } = sandbox.createDocument({ tag: 'a', tag1: 'b', tag2: 'c' });
  assert.deepEqual((await call(`${sandbox.apiUrl}/status/${id}/`)).json, {
    archived: false,
    download_final: false,
    resource_uri: `/api/v1/status/${id}/`,
    status: 10,
    tag: 'a',
    tag1: 'b',
    tag2: 'c',
  });
});

interface Listing {
  meta: { limit: number; offset: number; next: string | null; total_count: number };
  objects: { uuid: string; signers?: unknown[] }[];
}

test('listings are paged: following `next` meets every document once', async (t) => {
  const sandbox = await startTestSandbox(t);
  const ids = Array.from({ length: 7 }, () => sandbox.createDocument({ group: 'many' }).id);
  const seen: string[] = [];
  let next: string | null = '/api/v1/document/?cache=1&limit=3';
  while (next !== null) {
    const { meta, objects } = (await call(sandbox.url + next)).json as Listing;
    assert.equal(meta.total_count, 7);
    assert.equal(meta.limit, 3);
    seen.push(...objects.map(({ uuid }) => uuid));
    next = meta.next;
  }
  assert.deepEqual(seen.sort(), ids.sort());
});

test('the listing of a group needs the group, and hides what is archived', async (t) => {
  const sandbox = await startTestSandbox(t);
  const open = sandbox.createDocument({ group: 'a' });
  const done = sandbox.createDocument({ group: 'a' });
  sandbox.createDocument({ group: 'b' });
  await sandbox.completeDocument(done.id);
  const list = async (query: string): Promise<string[]> => {
    const { json } = await call(`${sandbox.apiUrl}/document/?${query}`);
    return (json as Listing).objects.map(({ uuid }) => uuid);
  };
  assert.equal((await call(`${sandbox.apiUrl}/document/`)).status, 400);
  assert.equal((await call(`${sandbox.apiUrl}/document/?group=a&status=x`)).status, 400);
  assert.deepEqual(await list('group=a'), [open.id]);
  assert.deepEqual(await list('group=/api/v1/group/a/'), [open.id]);
  assert.deepEqual(await list('group=a&archived=true'), [done.id]);
  assert.deepEqual((await list('group=a&archived=all')).sort(), [open.id, done.id].sort());
  assert.deepEqual(await list('group=a&archived=all&status=30'), [done.id]);
});

test('`modified_gt` and `created_gt` leave out what is older', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id } = sandbox.createDocument({ group: 'a' });
  const { modified } = (await call(`${sandbox.apiUrl}/document/${id}/`)).json as {
    modified: string;
  };
  const count = async (query: string): Promise<number> => {
    const { json } = await call(`${sandbox.apiUrl}/document/?group=a&${query}`);
    return (json as Listing).meta.total_count;
  };
  assert.equal(await count(`modified_gt=${modified}`), 0);
  assert.equal(await count('modified_gt=2020-01-01T00:00:00'), 1);
  assert.equal(await count('created_gt=2999-01-01'), 0);
  assert.equal(await count('created_gt=2020-01-01'), 1);
  assert.equal((await call(`${sandbox.apiUrl}/document/?group=a&created_gt=never`)).status, 400);
});

test('`nosigners=1` leaves the signers out', async (t) => {
  const sandbox = await startTestSandbox(t);
  sandbox.createDocument({ group: 'a' });
  const { json } = await call(`${sandbox.apiUrl}/document/?group=a&nosigners=1`);
  assert.equal((json as Listing).objects[0]?.signers, undefined);
  const status = await call(`${sandbox.apiUrl}/status/?filter=all`);
  assert.equal((status.json as Listing).objects.length, 1);
});

test('every change moves `modified`', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id, signers } = sandbox.createDocument();
  const seen = [sandbox.document(id).modified];
  for (const status of ['visited', 'fieldsCompleted', 'sent']) {
    sandbox.advanceSigner(signers[0] ?? '', { status });
    seen.push(sandbox.document(id).modified);
  }
  sandbox.bounceSigner(signers[0] ?? '');
  seen.push(sandbox.document(id).modified);
  assert.deepEqual(seen, [...new Set(seen)].sort());
});

test('a reminder reaches those who are invited and have not signed', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { signers } = sandbox.createDocument({ signers: 2 });
  const remind = async (id: string | undefined): Promise<number> => {
    const url = `${sandbox.apiUrl}/signer/${id}/send-reminder/`;
    return (await call(url, { method: 'POST', body: { text: 'Please sign' } })).status;
  };
  assert.equal(await remind(signers[0]), 200);
  assert.equal(await remind(signers[1]), 401);
});

test('callback URLs are registered, listed and removed', async (t) => {
  const { apiUrl } = await startTestSandbox(t);
  const url = 'http://127.0.0.1:9/callbacks';
  const post = (path: string, body: Json) => call(`${apiUrl}/${path}/`, { method: 'POST', body });
  assert.equal((await post('subscribe', { url, notify: 'all' })).status, 201);
  assert.equal((await post('subscribe', { url, notify: 'all' })).status, 400);
  const realtime = { url, notify: 'realtime', eventFilter: 'document.*', group: 'sales' };
  assert.equal((await post('subscribe', realtime)).status, 201);
  assert.equal((await post('subscribe', { url, notify: 'never' })).status, 400);
  for (const wrong of ['ftp://x', 'http://', 'http://a b/', 'http://[::1/']) {
    assert.equal((await post('subscribe', { url: wrong, notify: 'all' })).status, 400, wrong);
  }
  assert.deepEqual((await call(`${apiUrl}/notifications/`)).json, [
    { active: true, notify_when: 1, url, group_id: null, event_filter: '' },
    { active: true, notify_when: 10, url, group_id: 1, event_filter: 'document.*' },
  ]);
  assert.equal((await post('unsubscribe', { url: `${url}/other` })).status, 200);
  assert.equal((await post('unsubscribe', { url: 'nowhere' })).status, 400);
  assert.equal((await post('unsubscribe', { url })).status, 200);
  assert.deepEqual((await call(`${apiUrl}/notifications/`)).json, []);
});

test('calls beyond the allowance are answered 429 and say when to come back', async (t) => {
  const { apiUrl } = await startTestSandbox(t, { callsPerMinute: 2 });
  const attempt = (key: string) =>
    call(`${apiUrl}/status/`, { headers: { Authorization: `ApiKey ${key}` } });
  assert.equal((await attempt('one:1')).status, 200);
  assert.equal((await attempt('one:1')).status, 200);
  const refused = await attempt('one:1');
  assert.equal(refused.status, 429);
  const seconds = Number(refused.headers.get('retry-after'));
  assert.ok(seconds > 0 && seconds <= 60, `Retry-After ${seconds}`);
  assert.equal((await attempt('two:2')).status, 200);
});

test('the allowance comes back after a minute', async (t) => {
  const { apiUrl } = await startTestSandbox(t, { callsPerMinute: 1 });
  const attempt = async (): Promise<number> => (await call(`${apiUrl}/status/`)).status;
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
  assert.deepEqual([await attempt(), await attempt()], [200, 429]);
  t.mock.timers.tick(60_000);
  assert.equal(await attempt(), 200);
});

test('an answer without a body has no type', async (t) => {
  const { apiUrl } = await startTestSandbox(t);
  const post = (path: string, body: Json) => call(`${apiUrl}/${path}/`, { method: 'POST', body });
  const url = 'http://127.0.0.1:9/callbacks';
  for (const [status, answer] of [
    [201, await post('document', documentBody())],
    [201, await post('subscribe', { url, notify: 'all' })],
    [200, await post('unsubscribe', { url })],
  ] as const) {
    assert.equal(answer.status, status);
    assert.equal(answer.bytes.length, 0);
    assert.equal(answer.headers.get('content-type'), null);
  }
});

test('a method that a path does not know is answered 405 with those it knows', async (t) => {
  const { apiUrl, url } = await startTestSandbox(t);
  const refused = await call(`${apiUrl}/subscribe/`);
  assert.equal(refused.status, 405);
  assert.equal(refused.headers.get('allow'), 'POST');
  assert.equal((await call(`${apiUrl}/document/`, { method: 'PATCH' })).status, 405);
  assert.equal((await call(`${url}/sandbox/documents`)).status, 405);
});

test('a status to filter by is digits and nothing else', async (t) => {
  const { apiUrl } = await startTestSandbox(t);
  const filter = async (status: string): Promise<number> =>
    (await call(`${apiUrl}/document/?group=a&status=${status}`)).status;
  for (const wrong of ['', '1e1', '0x1e', '-1', '3.0', '1234567890']) {
    assert.equal(await filter(wrong), 400, wrong);
  }
  assert.equal(await filter('30'), 200);
});

test('IDs are UUIDs', async (t) => {
  const sandbox = await startTestSandbox(t);
  const { id, signers } = sandbox.createDocument();
  for (const each of [id, ...signers]) assert.match(each, UUID);
});
