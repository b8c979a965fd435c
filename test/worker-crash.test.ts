import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { documentWorkflowId, type SigningOutcome } from '../workflows/contract.js';
import { program } from './support/build.js';
import { openReceiver, type Receiver } from './support/receiver.js';
import { openStage, type Stage } from './support/stage.js';

let receiver: Receiver;
let stage: Stage;

before(async () => {
  receiver = await openReceiver();
  stage = await openStage({
    environment: { NOTIFY_WEBHOOK_URL: receiver.url, NOTIFY_WEBHOOK_SECRETS: receiver.secret },
  });
  await stage.stopWorker();
});

after(async () => {
  await stage.close();
  await receiver.close();
});

function startWorkerProcess(): ChildProcess {
  return spawn(process.execPath, program('worker/main'), {
    env: { ...process.env, ...stage.environment },
    stdio: 'ignore',
  });
}

async function untilDownloading(documentId: string): Promise<void> {
  const handle = stage.client.workflow.getHandle(documentWorkflowId(documentId));
  for (;;) {
    const { raw } = await handle.describe();
    const [pending] = raw.pendingActivities ?? [];
    if (pending?.activityType?.name === 'archiveDocument' && pending.heartbeatDetails) return;
    await delay(20);
  }
}

test('a worker killed while it downloads: another one archives, and announces once', async () => {
  const worker = startWorkerProcess();
  stage.sandbox.changeFaults({ slowPdfMs: 60_000 });
  const { id } = stage.sandbox.createDocument({ signers: 1 });
  await stage.sandbox.completeDocument(id);
  await stage.sandbox.idle();
  await untilDownloading(id);
  worker.kill('SIGKILL');
  await once(worker, 'exit');
  assert.equal(existsSync(join(stage.archiveFolder, id, 'receipt.json')), false);

  stage.sandbox.changeFaults({ slowPdfMs: 0 });
  await stage.startWorker();
  const handle = stage.client.workflow.getHandle(documentWorkflowId(id));
  const outcome = (await handle.result()) as SigningOutcome;
  assert.equal(outcome.archive?.providerHash, stage.sandbox.document(id).hash);
  assert.deepEqual(
    receiver.messages.map((message) => message.id),
    [`${id}/document.completed`],
  );
});
