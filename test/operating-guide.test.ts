import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { pickFreePort } from '../cli/ports.js';
import { FAILURE_TYPES, OPERATIONS_EVENTS, documentWorkflowId } from '../workflows/contract.js';
import type { SigningOutcome } from '../workflows/contract.js';
import { program } from './support/build.js';
import { openStage, type Stage } from './support/stage.js';
import { until } from './support/until.js';

const guide = await readFile(new URL('../docs/operating.md', import.meta.url), 'utf8');
const dashboard = await readFile(
  new URL('../deploy/grafana-dashboard.json', import.meta.url),
  'utf8',
);

/** The metrics that a table of the guide names. */
function documented(heading: string): string[] {
  const table = guide.slice(guide.indexOf(heading)).split('\n\n')[0] ?? '';
  return [...table.matchAll(/^\| `(countersign_\w+)`/gm)].map(([, name = '']) => name).sort();
}

/** It compiles and bundles the workflows first: seconds, and minutes on a machine that is full. */
const WORKER_START_LIMIT_MS = 180_000;

let stage: Stage;
const children: ChildProcess[] = [];

before(async () => {
  stage = await openStage();
});

after(async () => {
  for (const child of children) child.kill('SIGKILL');
  await stage.close();
});

/** A worker process of its own, once it serves metrics. */
async function startWorker(): Promise<{ child: ChildProcess; metricsUrl: string }> {
  const address = `127.0.0.1:${await pickFreePort('127.0.0.1')}`;
  const child = spawn(process.execPath, program('worker/main'), {
    env: {
      ...process.env,
      ...stage.environment,
      WORKER_METRICS_ADDRESS: address,
      LOG_LEVEL: 'info',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  let log = '';
  child.stdout.on('data', (piece: Buffer) => (log += piece.toString()));
  await until(() => log.includes('the worker polls'), WORKER_START_LIMIT_MS);
  return { child, metricsUrl: `http://${address}/metrics` };
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  assert.deepEqual(await exited, [0, null]);
}

async function metricsAt(url: string): Promise<string> {
  return (await fetch(url)).text();
}

test("the guide's table names the webhook's metrics, all of them and no other", async () => {
  const text = await metricsAt(`${stage.webhookUrl}/metrics`);
  const served = [...text.matchAll(/^# TYPE (countersign_\w+)/gm)].map(([, name = '']) => name);
  assert.deepEqual(documented('| metric |'), served.sort());
});

test('workers restarted one after the other, documents under way: every one is archived', async () => {
  await stage.stopWorker();
  stage.sandbox.changeFaults({ slowPdfMs: 300 });
  const first = await startWorker();
  const documents = Array.from({ length: 12 }, () => stage.sandbox.createDocument({ signers: 2 }));
  const sign = async (some: typeof documents): Promise<void> => {
    for (const { id } of some) await stage.sandbox.completeDocument(id);
    await stage.sandbox.flushCallbacks();
  };
  await sign(documents.slice(0, 6));
  const second = await startWorker();
  await end(first.child);
  await sign(documents.slice(6));
  const third = await startWorker();
  await end(second.child);
  await stage.sandbox.idle();
  const outcomes = await Promise.all(
    documents.map(({ id }) => stage.client.workflow.getHandle(documentWorkflowId(id)).result()),
  );
  for (const [index, outcome] of (outcomes as SigningOutcome[]).entries()) {
    const { hash } = stage.sandbox.document(documents[index]?.id ?? '');
    assert.deepEqual([outcome.kind, outcome.archive?.providerHash], ['completed', hash]);
  }
  await stage.countersign.reconcile();
  const text = await metricsAt(third.metricsUrl);
  const custom = [...text.matchAll(/^# TYPE (countersign_\w+?)(?:_total)? /gm)];
  for (const [, name = ''] of custom)
    assert.ok(documented("| worker's metric |").includes(name), name);
  for (const name of ['countersign_reconciliation_runs', 'countersign_reconciliation_documents']) {
    assert.match(text, new RegExp(`^${name}`, 'm'));
  }
  await end(third.child);
});

test('the guide says of every failure type and of every alarm what to do', () => {
  for (const name of [...Object.values(FAILURE_TYPES), ...OPERATIONS_EVENTS]) {
    assert.match(guide, new RegExp(`^\\| \`${name.replace('.', '\\.')}\` \\|`, 'm'), name);
  }
});

test('the dashboard shows metrics that the guide names, and every one of them', () => {
  const shown = new Set(
    [...dashboard.matchAll(/countersign_[a-z_]+/g)].map(([name]) =>
      name.replace(/_(bucket|sum|count)$/, ''),
    ),
  );
  const all = [...documented('| metric |'), ...documented("| worker's metric |")];
  assert.deepEqual([...shown].sort(), all.sort());
});
