import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { request } from 'node:http';
import type { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import {
  isPrivateAddress,
  namesPrivateAddress,
  publicAgents,
  publicLookup,
} from '../provider/private-addresses.js';
import { createProviderClient } from '../provider/provider-client.js';
import { ProviderError } from '../provider/provider-error.js';
import { readConfiguration } from '../worker/configuration.js';
import { freshId, pdfBytes, startStage } from './support/provider-stage.js';

for (const address of [
  ...['127.0.0.1', '127.255.255.254', '0.0.0.0', '10.1.2.3', '172.16.0.1', '172.31.255.255'],
  ...['192.168.1.1', '169.254.169.254', '100.100.100.200', '168.63.129.16', '224.0.0.1'],
  ...['255.255.255.255', '::', '::1', '::127.0.0.1', '::ffff:127.0.0.1', '::ffff:a9fe:a9fe'],
  ...['64:ff9b::169.254.169.254', '2002:7f00:1::', 'fd00:ec2::254', 'fe80::1', 'fe80::1%1'],
  ...['ff02::1', 'fec0::1', '2001:db8::1', 'example.com', ''],
]) {
  test(`${address === '' ? 'nothing' : address} is no public address`, () => {
    assert.equal(isPrivateAddress(address), true);
  });
}

for (const address of [
  ...['1.1.1.1', '8.8.8.8', '172.15.0.1', '172.32.0.1', '100.63.0.1', '169.253.1.1'],
  ...['2606:4700::1111', '::ffff:8.8.8.8', '64:ff9b::8.8.8.8'],
]) {
  test(`${address} is a public address`, () => {
    assert.equal(isPrivateAddress(address), false);
  });
}

for (const [url, isPrivate] of [
  ['http://2130706433/', true],
  ['http://0x7f.1/', true],
  ['http://0177.0.0.1/', true],
  ['http://127.1/', true],
  ['http://[::ffff:7f00:1]/', true],
  ['http://localhost./', true],
  ['http://a.LOCALHOST/', true],
  ['http://①②⑦.0.0.1/', true],
  ['https://eu-api.legalesign.com/', false],
  ['https://localhost.example.com/', false],
] as const) {
  test(`${url} ${isPrivate ? 'names' : 'does not name'} a private address`, () => {
    assert.equal(namesPrivateAddress(new URL(url)), isPrivate);
  });
}

test('a name that resolves to this machine is refused before anything connects', async (t) => {
  let requests = 0;
  const stage = await startStage((_request, response) => {
    requests += 1;
    response.end();
  });
  t.after(() => stage.close());
  const { port } = new URL(stage.origin);
  const get = (agent: ReturnType<typeof publicAgents>['httpAgent'] | undefined): Promise<unknown> =>
    new Promise((settle) => {
      request({ host: 'localhost', family: 4, port, agent }, (response) => {
        response.resume().on('end', () => {
          settle('answered');
        });
      })
        .on('error', (error: NodeJS.ErrnoException) => {
          settle(error.code);
        })
        .end();
    });
  assert.equal(await get(publicAgents(publicLookup).httpAgent), 'EPRIVATEADDRESS');
  assert.equal(requests, 0);
  assert.equal(await get(undefined), 'answered');
});

async function redirecting(
  t: TestContext,
  location: (origin: string) => string,
  allowsPrivateAddresses?: boolean,
): Promise<{ open: () => Promise<unknown>; storageRequests: string[] }> {
  const storageRequests: string[] = [];
  let origin = '';
  const listener: RequestListener = (incoming, response) => {
    if (incoming.url?.startsWith('/api/') === true) {
      response.writeHead(302, { location: location(origin) }).end();
      return;
    }
    storageRequests.push(incoming.url ?? '');
    response.end(pdfBytes(100));
  };
  const stage = await startStage(listener);
  origin = stage.origin;
  const client = createProviderClient({
    apiUrl: `${stage.origin}/api/v1`,
    apiKey: 'user:key',
    timeoutMs: 2_000,
    allowsPrivateAddresses,
  });
  t.after(async () => {
    client.close();
    await stage.close();
  });
  return { open: () => client.openPdf(freshId()), storageRequests };
}

for (const [what, location] of [
  ['the loopback address', (origin: string) => `${origin}/secret`],
  ['a mapped IPv6 address', (o: string) => `http://[::ffff:7f00:1]:${new URL(o).port}/secret`],
  ['a number', (origin: string) => `http://2130706433:${new URL(origin).port}/secret`],
  ['a name of this machine', (o: string) => `http://localhost:${new URL(o).port}/secret`],
  ['the metadata service', () => 'http://169.254.169.254/latest/meta-data/'],
  ['a path of the API itself', () => '/secret'],
] as const) {
  test(`a redirect to ${what} is refused unless allowed, and nothing is asked there`, async (t) => {
    const { open, storageRequests } = await redirecting(t, location, false);
    await assert.rejects(open(), (error: unknown) => {
      assert.ok(error instanceof ProviderError);
      assert.match(error.message, /redirect to a private address.*LEGALESIGN_PRIVATE_ADDRESSES/);
      assert.doesNotMatch(error.message, /secret|meta-data/);
      return true;
    });
    assert.deepEqual(storageRequests, []);
  });
}

test('an API at a private address, as the sandbox, may redirect to one unless told', async (t) => {
  const { open, storageRequests } = await redirecting(t, (origin) => `${origin}/file`);
  const { stream } = (await open()) as { stream: Readable };
  assert.equal(Buffer.concat((await stream.toArray()) as Buffer[]).length, 100);
  assert.deepEqual(storageRequests, ['/file']);
});

test('LEGALESIGN_PRIVATE_ADDRESSES is allow or refuse; unset, the API’s address decides', () => {
  const key = { LEGALESIGN_API_KEY: 'user:key' };
  const read = (LEGALESIGN_PRIVATE_ADDRESSES?: string): boolean | undefined =>
    readConfiguration({ ...key, LEGALESIGN_PRIVATE_ADDRESSES }).provider.allowsPrivateAddresses;
  assert.equal(read('allow'), true);
  assert.equal(read('refuse'), false);
  assert.equal(read(), undefined);
  assert.throws(() => read('yes'), /LEGALESIGN_PRIVATE_ADDRESSES is none of allow, refuse: yes/);
});

test('a file that says it is too large is not begun', async (t) => {
  const stage = await startStage((_request, response) => {
    response.writeHead(200, { 'content-length': String(2 * 1024 ** 3) });
    response.write('%PDF');
  });
  t.after(() => stage.close());
  const apiUrl = `${stage.origin}/api/v1`;
  const client = createProviderClient({ apiUrl, apiKey: 'user:key', timeoutMs: 2_000 });
  t.after(() => {
    client.close();
  });
  await assert.rejects(client.openPdf(freshId()), /more than 1 GiB/);
});
