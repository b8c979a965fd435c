import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingHttpHeaders, RequestListener } from 'node:http';
import { test, type TestContext } from 'node:test';
import {
  createProviderClient,
  type ProviderClient,
  type ProviderClientOptions,
} from '../provider/provider-client.js';
import { ProviderError } from '../provider/provider-error.js';
import { bodyOf, freshId, json, pdfBytes, routes, startStage } from './support/provider-stage.js';

const apiKey = 'ops:very-secret-key';
const BASE = '/api/v1';

async function clientOf(
  t: TestContext,
  listener: RequestListener,
  options: Partial<ProviderClientOptions> = {},
): Promise<ProviderClient> {
  const stage = await startStage(listener);
  const client = createProviderClient({
    apiUrl: `${stage.origin}${BASE}/`,
    apiKey,
    timeoutMs: 5_000,
    ...options,
  });
  t.after(async () => {
    client.close();
    await stage.close();
  });
  return client;
}

function isError(expected: Partial<ProviderError>): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ProviderError, String(error));
    for (const [field, value] of Object.entries(expected)) {
      assert.deepEqual(error[field as keyof ProviderError], value, `${field} of: ${error.message}`);
    }
    assert.doesNotMatch(`${error.message} ${error.stack ?? ''}`, /very-secret-key/);
    return true;
  };
}

test('Keys of the older kind are sent as ApiKey, of the newer as Bearer with organisation', async (t) => {
  const seen: IncomingHttpHeaders[] = [];
  const listener: RequestListener = (request, response) => {
    seen.push(request.headers);
    response.writeHead(404).end();
  };
  const older = await clientOf(t, listener);
  const newer = await clientOf(t, listener, { apiKey: 'ak_12345', organisation: 'acme' });
  await older.getDocument(freshId());
  await newer.getDocument(freshId());
  assert.equal(seen[0]?.authorization, `ApiKey ${apiKey}`);
  assert.equal(seen[0]['x-organisation'], undefined);
  assert.equal(seen[1]?.authorization, 'Bearer ak_12345');
  assert.equal(seen[1]['x-organisation'], 'acme');
});

test('A key of neither kind is refused without being repeated', () => {
  assert.throws(
    () => createProviderClient({ apiKey: 'nonsense-key', timeoutMs: 1 }),
    (error: Error) =>
      error.message.includes('LEGALESIGN_API_KEY') && !error.message.includes('nonsense'),
  );
});

test('A document, a signer and a rejection are read; 404 is undefined', async (t) => {
  const [documentId, signerId] = [freshId(), freshId()];
  const client = await clientOf(
    t,
    routes({
      [`GET ${BASE}/document/${documentId}/`]: json({ uuid: documentId, status: '50' }),
      [`GET ${BASE}/signer/${signerId}/`]: json({
        document: `/api/v1/document/${documentId}/`,
        email: 'ada@example.com',
        status: '60',
        order: 2,
      }),
      [`GET ${BASE}/signer/${signerId}/rejection/`]: json({
        status: 60,
        reason: 'Wrong price.\nAsk boss@example.com',
      }),
    }),
  );
  assert.equal((await client.getDocument(documentId))?.status, 'rejected');
  assert.deepEqual(await client.getSigner(signerId), { documentId, status: 'rejected', order: 2 });
  assert.deepEqual(await client.getRejection(signerId), {
    reason: 'Wrong price. Ask [e-mail address]',
  });
  assert.equal(await client.getDocument(freshId()), undefined);
  assert.equal(await client.getSigner(freshId()), undefined);
  assert.equal(await client.getRejection(freshId()), undefined);
});

test('An ID that is none is refused before anything is sent', async (t) => {
  let requests = 0;
  const client = await clientOf(t, (_request, response) => {
    requests += 1;
    response.writeHead(200).end('{}');
  });
  await assert.rejects(client.getDocument('../signer/x'), isError({ kind: 'refused' }));
  await assert.rejects(client.openPdf('a/b'), isError({ kind: 'refused' }));
  assert.equal(requests, 0);
});

for (const [status, kind] of [
  [400, 'refused'],
  [401, 'credentialsRefused'],
  [403, 'credentialsRefused'],
  [302, 'unreadable'],
  [500, 'unavailable'],
  [503, 'unavailable'],
] as const) {
  test(`${status} is ${kind}, with the provider's reason and no personal data`, async (t) => {
    const id = freshId();
    const reason = { document: { signers: [`ops:very-secret-key, ada@example.com is wrong`] } };
    const client = await clientOf(
      t,
      routes({ [`GET ${BASE}/document/${id}/`]: json(reason, status, { location: '/elsewhere' }) }),
    );
    await assert.rejects(
      client.getDocument(id),
      isError({
        kind,
        status,
        reason: 'document: signers: [credentials], [e-mail address] is wrong',
      }),
    );
  });
}

test('An HTML page instead of JSON is unreadable, a failing one gives its title as reason', async (t) => {
  const [good, bad] = [freshId(), freshId()];
  const page = '<html><head><title>Down for\nmaintenance</title></head><body>x</body></html>';
  const html =
    (status: number): RequestListener =>
    (_request, response) =>
      response.writeHead(status, { 'content-type': 'text/html' }).end(page);
  const client = await clientOf(
    t,
    routes({
      [`GET ${BASE}/document/${good}/`]: html(200),
      [`GET ${BASE}/document/${bad}/`]: html(502),
    }),
  );
  await assert.rejects(client.getDocument(good), isError({ kind: 'unreadable' }));
  const reason = 'Down for maintenance';
  await assert.rejects(client.getDocument(bad), isError({ kind: 'unavailable', reason }));
});

test('After a 429 every call waits as long as Retry-After says', async (t) => {
  const times: number[] = [];
  const id = freshId();
  const client = await clientOf(t, (_request, response) => {
    times.push(performance.now());
    if (times.length === 1) {
      response.writeHead(429, { 'retry-after': '1' }).end('slow down');
      return;
    }
    response.end(JSON.stringify({ uuid: id, status: 30 }));
  });
  const throttled = { kind: 'throttled', retryAfterMs: 1_000, reason: 'slow down' } as const;
  await assert.rejects(client.getDocument(id), isError(throttled));
  await Promise.all([client.getDocument(id), client.getDocument(id)]);
  assert.equal(times.length, 3);
  assert.ok((times[1] ?? 0) - (times[0] ?? 0) >= 950, String(times));
});

test('A long Retry-After fails calls at once, as throttled, without sending them', async (t) => {
  let requests = 0;
  const client = await clientOf(t, (_request, response) => {
    requests += 1;
    response.writeHead(429, { 'retry-after': new Date(Date.now() + 300_000).toUTCString() }).end();
  });
  await assert.rejects(client.getDocument(freshId()), isError({ kind: 'throttled', status: 429 }));
  await assert.rejects(client.getDocument(freshId()), (error: unknown) => {
    assert.ok(error instanceof ProviderError);
    assert.equal(error.kind, 'throttled');
    const waitMs = error.retryAfterMs ?? 0;
    return waitMs > 290_000 && waitMs <= 300_000;
  });
  assert.equal(requests, 1);
});

test('A wait for the end of a pause ends when the caller is cancelled', async (t) => {
  const client = await clientOf(t, (_request, response) =>
    response.writeHead(429, { 'retry-after': '20' }).end(),
  );
  await assert.rejects(client.getDocument(freshId()), isError({ kind: 'throttled' }));
  const controller = new AbortController();
  const waiting = client.getDocument(freshId(), { signal: controller.signal });
  controller.abort();
  await assert.rejects(waiting, { name: 'AbortError' });
});

test('A provider that accepts and never answers is unavailable after the time-out', async (t) => {
  const client = await clientOf(t, () => undefined, { timeoutMs: 100 });
  await assert.rejects(client.getDocument(freshId()), isError({ kind: 'unavailable' }));
});

test('An answer that drips is cut off at the time-out', async (t) => {
  const client = await clientOf(
    t,
    (_request, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write(' '), 20);
      response.on('close', () => {
        clearInterval(drip);
      });
    },
    { timeoutMs: 200 },
  );
  await assert.rejects(client.getDocument(freshId()), isError({ kind: 'unavailable' }));
});

test('A created document is known by its Location', async (t) => {
  const documentId = freshId();
  let sent = '';
  const client = await clientOf(t, (request, response) => {
    const location = `https://eu-api.legalesign.com/api/v1/document/${documentId}/`;
    void bodyOf(request).then((body) => {
      sent = body;
      response.writeHead(201, { location }).end();
    });
  });
  const created = await client.createDocument({ name: 'Contract' });
  assert.deepEqual(created, { documentId, resourceUri: `/api/v1/document/${documentId}/` });
  assert.deepEqual(JSON.parse(sent), { name: 'Contract' });
});

const unclear: readonly (readonly [string, RequestListener])[] = [
  ['a 500', (_request, response) => response.writeHead(500).end('unparseable JSON')],
  ['a reset', (request) => request.socket.destroy()],
  ['silence', () => undefined],
  ['no Location', (_request, response) => response.writeHead(201).end()],
  ['a redirect', (_request, response) => response.writeHead(307, { location: '/x' }).end()],
];
for (const [what, listener] of unclear) {
  test(`Creating a document that ends in ${what} is ambiguous, and sent once`, async (t) => {
    let requests = 0;
    const counted: RequestListener = (request, response) => {
      requests += 1;
      request.resume();
      listener(request, response);
    };
    const client = await clientOf(t, counted, { timeoutMs: 1_000 });
    await assert.rejects(client.createDocument({}), isError({ kind: 'ambiguous' }));
    assert.equal(requests, 1);
  });
}

test('Creating a document is plainly refused, throttled or never sent where that is certain', async (t) => {
  const refusing = await clientOf(t, json({ error_message: 'no signers' }, 400));
  await assert.rejects(
    refusing.createDocument({}),
    isError({ kind: 'refused', reason: 'no signers' }),
  );
  const throttling = await clientOf(t, json({}, 429));
  await assert.rejects(
    throttling.createDocument({}),
    isError({ kind: 'throttled', retryAfterMs: 30_000 }),
  );
  const stage = await startStage(json({}));
  await stage.close();
  const nobody = createProviderClient({ apiUrl: `${stage.origin}${BASE}`, apiKey, timeoutMs: 999 });
  await assert.rejects(nobody.createDocument({}), isError({ kind: 'unavailable' }));
});

async function read(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test('A PDF is streamed, with its length', async (t) => {
  const id = freshId();
  const pdf = pdfBytes(300_000, id);
  const client = await clientOf(
    t,
    routes({
      [`GET ${BASE}/pdf/${id}/`]: (_request, response) =>
        response.writeHead(200, { 'content-length': pdf.length }).end(pdf),
    }),
  );
  const download = await client.openPdf(id);
  assert.ok(download.kind === 'pdf');
  assert.equal(download.contentLength, pdf.length);
  assert.ok(pdf.equals(await read(download.stream)));
});

test('A PDF elsewhere is fetched without our credentials, relative locations included', async (t) => {
  const id = freshId();
  const pdf = pdfBytes(1_000, id);
  const authorizations: (string | undefined)[] = [];
  const storage = await startStage((request, response) => {
    authorizations.push(request.headers.authorization);
    if (request.url === '/first?key=1') {
      response.writeHead(307, { location: 'second?key=2' }).end();
      return;
    }
    assert.equal(request.url, '/second?key=2');
    response.end(pdf);
  });
  t.after(() => storage.close());
  const client = await clientOf(
    t,
    routes({
      [`GET ${BASE}/pdf/${id}/`]: (request, response) => {
        authorizations.push(request.headers.authorization);
        response.writeHead(302, { location: `${storage.origin}/first?key=1` }).end('moved');
      },
    }),
  );
  const download = await client.openPdf(id);
  assert.ok(download.kind === 'pdf');
  assert.ok(pdf.equals(await read(download.stream)));
  assert.deepEqual(authorizations, [`ApiKey ${apiKey}`, undefined, undefined]);
});

test('Redirects in a circle, to a file, or to nowhere are refused', async (t) => {
  for (const location of ['', 'file:///etc/passwd', 'gopher://x/', `${BASE}/pdf/again/`]) {
    const client = await clientOf(t, (_request, response) =>
      response.writeHead(302, location === '' ? {} : { location }).end(),
    );
    await assert.rejects(client.openPdf(freshId()), isError({ kind: 'unreadable' }));
  }
});

test('A storage that refuses is unavailable, and the key in its address is not shown', async (t) => {
  const client = await clientOf(t, (request, response) => {
    if (request.url?.startsWith('/storage') === true) response.writeHead(403).end('<Expired/>');
    else response.writeHead(302, { location: '/storage?signature=abcdef' }).end();
  });
  await assert.rejects(client.openPdf(freshId()), (error: unknown) => {
    assert.ok(error instanceof ProviderError);
    assert.doesNotMatch(error.message, /abcdef/);
    return error.kind === 'unavailable' && error.status === 403;
  });
});

test('201 is being de-archived, 404 is absent, and the audit log likewise', async (t) => {
  const id = freshId();
  const client = await clientOf(t, (request, response) =>
    response.writeHead(request.url === `${BASE}/pdf/${id}/` ? 201 : 404).end('please wait'),
  );
  assert.deepEqual(await client.openPdf(id), { kind: 'deArchiving' });
  assert.deepEqual(await client.openPdf(freshId()), { kind: 'absent' });
  assert.equal(await client.openAuditLog(id), undefined);
});

test('A download that falls silent or breaks off ends with an error', async (t) => {
  const [silent, broken] = [freshId(), freshId()];
  const client = await clientOf(
    t,
    (request, response) => {
      response.writeHead(200, { 'content-length': 100_000 });
      response.write(pdfBytes(1_000));
      if (request.url === `${BASE}/pdf/${broken}/`) {
        setImmediate(() => request.socket.destroy());
      }
    },
    { timeoutMs: 200 },
  );
  for (const id of [silent, broken]) {
    const download = await client.openPdf(id);
    assert.ok(download.kind === 'pdf');
    await assert.rejects(read(download.stream), isError({ kind: 'unavailable' }));
  }
});

test(
  'An answer without a file whose rest never comes is understood all the same',
  { timeout: 20_000 },
  async (t) => {
    const [refused, deArchiving, absent, elsewhere] = [freshId(), freshId(), freshId(), freshId()];
    const statuses: Readonly<Record<string, number>> = {
      [`${BASE}/pdf/${refused}/`]: 503,
      [`${BASE}/pdf/${deArchiving}/`]: 201,
      [`${BASE}/pdf/${absent}/`]: 404,
      [`${BASE}/pdf/${elsewhere}/`]: 302,
    };
    const client = await clientOf(
      t,
      (request, response) => {
        response.writeHead(statuses[request.url ?? ''] ?? 403, { location: '/storage' });
        const dripping = setInterval(() => response.write('no '), 50);
        response.on('close', () => {
          clearInterval(dripping);
        });
      },
      { timeoutMs: 200 },
    );
    await assert.rejects(client.openPdf(refused), isError({ kind: 'unavailable', status: 503 }));
    await assert.rejects(client.openPdf(elsewhere), isError({ kind: 'unavailable', status: 403 }));
    assert.deepEqual(await client.openPdf(deArchiving), { kind: 'deArchiving' });
    assert.deepEqual(await client.openPdf(absent), { kind: 'absent' });
  },
);

test('A slow reader is not taken for a silent provider', async (t) => {
  const pdf = pdfBytes(2_000_000);
  const client = await clientOf(t, (_request, response) => response.end(pdf), { timeoutMs: 80 });
  const download = await client.openPdf(freshId());
  assert.ok(download.kind === 'pdf');
  let bytes = 0;
  for await (const chunk of download.stream as AsyncIterable<Buffer>) {
    if (bytes === 0) await new Promise((resume) => setTimeout(resume, 250));
    bytes += chunk.length;
  }
  assert.equal(bytes, pdf.length);
});

test(
  'Cancelling ends a download with the reason given, and closes its connection',
  { timeout: 10_000 },
  async (t) => {
    let closed: Promise<unknown> = Promise.resolve();
    const client = await clientOf(t, (_request, response) => {
      response.writeHead(200).write(pdfBytes(1_000));
      closed = once(response, 'close');
    });
    const controller = new AbortController();
    const download = await client.openPdf(freshId(), { signal: controller.signal });
    assert.ok(download.kind === 'pdf');
    const reading = read(download.stream);
    controller.abort(new Error('stopped by the test'));
    await assert.rejects(reading, /stopped by the test/);
    await closed;
  },
);

test(
  'A stream that nobody reads closes its connection when it is destroyed',
  { timeout: 10_000 },
  async (t) => {
    let closed: Promise<unknown> = Promise.resolve();
    const client = await clientOf(t, (_request, response) => {
      response.writeHead(200).write(pdfBytes(1_000));
      closed = once(response, 'close');
    });
    const download = await client.openPdf(freshId());
    assert.ok(download.kind === 'pdf');
    download.stream.destroy();
    await closed;
  },
);

test('Callbacks are registered, listed and removed', async (t) => {
  const bodies: unknown[] = [];
  const noted: RequestListener = (request, response) => {
    void bodyOf(request).then((body) => {
      bodies.push(JSON.parse(body));
      response.writeHead(request.url?.endsWith('/unsubscribe/') === true ? 404 : 201).end();
    });
  };
  const client = await clientOf(
    t,
    routes({
      [`POST ${BASE}/subscribe/`]: noted,
      [`POST ${BASE}/unsubscribe/`]: noted,
      [`GET ${BASE}/notifications/`]: json({
        objects: [
          { url: 'https://a.example/', notify_when: 1, active: true, group_id: null },
          { url: 'https://b.example/', notify_when: '10', active: false, group_id: 7 },
          { url: 'https://c.example/', notify_when: 11, event_filter: 'x' },
          'nonsense',
        ],
      }),
    }),
  );
  const url = 'https://a.example/';
  await client.subscribe({ url, notify: 'realtime', group: 'sales' });
  await client.unsubscribe(url);
  assert.deepEqual(bodies, [{ url, notify: 'realtime', group: '/api/v1/group/sales/' }, { url }]);
  assert.deepEqual(await client.listNotifications(), [
    { url: 'https://a.example/', notify: 'all', active: true },
    { url: 'https://b.example/', notify: 'realtime', active: false, groupId: '7' },
    { url: 'https://c.example/', notify: 'unknown-11', active: true, eventFilter: 'x' },
  ]);
});

test('a page of registered callbacks is not taken for all of them', async (t) => {
  const objects = [{ url: 'https://a.example/', notify_when: 1, group_id: '' }];
  const answers = [{ next: null }, { next: '/api/v1/notifications/?offset=20' }];
  const client = await clientOf(
    t,
    routes({
      [`GET ${BASE}/notifications/`]: (request, response) => {
        json({ objects, meta: answers.shift() })(request, response);
      },
    }),
  );
  const whole = [{ url: 'https://a.example/', notify: 'all', active: true }];
  assert.deepEqual(await client.listNotifications(), whole);
  // Whoever registers what is missing would register what stands on the next page again.
  await assert.rejects(client.listNotifications(), { kind: 'unreadable' });
});
