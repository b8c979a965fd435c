/** A document on which something fails for good, while no worker tells whom to tell of it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Context } from '@temporalio/activity';
import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, defaultPayloadConverter } from '@temporalio/common';
import {
  NativeConnection,
  Worker,
  type ActivityInterceptorsFactory,
  type WorkerOptions,
} from '@temporalio/worker';
import { createWorkerPlugin, readConfiguration } from '../worker/index.js';
import {
  documentWorkflowId,
  type AnnounceInput,
  type ChannelName,
  type SigningOutcome,
} from '../workflows/contract.js';
import { openReceiver, type Receiver } from './support/receiver.js';
import { beginFinalised } from './support/recording.js';
import { openStage, type Stage } from './support/stage.js';
import { until } from './support/until.js';

const HASTY_SETTINGS = fileURLToPath(new URL('support/hasty-settings.ts', import.meta.url));

let receiver: Receiver;
let stage: Stage;
let connection: NativeConnection;

before(async () => {
  receiver = await openReceiver();
  stage = await openStage({
    // A callback on the way would have the provider asked first, which tells the settings, too.
    subscribes: false,
    environment: {
      NOTIFY_WEBHOOK_URL: receiver.url,
      NOTIFY_WEBHOOK_SECRETS: receiver.secret,
      NOTIFY_LOG_EVENTS: '*',
    },
  });
  await stage.stopWorker();
  const { TEMPORAL_ADDRESS: address = '' } = stage.environment;
  connection = await NativeConnection.connect({ address });
});

after(async () => {
  await connection.close();
  await stage.close();
  await receiver.close();
});

/** Of a worker whose first answers about its settings are these. */
function options(answers: (() => Promise<never>)[]): WorkerOptions {
  const settings: ActivityInterceptorsFactory = ({ info }) => ({
    inbound: {
      execute: (input, next) => {
        const answer = info.activityType === 'readPolicy' ? answers.shift() : undefined;
        return answer ? answer() : next(input);
      },
    },
  });
  return {
    connection,
    taskQueue: stage.taskQueue,
    plugins: [createWorkerPlugin({ configuration: readConfiguration(stage.environment) })],
    workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)),
    interceptors: {
      activity: [settings],
      // Only where no answer comes: an answer of a slow machine must not come too late.
      workflowModules: answers.includes(never) ? [HASTY_SETTINGS] : [],
    },
  };
}

const never = (): Promise<never> => Context.current().cancelled;
const refused = (): Promise<never> => Promise.reject(ApplicationFailure.nonRetryable('broken'));

/** Has a workflow begin whose archive fails at once. @returns its document */
async function trackInVain(): Promise<string> {
  const { id } = stage.sandbox.createDocument({ signers: 1 });
  stage.sandbox.changeFaults({ wrongPdf: 'always' });
  await stage.sandbox.completeDocument(id);
  await beginFinalised(stage, id);
  return id;
}

for (const [what, answers, expected] of [
  ['is announced on all channels once one does', [never, never], ['log', 'http']],
  ['is announced by the log alone where that fails for good', [refused], ['log']],
] as const) {
  test(`${what}, and is not lost`, async () => {
    const worker = await Worker.create(options([...answers]));
    await worker.runUntil(async () => {
      const id = await trackInVain();
      const handle = stage.client.workflow.getHandle(documentWorkflowId(id));
      const ended = handle.result();
      const isTold = async (): Promise<boolean> =>
        (await channelsTold(handle, 'document.integrityFailed')).length === expected.length;
      await Promise.race([until(isTold), ended]);
      stage.sandbox.changeFaults({ wrongPdf: 0 });
      await stage.countersign.retry(id);
      const { kind } = (await ended) as SigningOutcome;
      assert.equal(kind, 'completed');
      assert.deepEqual(await channelsTold(handle, 'document.integrityFailed'), expected);
    });
  });
}

/** By which channels an event is announced, or was. */
async function channelsTold(handle: WorkflowHandle, event: string): Promise<ChannelName[]> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: scheduled }) => {
    const payload = scheduled?.input?.payloads?.[0];
    if (scheduled?.activityType?.name !== 'announce' || !payload) return [];
    const { channel, announcement } = defaultPayloadConverter.fromPayload<AnnounceInput>(payload);
    return announcement.event === event ? [channel] : [];
  });
}
