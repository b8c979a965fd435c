import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { usageOf } from '../bench/ready-process.js';
import { bottleneckOf } from '../bench/cluster/report.js';
import { openRoundRobin } from '../bench/round-robin.js';
import { pickFreePort } from '../cli/ports.js';

/** Answers 200 with what it was sent. */
async function echo(context: TestContext): Promise<{ url: string; paths: string[] }> {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    paths.push(`${request.method ?? ''} ${request.url ?? ''} ${String(request.headers['x-mark'])}`);
    void text(request).then((body) => response.end(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, paths };
}

async function post(url: string): Promise<{ status: number; body: string }> {
  const headers = { 'x-mark': 'kept' };
  const response = await fetch(`${url}/a?b=c`, { method: 'POST', body: 'as it came', headers });
  return { status: response.status, body: await response.text() };
}

test('requests go round, with path, headers and body as they came', async (context) => {
  const [one, two] = [await echo(context), await echo(context)];
  const balancer = await openRoundRobin([one.url, two.url]);
  context.after(() => balancer.close());
  for (let count = 0; count < 4; count += 1) {
    assert.deepEqual(await post(balancer.url), { status: 200, body: 'as it came' });
  }
  const expected = ['POST /a?b=c kept', 'POST /a?b=c kept'];
  assert.deepEqual([one.paths, two.paths], [expected, expected]);
  assert.equal(balancer.passedOn, 0);
});

test('what one target does not take, the next one gets; with none it is 502', async (context) => {
  const dead = `http://127.0.0.1:${await pickFreePort('127.0.0.1')}`;
  const alive = await echo(context);
  const balancer = await openRoundRobin([dead, alive.url]);
  context.after(() => balancer.close());
  for (let count = 0; count < 4; count += 1) assert.equal((await post(balancer.url)).status, 200);
  assert.equal(alive.paths.length, 4);
  assert.equal(balancer.passedOn, 2);
  const none = await openRoundRobin([dead]);
  context.after(() => none.close());
  assert.equal((await post(none.url)).status, 502);
});

test('a bottleneck is the machine, one core, or waiting', () => {
  const processes = [
    { process: 'worker 1', share: 0.95 },
    { process: 'Temporal', share: 0.5 },
  ];
  assert.match(bottleneckOf(0.97, processes, 2), /^the machine's 2 cores; most for worker 1: 48 %/);
  assert.match(bottleneckOf(0.97, processes, 2), /others take 2\d %$/);
  assert.equal(bottleneckOf(0.7, processes, 4), 'one core, by worker 1');
  assert.match(bottleneckOf(0.3, [{ process: 'worker 1', share: 0.3 }], 2), /^waiting/);
});

test('a process uses CPU time and memory, and one that is not there uses nothing', async () => {
  const spunUntilMs = Date.now() + 30;
  while (Date.now() < spunUntilMs);
  const own = await usageOf(process.pid);
  if (process.platform === 'linux') {
    assert.ok((own?.cpuMs ?? 0) > 20);
    assert.ok((own?.rssBytes ?? 0) > 10_000_000);
  }
  assert.equal(await usageOf(2 ** 30), undefined);
});
