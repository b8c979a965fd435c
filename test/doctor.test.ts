import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import proto from '@temporalio/proto';
import { generate } from 'selfsigned';
import { pickFreePort } from '../cli/ports.js';
import type { Finding } from '../cli/doctor/check.js';
import { examine } from '../cli/doctor/doctor.js';
import { serves, workersVerdict } from '../cli/doctor/temporal-checks.js';
import type { Environment } from '../configuration/settings.js';
import { createSandbox } from '../sandbox/index.js';
import { RECONCILIATION_SCHEDULE_ID } from '../workflows/contract.js';
import { openReceiver } from './support/receiver.js';
import { openStage, type Stage } from './support/stage.js';

const { WorkerVersioningMode } = proto.temporal.api.enums.v1;

const COUNTERSIGN = fileURLToPath(new URL('../cli/countersign.js', import.meta.url));

let stage: Stage;
let folder: string;
let healthy: Environment;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-doctor-'));
  stage = await openStage({
    sandbox: { apiKeys: ['test:key'] },
    environment: { RECONCILE_CRON: '0 2 * * *', COUNTERSIGN_DATA: join(folder, 'data') },
  });
  healthy = {
    ...stage.environment,
    WEBHOOK_PORT: new URL(stage.webhookUrl).port,
    WEBHOOK_PUBLIC_URL: stage.webhookUrl,
  };
  await stage.countersign.reconcile();
});

after(async () => {
  await stage.close();
  await rm(folder, { recursive: true });
});

interface Diagnosis {
  readonly problems: readonly Finding[];
  readonly findings: readonly Finding[];
}

async function diagnose(broken: Environment = {}): Promise<Diagnosis> {
  const findings = await examine({ ...healthy, ...broken });
  return { findings, problems: findings.filter(({ state }) => state === 'problem') };
}

/** The one problem there is: by its name, what was found, and with a next step. */
function assertCause({ problems }: Diagnosis, name: string, found: RegExp): void {
  assert.deepEqual(
    problems.map((each) => each.name),
    [name],
    JSON.stringify(problems),
  );
  assert.match(problems[0]?.found ?? '', found);
  assert.notEqual(problems[0]?.todo, '');
}

async function deadAddress(): Promise<string> {
  return `127.0.0.1:${await pickFreePort('127.0.0.1')}`;
}

test('a set-up that works has no problem and no warning, and nothing is left in it', async () => {
  const { findings } = await diagnose();
  const notWell = findings.filter(({ state }) => state === 'problem' || state === 'warning');
  assert.deepEqual(notWell, []);
  const skipped = findings.filter(({ state }) => state === 'skipped').map(({ name }) => name);
  assert.deepEqual(skipped, ['HTTP channel', 'e-mail channel', 'Slack channel']);
});

test('Temporal is down: named, and what depends on it is not asked', async () => {
  const limitMs = 3000;
  const findings = await examine(
    { ...healthy, TEMPORAL_ADDRESS: await deadAddress() },
    { limitMs },
  );
  const diagnosis = { findings, problems: findings.filter(({ state }) => state === 'problem') };
  assertCause(diagnosis, 'Temporal server', /does not answer/);
  assert.equal(diagnosis.findings.find(({ name }) => name === 'workers')?.state, 'skipped');
});

test('the namespace does not exist: named', async () => {
  assertCause(await diagnose({ TEMPORAL_NAMESPACE: 'elsewhere' }), 'namespace', /elsewhere/);
});

test('no worker polls the task queue: named', async () => {
  assertCause(await diagnose({ COUNTERSIGN_TASK_QUEUE: 'empty' }), 'workers', /empty/);
});

test('workers whose version is not the current one get no task: named', () => {
  const { WORKER_VERSIONING_MODE_VERSIONED: VERSIONED } = WorkerVersioningMode;
  const version = { deploymentName: 'countersign', buildId: 'b2' };
  const versioned = { ...version, workerVersioningMode: VERSIONED };
  assert.ok(serves(undefined, undefined) && serves(versioned, version));
  assert.ok(!serves(versioned, undefined) && !serves(undefined, version));
  assert.ok(!serves(versioned, { ...version, buildId: 'b1' }));
  const idle = { pollers: 2, current: 0, version: 'what has no version' };
  const { state, found, todo } = workersVerdict('countersign', idle, idle);
  assert.equal(state, 'problem');
  assert.match(found, /2 poll the task queue countersign, and none gets a task/);
  assert.match(todo, /set-current-version/);
  assert.equal(workersVerdict('q', { ...idle, current: 1 }, { ...idle, current: 1 }).state, 'ok');
});

test('the public address lacks a token that the webhook wants, or has another: named', async () => {
  const [token, other] = ['a-token-of-some-length', 'another-token-of-some-length'];
  const path = `${stage.webhookUrl}/callbacks/legalesign`;
  const findingOf = async (broken: Environment): Promise<Finding | undefined> => {
    const { findings } = await diagnose({ WEBHOOK_TOKENS: token, ...broken });
    assert.doesNotMatch(JSON.stringify(findings), /-token-of-some/);
    return findings.find(({ name }) => name === 'public URL');
  };
  const missing = await findingOf({ WEBHOOK_TOKEN_REQUIRED: 'on' });
  assert.match(missing?.found ?? '', /has no token, and WEBHOOK_TOKEN_REQUIRED is on/);
  const wrong = await findingOf({ WEBHOOK_PUBLIC_URL: `${path}/${other}` });
  assert.match(wrong?.found ?? '', /none of WEBHOOK_TOKENS/);
  const right = await findingOf({ WEBHOOK_PUBLIC_URL: `${path}/${token}` });
  assert.equal(right?.state, 'ok');
});

test('the provider refuses the key: named, without the key', async () => {
  const diagnosis = await diagnose({ LEGALESIGN_API_KEY: 'test:wrong-secret' });
  assertCause(diagnosis, 'provider', /401/);
  assert.doesNotMatch(JSON.stringify(diagnosis.findings), /wrong-secret/);
});

test('a certificate is missing: named by its path', async () => {
  const path = join(folder, 'absent.pem');
  const { problems } = await diagnose({ LEGALESIGN_CERTIFICATES: path });
  assert.deepEqual(
    problems.map(({ name }) => name),
    ["webhook's settings", 'certificates'],
  );
  for (const { found } of problems) assert.ok(found.includes(path), found);
});

test('a certificate has expired: a warning that says when, since its key still verifies', async () => {
  const path = join(folder, 'expired.pem');
  const { cert } = await generate([{ name: 'commonName', value: 'provider' }], {
    keySize: 2048,
    notBeforeDate: new Date('2020-01-01'),
    notAfterDate: new Date('2021-01-01'),
  });
  await writeFile(path, cert);
  const { findings } = await diagnose({ LEGALESIGN_CERTIFICATES: path });
  const found = findings.find(({ name }) => name === 'certificates');
  assert.equal(found?.state, 'warning');
  assert.match(found.found, /expired on 2021-01-01/);
});

test('the archive cannot be written to: named by its path', async () => {
  const file = join(folder, 'a-file');
  await writeFile(file, '');
  assertCause(await diagnose({ ARCHIVE_URL: `file:${file}` }), 'archive', /not a folder/);
});

test('the Schedule is paused: named, with its note', async () => {
  const handle = stage.client.schedule.getHandle(RECONCILIATION_SCHEDULE_ID);
  await handle.pause('for the move');
  try {
    assertCause(await diagnose(), 'Schedule', /paused \(for the move\)/);
  } finally {
    await handle.unpause();
  }
});

test('the provider has made a subscription inactive: named by its kind', async () => {
  const url = `${stage.webhookUrl}/callbacks/legalesign`;
  stage.sandbox.deactivateSubscription(url, 'signed');
  try {
    assertCause(await diagnose(), 'subscriptions', /signed is inactive/);
  } finally {
    stage.sandbox.subscribe({ url, notify: 'signed' });
  }
});

test('the webhook does not run: named by its address', async () => {
  const port = String(await pickFreePort('127.0.0.1'));
  assertCause(await diagnose({ WEBHOOK_PORT: port }), 'webhook', new RegExp(`:${port}`));
});

test('callbacks wait in the spool and no webhook runs: both are named', async () => {
  const data = join(folder, 'left');
  const queue = join(data, 'spool', 'p-00000001', 'q-00000001');
  await mkdir(queue, { recursive: true });
  await writeFile(join(queue, 'waiting-00000001.records'), 'one');
  const port = String(await pickFreePort('127.0.0.1'));
  const { problems } = await diagnose({ WEBHOOK_PORT: port, COUNTERSIGN_DATA: data });
  assert.deepEqual(
    problems.map(({ name }) => name),
    ['webhook', 'outage spool'],
  );
});

test("the provider's clock is ten minutes ahead: named, with how much", async () => {
  const sandbox = await createSandbox({ clockSkewMs: 600_000, batchIntervalMs: 0 });
  try {
    const elsewhere = { LEGALESIGN_API_URL: sandbox.apiUrl, WEBHOOK_PUBLIC_URL: '' };
    assertCause(await diagnose(elsewhere), "provider's clock", /(10m|\d{3}s) ahead/);
  } finally {
    await sandbox.close();
  }
});

test('the mail server refuses connections: named by its address', async () => {
  const server = await deadAddress();
  const email = {
    NOTIFY_SMTP_URL: `smtp://user:hidden@${server}`,
    NOTIFY_EMAIL_FROM: 'countersign@example.com',
    NOTIFY_EMAIL_TO: 'ops@example.com',
  };
  const diagnosis = await diagnose(email);
  assertCause(diagnosis, 'e-mail channel', /ECONNREFUSED/);
  assert.doesNotMatch(JSON.stringify(diagnosis.findings), /hidden/);
});

test('settings are wrong: all of them at once, and the rest is looked at all the same', async () => {
  const diagnosis = await diagnose({ DOCUMENT_LINGER: 'long', RECONCILE_CRON: 'nightly' });
  assertCause(diagnosis, "worker's settings", /DOCUMENT_LINGER/);
  assert.match(diagnosis.problems[0]?.found ?? '', /DOCUMENT_LINGER.*RECONCILE_CRON/);
  assert.equal(diagnosis.findings.find(({ name }) => name === 'workers')?.state, 'ok');
});

test('the namespace lacks the search attributes: named', async () => {
  const namespace = 'bare';
  await stage.client.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 86_400 as unknown as Long },
  });
  const { problems } = await diagnose({ TEMPORAL_NAMESPACE: namespace });
  const found = problems.find(({ name }) => name === 'search attributes')?.found;
  assert.match(found ?? '', /not registered: DocumentStatus/);
});

interface Ran {
  readonly code: number;
  readonly stdout: string;
}

function countersign(words: readonly string[], environment: Environment): Promise<Ran> {
  return new Promise((resolve) => {
    const env = { ...process.env, ...environment };
    execFile(process.execPath, [COUNTERSIGN, ...words], { env }, (error, stdout) => {
      resolve({ code: Number(error?.code ?? 0), stdout });
    });
  });
}

test('the command prints a table, or JSON alone, and exits with 1 where there is a problem', async () => {
  const broken = { ...healthy, COUNTERSIGN_TASK_QUEUE: 'empty' };
  const [table, json] = await Promise.all([
    countersign(['doctor'], healthy),
    countersign(['doctor', '--json'], broken),
  ]);
  assert.equal(table.code, 0, table.stdout);
  assert.match(table.stdout, /^Temporal server +ok +127\.0\.0\.1:\d+, version \d/m);
  assert.equal(json.code, 1);
  const report = JSON.parse(json.stdout) as { isHealthy: boolean; findings: Finding[] };
  assert.equal(report.isHealthy, false);
  assert.equal(report.findings.find(({ name }) => name === 'workers')?.state, 'problem');
});

test('on request every channel is told a test message for real, and what refuses it is named', async () => {
  const receiver = await openReceiver();
  try {
    const settings = {
      ...healthy,
      NOTIFY_WEBHOOK_URL: receiver.url,
      NOTIFY_WEBHOOK_SECRETS: receiver.secret,
    };
    const testOf = (findings: readonly Finding[]): Finding | undefined =>
      findings.find(({ name }) => name === 'test by http');
    assert.equal(testOf(await examine(settings)), undefined);
    assert.equal(receiver.messages.length, 0);
    assert.equal(testOf(await examine(settings, { sendsTest: true }))?.state, 'ok');
    assert.deepEqual(
      receiver.messages.map(({ type }) => type),
      ['countersign.test'],
    );
    receiver.answers.push(410);
    const refused = testOf(await examine(settings, { sendsTest: true }));
    assert.equal(refused?.state, 'problem');
    assert.match(refused.found, /410/);
  } finally {
    await receiver.close();
  }
});
