/** Canaries in every secret and every name; then everything that comes out is searched for them. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Payload } from '@temporalio/common';
import { pickFreePort } from '../cli/ports.js';
import { documentWorkflowId, WORKFLOW_TYPES, type Activities } from '../workflows/contract.js';
import { program, type ProgramName } from './support/build.js';
import { startStage, type StageServer } from './support/provider-stage.js';
import { openStage, type Stage } from './support/stage.js';
import { until } from './support/until.js';
import { sendTo } from './support/webhook-harness.js';
import { CALLBACKS, formRequest, hintRequest, jsonRequest } from './support/webhook-signing.js';

/** 32 bytes. */
const ENCRYPTION_KEY = 'canary-encryption-key-0123456789';
const WEBHOOK_SECRET = 'canary-whsec';

const SECRETS = {
  apiKey: 'canary-api-key',
  token: 'canary-url-token-0123456789',
  hmac: 'canary-hmac-secret-0123456789',
  whsec: Buffer.from(WEBHOOK_SECRET).toString('base64'),
  whsecDecoded: WEBHOOK_SECRET,
  smtpPassword: 'canary-smtp-password',
  slackPath: 'canary-slack-path',
  webhookPath: 'canary-receiver-path',
  s3Secret: 'canary-s3-secret',
  encryptionKey: Buffer.from(ENCRYPTION_KEY).toString('base64'),
  encryptionKeyDecoded: ENCRYPTION_KEY,
  codecToken: 'canary-codec-token-0123456789',
} as const;

const BUCKET = 'refused-bucket';
/** The task queue of a worker whose archive refuses everything. */
const S3_TASK_QUEUE = 'countersign-s3';
const RECONCILIATION_ID = 'reconciliation-of-canaries';

/** Of people: in nobody's log and in no history. A rejecting signer's own words are told. */
const PEOPLE = ['Canaria', 'Kanarienvogel', 'canary.person@example.com'] as const;

let stage: Stage;
let receiver: StageServer;
let ports: { readonly webhook: number; readonly metrics: number; readonly codec: number };
const children: ChildProcess[] = [];
const output: string[] = [];

/** A process of its own, all of whose words are kept. */
function start(name: ProgramName, environment: Readonly<Record<string, string | undefined>>): void {
  const child = spawn(process.execPath, program(name), {
    env: { ...process.env, ...stage.environment, LOG_LEVEL: 'trace', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => output.push(chunk.toString()));
  }
  children.push(child);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

before(async () => {
  // Refuses what Slack and S3 are told, breaks off everything else, and repeats what it was sent.
  receiver = await startStage((request, response) => {
    const { url = '', headers } = request;
    const isS3 = url.startsWith(`/${BUCKET}`);
    response.writeHead(isS3 || url.includes(SECRETS.slackPath) ? 403 : 500);
    const told = `refused: ${url} ${isS3 ? (headers.authorization ?? '') : ''} `;
    response.end(
      isS3 ? `<Error><Code>AccessDenied</Code><Message>${told}</Message></Error>` : told,
    );
  });
  stage = await openStage({
    subscribes: false,
    environment: {
      LEGALESIGN_API_KEY: `user:${SECRETS.apiKey}`,
      COUNTERSIGN_ENCRYPTION_KEYS: `k1:${SECRETS.encryptionKey}`,
    },
    sandbox: { hmacSecret: SECRETS.hmac },
  });
  await stage.stopWorker();
  ports = {
    webhook: await pickFreePort('127.0.0.1'),
    metrics: await pickFreePort('127.0.0.1'),
    codec: await pickFreePort('127.0.0.1'),
  };
  const { port } = new URL(receiver.origin);
  start('worker/main', {
    NOTIFY_WEBHOOK_URL: `${receiver.origin}/${SECRETS.webhookPath}`,
    NOTIFY_WEBHOOK_SECRETS: `whsec_${SECRETS.whsec}`,
    NOTIFY_SLACK_URL: `${receiver.origin}/services/${SECRETS.slackPath}`,
    NOTIFY_SMTP_URL: `smtp://user:${SECRETS.smtpPassword}@127.0.0.1:${port}`,
    NOTIFY_EMAIL_FROM: 'countersign@example.org',
    NOTIFY_EMAIL_TO: 'canary.person@example.com',
    NOTIFY_LOG_EVENTS: '*',
    RECONCILE_ALARM_CHANGES: '0',
    RECONCILE_ALARM_SHARE: '0%',
    WORKER_METRICS_ADDRESS: `127.0.0.1:${ports.metrics}`,
  });
  start('worker/main', {
    COUNTERSIGN_TASK_QUEUE: S3_TASK_QUEUE,
    ARCHIVE_URL: `s3://${BUCKET}/signed`,
    ARCHIVE_S3_ENDPOINT: receiver.origin,
    ARCHIVE_S3_REGION: 'eu-central-1',
    ARCHIVE_S3_FORCE_PATH_STYLE: 'true',
    AWS_ACCESS_KEY_ID: 'countersign',
    AWS_SECRET_ACCESS_KEY: SECRETS.s3Secret,
  });
  start('codec/server/main', {
    CODEC_PORT: String(ports.codec),
    CODEC_TOKENS: SECRETS.codecToken,
  });
  start('webhook/main', {
    WEBHOOK_PORT: String(ports.webhook),
    WEBHOOK_TOKENS: SECRETS.token,
    LEGALESIGN_HMAC_SECRETS: SECRETS.hmac,
    WEBHOOK_SPOOL: 'off',
  });
  const ready = [
    /the webhook listens/,
    /the codec server listens/,
    /the worker polls[^]*the worker polls/,
  ];
  for (const words of ready) await until(() => words.test(output.join('')));
  for (const notify of ['all', 'signed', 'realtime'] as const) {
    const url = `http://127.0.0.1:${ports.webhook}${CALLBACKS}/${SECRETS.token}`;
    stage.sandbox.subscribe({ url, notify });
  }
});

after(async () => {
  await Promise.all(children.map(stop));
  await stage.close();
  await receiver.close();
});

const [firstname, lastname, email] = PEOPLE;

async function createDocument(): Promise<string> {
  const { documentId } = await stage.countersign.createDocument({
    name: `Lease of ${firstname} ${lastname}`,
    group: 'sandbox',
    tag: 'lease-12',
    templatepdf: `/api/v1/templatepdf/${randomUUID()}/`,
    signers: [{ firstname, lastname, email }],
  });
  return documentId;
}

async function callbacksThatFail(): Promise<void> {
  const { token, hmac } = SECRETS;
  const documentId = randomUUID();
  const event = JSON.stringify({ object: 'document', email, firstname, hmac });
  const requests = [
    hintRequest(documentId, `${token}-wrong`),
    hintRequest(documentId, token),
    { ...hintRequest(documentId), path: `${CALLBACKS}?token=${token}` },
    formRequest(`data=${email}&signed=${token}`),
    formRequest(`json_signed={"name":"${lastname}"}`, `${CALLBACKS}/${token}`),
    jsonRequest(event, { 'x-hmac-sha256': hmac, authorization: token, cookie: hmac }),
    { ...jsonRequest(event), path: `/${token}/../${hmac}` },
  ];
  for (const request of requests) {
    const { text } = await sendTo(ports.webhook, request);
    output.push(text);
  }
}

async function decodingsThatFail(): Promise<void> {
  const { codecToken } = SECRETS;
  const altered = {
    metadata: {
      encoding: Buffer.from('binary/encrypted').toString('base64'),
      'encryption-key-id': Buffer.from('k1').toString('base64'),
    },
    data: Buffer.from(ENCRYPTION_KEY.repeat(2)).toString('base64'),
  };
  const requests: readonly (readonly [token: string, namespace: string, body: string])[] = [
    [`${codecToken}-wrong`, 'default', ''],
    [codecToken, codecToken.toUpperCase(), ''],
    [codecToken, 'default', 'no JSON'],
    [codecToken, 'default', JSON.stringify({ payloads: [altered] })],
  ];
  for (const [token, namespace, body] of requests) {
    const response = await fetch(`http://127.0.0.1:${ports.codec}/codec/decode`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'x-namespace': namespace,
      },
      body,
    });
    assert.ok(response.status >= 400);
    output.push(await response.text());
  }
}

/** A document whose archive refuses to say whether it has it. */
async function refusedByS3(): Promise<void> {
  const documentId = randomUUID();
  const handle = await stage.client.workflow.start(WORKFLOW_TYPES.documentSigning, {
    workflowId: documentWorkflowId(documentId),
    taskQueue: S3_TASK_QUEUE,
    args: [{ documentId }],
  });
  await until(async () => (await failing(handle.workflowId, 'lookUpDocument')) > 0);
}

/** A reconciliation that has something to tell: of a document that nobody told of. */
async function reconcile(): Promise<void> {
  stage.sandbox.createDocument({ signers: [{ firstname, lastname, email }], muted: 1 });
  await stage.client.workflow.start(WORKFLOW_TYPES.reconciliation, {
    workflowId: RECONCILIATION_ID,
    taskQueue: stage.taskQueue,
    args: [{}],
  });
}

async function histories(): Promise<string> {
  const shown: unknown[] = [];
  for await (const execution of stage.client.workflow.list()) {
    const { workflowId, runId, memo } = execution;
    const attributes = execution.typedSearchAttributes.getAll();
    const handle = stage.client.workflow.getHandle(workflowId, runId);
    const { raw } = await handle.describe();
    const { events } = await handle.fetchHistory();
    shown.push(await readable([workflowId, memo, attributes, raw, events]));
  }
  return JSON.stringify(shown);
}

/** As plain objects: payloads decrypted, bytes as the text that they are. */
async function readable(value: unknown): Promise<unknown> {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  if (Array.isArray(value)) return Promise.all(value.map(readable));
  const entries = Object.entries(isPayload(value) ? await decrypted(value) : value);
  return Object.fromEntries(
    await Promise.all(entries.map(async ([name, each]) => [name, await readable(each)] as const)),
  );
}

function isPayload(value: object): value is Payload {
  return 'metadata' in value && 'data' in value;
}

async function decrypted(payload: Payload): Promise<Payload> {
  const [codec] = stage.client.options.loadedDataConverter.payloadCodecs;
  const [plain = payload] = (await codec?.decode([payload])) ?? [];
  return plain;
}

async function get(port: number, path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return response.text();
}

async function archived(): Promise<string> {
  const files = await readdir(stage.archiveFolder, { recursive: true });
  const texts = files
    .filter((file) => file.endsWith('.json'))
    .map((file) => readFile(join(stage.archiveFolder, file), 'utf8'));
  return [...files, ...(await Promise.all(texts))].join('\n');
}

/** How many of a workflow's activities of this type have failed and are tried again. */
async function failing(workflowId: string, type: keyof Activities): Promise<number> {
  const { raw } = await stage.client.workflow.getHandle(workflowId).describe();
  const failed = (raw.pendingActivities ?? []).filter(
    ({ activityType, lastFailure }) => activityType?.name === type && lastFailure,
  );
  return failed.length;
}

test('no secret and nobody’s name leaves by a log, an answer, a metric, a history or the archive', async () => {
  const { sandbox } = stage;
  const completed = await createDocument();
  const rejected = await createDocument();
  await sandbox.completeDocument(completed);
  const [signerId = ''] = sandbox.document(rejected).signers.map(({ id }) => id);
  sandbox.advanceSigner(signerId, { status: 'rejected', reason: `write to ${email}` });
  sandbox.changeFaults({ failApi: 0.3 });
  await sandbox.flushCallbacks();
  await sandbox.idle();
  sandbox.changeFaults({ failApi: 0 });
  await callbacksThatFail();
  await decodingsThatFail();
  await refusedByS3();
  await reconcile();
  // HTTP and e-mail are tried again; Slack has refused for good.
  for (const workflowId of [...[completed, rejected].map(documentWorkflowId), RECONCILIATION_ID]) {
    await until(async () => (await failing(workflowId, 'announce')) >= 2);
  }
  const outputs: Readonly<Record<string, string>> = {
    logs: output.join('\n'),
    'the webhook’s metrics': await get(ports.webhook, '/metrics'),
    'the worker’s metrics': await get(ports.metrics, '/metrics'),
    histories: await histories(),
    archive: await archived(),
  };
  // What is searched is there: each would be found if it were shown.
  assert.match(
    outputs['logs'] ?? '',
    /document\.completed[^]*signatureMissing|signatureMissing[^]*/,
  );
  const shown = outputs['histories'] ?? '';
  assert.match(shown, new RegExp(`${completed}[^]*answered 403`));
  // What stands in payloads alone.
  assert.match(shown, /reconciliation\.alarm/);
  assert.match(shown, new RegExp(`s3://${BUCKET}/signed[^]*AccessDenied`));
  assert.match(outputs['archive'] ?? '', /providerHash/);
  for (const [where, text] of Object.entries(outputs)) {
    for (const [what, secret] of [...Object.entries(SECRETS), ...PEOPLE.entries()]) {
      const at = text.indexOf(secret);
      const around = text.slice(Math.max(at - 300, 0), at + 100);
      assert.equal(at, -1, `${where} show ${what}: …${around}…`);
    }
  }
});
