import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Settings } from '../configuration/settings.js';
import { readSandboxConfiguration } from '../sandbox/configuration.js';
import { readSandboxSettings } from '../sandbox/index.js';
import { program } from './support/build.js';
import { call, startTestSandbox } from './support/sandbox-stage.js';

function spawnMain(context: TestContext, environment: Record<string, string>) {
  const child = spawn(process.execPath, program('sandbox/main'), {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  context.after(() => child.kill('SIGKILL'));
  return child;
}

async function addressOf(child: ReturnType<typeof spawnMain>): Promise<string> {
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return /http:\/\/[\w.:]+/.exec(line.toString())?.[0] ?? '';
}

test('the configuration has defaults', () => {
  assert.deepEqual(readSandboxConfiguration({}), {
    host: '127.0.0.1',
    port: 3001,
    batchIntervalMs: 5000,
    finalPdfDelayMs: 500,
    unsignedNotices: false,
    seed: 1,
  });
});

test('the configuration is read from the environment', () => {
  const options = readSandboxConfiguration({
    SANDBOX_BATCH_INTERVAL: '6m',
    SANDBOX_FINAL_PDF_DELAY: '0',
    SANDBOX_API_KEYS: 'user:key, ak_1',
    SANDBOX_CALLS_PER_MINUTE: '100',
    SANDBOX_DATA: 'somewhere',
    SANDBOX_HMAC_SECRET: 'shared',
    SANDBOX_UNSIGNED_NOTICES: 'true',
  });
  assert.equal(options.batchIntervalMs, 360_000);
  assert.equal(options.finalPdfDelayMs, 0);
  assert.deepEqual(options.apiKeys, ['user:key', 'ak_1']);
  assert.equal(options.callsPerMinute, 100);
  assert.equal(options.dataDirectory, 'somewhere');
  assert.equal(options.hmacSecret, 'shared');
  assert.equal(options.unsignedNotices, true);
});

test('all problems of the configuration are told at once', () => {
  const wrong = { SANDBOX_PORT: 'x', SANDBOX_BATCH_INTERVAL: '6', SANDBOX_SEED: '-1' };
  assert.throws(
    () => readSandboxConfiguration(wrong),
    (error: Error) => Object.keys(wrong).every((name) => error.message.includes(name)),
  );
});

test('another process reads the same settings among its own problems', () => {
  const settings = new Settings({ SANDBOX_SEED: 'x', SANDBOX_BATCH_INTERVAL: '0' });
  assert.equal(readSandboxSettings(settings).batchIntervalMs, 0);
  settings.port('WEBHOOK_PORT', 3000);
  settings.problem('another one');
  assert.throws(
    () => {
      settings.check();
    },
    (error: Error) => /SANDBOX_SEED.*\nanother one/.test(error.message),
  );
});

test('started alone it prints the page, the API and the certificate', async (t) => {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'sandbox-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const child = spawnMain(t, { SANDBOX_PORT: '0', SANDBOX_DATA: directory });
  const [output] = (await once(child.stdout, 'data')) as [Buffer];
  const found = /^Sandbox +(\S+)\nAPI +(\S+)\nCertificate +(\S+), kept as (.+)\n$/.exec(
    output.toString(),
  );
  const [, url = '', apiUrl = '', certificateUrl = '', file = ''] = found ?? [];
  assert.equal(file, path.join(directory, 'certificate.pem'));
  assert.match((await call(url)).bytes.toString(), /<html/);
  assert.equal((await call(`${apiUrl}/status/`)).status, 200);
  const { bytes } = await call(certificateUrl);
  assert.equal(bytes.toString(), await readFile(file, 'utf8'));
});

test('a port in use is told in one line', async (t) => {
  const { url } = await startTestSandbox(t);
  const child = spawnMain(t, { SANDBOX_PORT: new URL(url).port });
  const [complaint] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  assert.equal(child.exitCode, 1);
  assert.match(complaint, /^Port \d+ on 127\.0\.0\.1 is in use.*\n$/);
});

/** Reads the state file until it holds the text: how soon that is, is what the test is about. */
async function untilWritten(file: string, id: string, withinMs: number): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await readFile(file, 'utf8').catch(() => '')).includes(id)) {
    assert.ok(Date.now() < deadline, `not written within ${withinMs} ms`);
    await delay(10);
  }
}

test('it stops in order on SIGTERM, and outlives being killed', async (t) => {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'sandbox-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const environment = { SANDBOX_PORT: '0', SANDBOX_DATA: directory };
  const first = spawnMain(t, environment);
  const create = { method: 'POST', body: {}, headers: {} };
  const created = await call(`${await addressOf(first)}/sandbox/documents`, create);
  const { id } = created.json as { id: string };
  await untilWritten(path.join(directory, 'state.json'), id, 2000);
  first.kill('SIGKILL');
  await once(first, 'exit');

  const second = spawnMain(t, environment);
  const url = await addressOf(second);
  assert.equal((await call(`${url}/sandbox/documents/${id}`)).status, 200);
  second.kill('SIGTERM');
  const [code] = (await once(second, 'exit')) as [number | null];
  assert.equal(code, 0);
});
