import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { pickFreePort } from '../cli/ports.js';
import { makePlace, processesOf, startChild } from './support/all-in-one-child.js';
import type { Place } from './support/all-in-one-child.js';

/** A start that cannot be: exit code 1, nothing left, and on stderr these lines and no other. */
async function assertRefused(
  place: Place,
  environment: Readonly<Record<string, string>>,
  expected: readonly RegExp[],
): Promise<void> {
  const { code, complaints } = await startChild(place, environment).ended;
  assert.equal(code, 1);
  assert.equal(complaints.length, expected.length, complaints.join('\n'));
  for (const [index, pattern] of expected.entries()) {
    assert.match(complaints[index] ?? '', pattern);
  }
  assert.doesNotMatch(complaints.join('\n'), /^ +at /m);
  assert.deepEqual(await processesOf(place), []);
}

async function occupyPort(context: TestContext): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  context.after(() => server.close());
  await once(server, 'listening');
  return String((server.address() as AddressInfo).port);
}

const PORT_VARIABLES = [
  'COUNTERSIGN_TEMPORAL_PORT',
  'COUNTERSIGN_TEMPORAL_UI_PORT',
  'SANDBOX_PORT',
  'WEBHOOK_PORT',
];

test('every port in use is told in a line that names the variable which moves it', async (t) => {
  const place = await makePlace(t);
  const environment: Record<string, string> = {};
  for (const name of PORT_VARIABLES) environment[name] = await occupyPort(t);
  const expected = PORT_VARIABLES.map(
    (name) => new RegExp(`^port ${environment[name] ?? ''} is in use: .* ${name} `),
  );
  await assertRefused(place, environment, expected);
});

test('two parts that want one port are told', async (t) => {
  const port = String(await pickFreePort('127.0.0.1'));
  await assertRefused(await makePlace(t), { SANDBOX_PORT: port, WEBHOOK_PORT: port }, [
    new RegExp(`^port ${port} is wanted twice, by SANDBOX_PORT and WEBHOOK_PORT$`),
  ]);
});

test('all bad variables are told at once, of whatever part, before anything starts', async (t) => {
  const bad = {
    SANDBOX_BATCH_INTERVAL: '3',
    COUNTERSIGN_DEMO: 'perhaps',
    LOG_LEVEL: 'loud',
    DOCUMENT_LINGER: 'x',
    NOTIFY_SMTP_URL: 'y',
    WEBHOOK_PORT: 'abc',
    WEBHOOK_MAX_AGE: 'old',
  };
  const expected = Object.keys(bad).map((name) => new RegExp(`^${name}\\b`));
  // Each part reads its own, in its own order.
  const { code, complaints, output } = await startChild(await makePlace(t), bad).ended;
  assert.deepEqual([code, output], [1, []]);
  assert.equal(complaints.length, expected.length, complaints.join('\n'));
  for (const pattern of expected) assert.ok(complaints.some((line) => pattern.test(line)));
});

test('a database file that is none is told with what to do', async (t) => {
  const place = await makePlace(t);
  await mkdir(join(place.folder, 'data'));
  await writeFile(join(place.folder, 'data', 'temporal.db'), 'not a database '.repeat(1000));
  await assertRefused(place, {}, [
    /^Temporal cannot use the database file .*temporal\.db: move it away/,
  ]);
});

test('a state file of the sandbox that is none is told, and the server ends', async (t) => {
  const place = await makePlace(t);
  await mkdir(join(place.folder, 'data', 'sandbox'), { recursive: true });
  await writeFile(join(place.folder, 'data', 'sandbox', 'state.json'), '{"broken');
  await assertRefused(place, {}, [/state\.json/]);
});

test('trouble with Temporal’s own settings is told in a line each', async (t) => {
  const place = await makePlace(t);
  const file = join(place.folder, 'temporal.toml');
  await writeFile(file, 'profile = [\n');
  await assertRefused(place, { TEMPORAL_CONFIG_FILE: file }, [/^Temporal's profile: .*TOML/]);
  await assertRefused(place, { TEMPORAL_CONFIG_FILE: `${file}.absent` }, [
    /^TEMPORAL_CONFIG_FILE names a file that is not there: .*absent$/,
  ]);
  await assertRefused(place, { TEMPORAL_PROFILE: 'absent' }, [/^Temporal's profile: .*'absent'/]);
  await assertRefused(place, { TEMPORAL_API_KEY: 'key' }, [/: set TEMPORAL_ADDRESS too/]);
});

test('an API key without anything to verify callbacks with is refused', async (t) => {
  await assertRefused(await makePlace(t), { LEGALESIGN_API_KEY: 'user:key' }, [
    /^nothing to verify callbacks with: set LEGALESIGN_CERTIFICATES/,
  ]);
});

test('a binary that is not Temporal is refused with what was tried', async (t) => {
  const { code, complaints } = await startChild(await makePlace(t), {
    COUNTERSIGN_TEMPORAL_CLI: process.execPath,
  }).ended;
  assert.equal(code, 1);
  assert.match(complaints.join('\n'), /COUNTERSIGN_TEMPORAL_CLI: .* is not the Temporal CLI/);
  assert.doesNotMatch(complaints.join('\n'), /^ +at /m);
});
