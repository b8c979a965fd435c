import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import { createWorkerPlugin, readConfiguration } from '../worker/index.js';
import { openStage, type Stage } from './support/stage.js';

let stage: Stage;
let connection: NativeConnection;

before(async () => {
  stage = await openStage();
  await stage.stopWorker();
  connection = await NativeConnection.connect({
    address: stage.environment['TEMPORAL_ADDRESS'] ?? '',
  });
});

after(async () => {
  await connection.close();
  await stage.close();
});

function options(more: Partial<WorkerOptions> = {}): WorkerOptions {
  const plugin = createWorkerPlugin({ configuration: readConfiguration(stage.environment) });
  return { connection, taskQueue: stage.taskQueue, plugins: [plugin], ...more };
}

async function signOne(): Promise<string> {
  const [created] = stage.sandbox.createDocuments(1, { signers: 1 });
  const id = created?.id ?? '';
  await stage.sandbox.completeDocument(id);
  await stage.sandbox.flushCallbacks();
  return (await stage.countersign.waitForOutcome(id)).kind;
}

test('a worker with the plugin alone archives documents', async () => {
  const worker = await Worker.create(options());
  assert.equal(await worker.runUntil(signOne), 'completed');
});

test('a worker with workflows and activities of its own runs them beside ours', async () => {
  const folder = await mkdtemp(fileURLToPath(new URL('../.countersign/plugin-', import.meta.url)));
  try {
    const workflowsPath = join(folder, 'workflows.ts');
    await writeFile(
      workflowsPath,
      `import { proxyActivities } from '@temporalio/workflow';
export * from '../../workflows/index.js';
export const greeting = () => proxyActivities({ startToCloseTimeout: '10s' }).greet('Ada');\n`,
    );
    const activities = { greet: (name: string) => Promise.resolve(`hello ${name}`) };
    const worker = await Worker.create(options({ workflowsPath, activities }));
    const [outcome, greeting] = await worker.runUntil(() =>
      Promise.all([
        signOne(),
        stage.client.workflow.execute<() => Promise<string>>('greeting', {
          workflowId: 'greeting',
          taskQueue: stage.taskQueue,
        }),
      ]),
    );
    assert.equal(outcome, 'completed');
    assert.equal(greeting, 'hello Ada');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('another task queue than the settings say is refused, with the reason', async () => {
  await assert.rejects(Worker.create(options({ taskQueue: 'another' })), /COUNTERSIGN_TASK_QUEUE/);
});

test('a worker without a connection is refused', async () => {
  const { connection: _left, ...rest } = options();
  await assert.rejects(Worker.create(rest), /needs the `connection`/);
});

test('Workflow Tasks at once: the application’s figure, else the setting’s', async () => {
  const slotsOf = async (
    told: string,
    more: Partial<WorkerOptions> = {},
  ): Promise<number | undefined> => {
    const environment = { ...stage.environment, WORKER_CONCURRENT_WORKFLOW_TASKS: told };
    const plugin = createWorkerPlugin({ configuration: readConfiguration(environment) });
    const configured = await plugin.configureWorker?.(options(more));
    return configured?.maxConcurrentWorkflowTaskExecutions;
  };
  assert.equal(await slotsOf('4'), 4);
  assert.equal(await slotsOf(''), undefined);
  assert.equal(await slotsOf('4', { maxConcurrentWorkflowTaskExecutions: 9 }), 9);
  const tuner = { tunerOptions: { targetMemoryUsage: 0.8, targetCpuUsage: 0.9 } };
  assert.equal(await slotsOf('4', { tuner }), undefined);
});
