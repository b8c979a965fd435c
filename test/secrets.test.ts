/** Canaries in every secret and every name; then everything that comes out is searched for them. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pickFreePort } from '../cli/ports.js';
import { documentWorkflowId } from '../workflows/contract.js';
import { startStage, type StageServer } from './support/provider-stage.js';
import { openStage, type Stage } from './support/stage.js';
import { until } from './support/until.js';
import { sendTo } from './support/webhook-harness.js';
import { CALLBACKS, formRequest, hintRequest, jsonRequest } from './support/webhook-signing.js';

const SECRETS = {
  apiKey: 'canary-api-key',
  token: 'canary-url-token-0123456789',
  hmac: 'canary-hmac-secret-0123456789',
  whsec: Buffer.from('canary-whsec').toString('base64'),
  smtpPassword: 'canary-smtp-password',
  slackPath: 'canary-slack-path',
  webhookPath: 'canary-receiver-path',
  s3Secret: 'canary-s3-secret',
} as const;

/** Of people: in nobody's log and in no history. A rejecting signer's own words are told. */
const PEOPLE = ['Canaria', 'Kanarienvogel', 'canary.person@example.com'] as const;

let stage: Stage;
let receiver: StageServer;
let worker: ChildProcess;
let webhook: ChildProcess;
let ports: { readonly webhook: number; readonly metrics: number };
const output: string[] = [];

/** A process of its own, all of whose words are kept. */
function start(
  file: string,
  environment: Readonly<Record<string, string | undefined>>,
): ChildProcess {
  const child = spawn(process.execPath, ['--import', 'tsx', file], {
    env: { ...process.env, ...stage.environment, LOG_LEVEL: 'trace', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => output.push(chunk.toString()));
  }
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

before(async () => {
  // Refuses what Slack is told, breaks off every other message, and repeats what it was sent.
  receiver = await startStage((request, response) => {
    const status = request.url?.includes(SECRETS.slackPath) === true ? 403 : 500;
    response.writeHead(status).end(`refused: ${request.url ?? ''} `);
  });
  stage = await openStage({
    subscribes: false,
    environment: { LEGALESIGN_API_KEY: `user:${SECRETS.apiKey}` },
    sandbox: { hmacSecret: SECRETS.hmac },
  });
  await stage.stopWorker();
  ports = { webhook: await pickFreePort('127.0.0.1'), metrics: await pickFreePort('127.0.0.1') };
  const { port } = new URL(receiver.origin);
  worker = start('worker/main.ts', {
    NOTIFY_WEBHOOK_URL: `${receiver.origin}/${SECRETS.webhookPath}`,
    NOTIFY_WEBHOOK_SECRETS: `whsec_${SECRETS.whsec}`,
    NOTIFY_SLACK_URL: `${receiver.origin}/services/${SECRETS.slackPath}`,
    NOTIFY_SMTP_URL: `smtp://user:${SECRETS.smtpPassword}@127.0.0.1:${port}`,
    NOTIFY_EMAIL_FROM: 'countersign@example.org',
    NOTIFY_EMAIL_TO: 'canary.person@example.com',
    NOTIFY_LOG_EVENTS: '*',
    AWS_SECRET_ACCESS_KEY: SECRETS.s3Secret,
    WORKER_METRICS_ADDRESS: `127.0.0.1:${ports.metrics}`,
  });
  webhook = start('webhook/main.ts', {
    WEBHOOK_PORT: String(ports.webhook),
    WEBHOOK_TOKENS: SECRETS.token,
    LEGALESIGN_HMAC_SECRETS: SECRETS.hmac,
    WEBHOOK_SPOOL: 'off',
  });
  await until(() => output.join('').includes('the webhook listens'));
  await until(() => output.join('').includes('the worker polls'));
  for (const notify of ['all', 'signed', 'realtime'] as const) {
    const url = `http://127.0.0.1:${ports.webhook}${CALLBACKS}/${SECRETS.token}`;
    stage.sandbox.subscribe({ url, notify });
  }
});

after(async () => {
  await Promise.all([stop(worker), stop(webhook)]);
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

async function histories(): Promise<string> {
  const shown: string[] = [];
  for await (const execution of stage.client.workflow.list()) {
    const { workflowId, runId, memo } = execution;
    const attributes = execution.typedSearchAttributes.getAll();
    const handle = stage.client.workflow.getHandle(workflowId, runId);
    const { raw } = await handle.describe();
    const { events } = await handle.fetchHistory();
    shown.push(workflowId, textOf(memo), textOf(attributes), textOf(raw), textOf(events));
  }
  return shown.join('\n');
}

/** As JSON, with the bytes of payloads as the text that they are. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_name, each: unknown) => {
    if (each instanceof Uint8Array) return Buffer.from(each).toString();
    if (isBufferJson(each)) return Buffer.from(each.data).toString();
    return typeof each === 'bigint' ? String(each) : each;
  });
}

function isBufferJson(value: unknown): value is { readonly data: readonly number[] } {
  const fields = value as { type?: unknown; data?: unknown } | null;
  return typeof value === 'object' && fields?.type === 'Buffer' && Array.isArray(fields.data);
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

/** Whether every channel has failed at least once for a document. */
async function hasFailedEverywhere(documentId: string): Promise<boolean> {
  const { raw } = await stage.client.workflow.getHandle(documentWorkflowId(documentId)).describe();
  const failed = (raw.pendingActivities ?? []).filter(({ lastFailure }) => lastFailure);
  // HTTP and e-mail are tried again; Slack has refused for good.
  return failed.length >= 2;
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
  for (const documentId of [completed, rejected]) {
    await until(() => hasFailedEverywhere(documentId));
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
  assert.match(outputs['histories'] ?? '', new RegExp(`${completed}[^]*answered 403`));
  assert.match(outputs['archive'] ?? '', /providerHash/);
  for (const [where, text] of Object.entries(outputs)) {
    for (const [what, secret] of [...Object.entries(SECRETS), ...PEOPLE.entries()]) {
      const at = text.indexOf(secret);
      const around = text.slice(Math.max(at - 300, 0), at + 100);
      assert.equal(at, -1, `${where} show ${what}: …${around}…`);
    }
  }
});
