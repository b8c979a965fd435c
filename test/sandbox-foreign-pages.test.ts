import assert from 'node:assert/strict';
import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { startTestSandbox } from './support/sandbox-stage.js';

interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly host: string;
  readonly origin?: string;
}

/** Asks under a `Host` of one's own, as a browser does after a name led it here. */
async function statusOf(url: string, { method, path, host, origin }: Asked): Promise<number> {
  const { port } = new URL(url);
  const request = http.request({
    ...{ host: '127.0.0.1', port, agent: false, method: method ?? 'GET' },
    path: path ?? '/sandbox/state',
    headers: {
      Host: host,
      Authorization: 'ApiKey tester:secret',
      ...(origin !== undefined && { Origin: origin }),
    },
  });
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  return response.statusCode ?? 0;
}

test('under a name that is not this machine’s, the control interface and the page refuse', async (t) => {
  const { url } = await startTestSandbox(t);
  const { port } = new URL(url);
  const host = `rebound.example:${port}`;
  for (const path of ['/', '/sandbox/state', '/sandbox/documents/x/document.pdf']) {
    assert.equal(await statusOf(url, { host, path }), 403, path);
  }
  const create = { method: 'POST', path: '/sandbox/documents', host };
  assert.equal(await statusOf(url, { ...create, origin: `http://${host}` }), 403);
  assert.equal(await statusOf(url, create), 403);
});

test('on loopback it goes by each of the names of loopback', async (t) => {
  const { url } = await startTestSandbox(t);
  const { port } = new URL(url);
  for (const name of ['127.0.0.1', 'localhost', 'LOCALHOST', '[::1]']) {
    assert.equal(await statusOf(url, { host: `${name}:${port}` }), 200, name);
  }
  for (const name of ['localhost.rebound.example', '127.0.0.1.rebound.example', '10.0.0.1']) {
    assert.equal(await statusOf(url, { host: `${name}:${port}` }), 403, name);
  }
});

test('a page of another port or scheme is not the own one', async (t) => {
  const { url } = await startTestSandbox(t);
  const { port } = new URL(url);
  const host = `localhost:${port}`;
  const post = { method: 'POST', path: '/sandbox/documents', host };
  for (const origin of ['http://localhost:1', `https://${host}`, 'null', url]) {
    assert.equal(await statusOf(url, { ...post, origin }), 403, origin);
  }
  assert.equal(await statusOf(url, { ...post, origin: `http://${host}` }), 201);
});

test('programs reach the provider’s interface by any name, pages do not', async (t) => {
  const { url } = await startTestSandbox(t);
  const { port } = new URL(url);
  const ask = { path: '/api/v1/status/', host: `sandbox.example:${port}` };
  assert.equal(await statusOf(url, ask), 200);
  assert.equal(await statusOf(url, { ...ask, origin: `http://${ask.host}` }), 403);
});

test('on all addresses pages are taken by address only, programs by any name', async (t) => {
  const { url } = await startTestSandbox(t, { host: '0.0.0.0' });
  const { port } = new URL(url);
  const post = { method: 'POST', path: '/sandbox/documents' };
  const withOrigin = (host: string): Asked => ({ ...post, host, origin: `http://${host}` });
  assert.equal(await statusOf(url, withOrigin(`192.0.2.7:${port}`)), 201);
  assert.equal(await statusOf(url, withOrigin(`localhost:${port}`)), 201);
  assert.equal(await statusOf(url, withOrigin(`rebound.example:${port}`)), 403);
  assert.equal(await statusOf(url, { ...post, host: `sandbox.example:${port}` }), 201);
});
