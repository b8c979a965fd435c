/** The ways of a callback to its documents. */
import { randomUUID } from 'node:crypto';
import { WORKFLOW_TYPES } from '../../workflows/contract.js';
import { reconcile } from './reconciling.js';
import { broken, finished, firstSigner, hasTimer, track, type Scenarios } from './recording.js';
import type { Stage } from './stage.js';
import { until } from './until.js';
import { sendTo } from './webhook-harness.js';
import { batchRequest, entry, hintRequest, signerWith } from './webhook-signing.js';

const TOKEN = 'a-token-for-unsigned-callbacks';

/** So many that their callbacks are not written one by one. */
const DOCUMENTS_AT_ONCE = 30;

/** Each by the name of its history. */
export const deliveries: Scenarios = {
  'callback-batch-delivered': {
    async run(stage) {
      const id = await track(stage, 2);
      stage.sandbox.advanceSigner(firstSigner(stage, id), { status: 'visited' });
      await stage.sandbox.flushCallbacks();
      return finished(stage, await newestDelivery(stage));
    },
  },
  'callback-batch-of-strangers': {
    async run(stage) {
      stage.sandbox.createDocument({ signers: 2 });
      await stage.sandbox.flushCallbacks();
      return finished(stage, await newestDelivery(stage));
    },
  },
  'callback-batch-partly-delivered': {
    subscribes: false,
    environment: { CALLBACK_RETRY_PAUSES: '1ms' },
    async run(stage) {
      const id = await track(stage, 1);
      await sendBatch(stage, [
        entry('signer', firstSigner(stage, id), '20'),
        entry('signer', randomUUID(), '20'),
        { ...entry('signer', randomUUID(), '20'), name: 'mood' },
      ]);
      return finished(stage, await newestDelivery(stage));
    },
  },
  'callback-batch-held': {
    subscribes: false,
    async run(stage) {
      const id = await track(stage, 1);
      const entries = [entry('signer', firstSigner(stage, id), '20', '2018-03-20T07:09:52')];
      await sendBatch(stage, entries);
      return finished(stage, await newestDelivery(stage));
    },
  },
  'callback-set-aside': {
    subscribes: false,
    environment: { CALLBACK_RETRY_PAUSES: '1ms,1ms' },
    run: setAside,
  },
  'callback-set-aside-then-delivered': {
    subscribes: false,
    environment: { CALLBACK_RETRY_PAUSES: '1ms' },
    async run(stage) {
      const first = await setAside(stage);
      stage.sandbox.replaceFaults();
      const query = 'EntriesSetAside > 0';
      await until(async () => (await stage.client.workflow.count(query)).count > 0);
      await reconcile(stage);
      const again = await until(async () => {
        const newest = await newestDelivery(stage);
        return newest !== first && newest;
      });
      return finished(stage, again);
    },
  },
  'callback-delivered-after-a-pause': {
    subscribes: false,
    environment: { CALLBACK_RETRY_PAUSES: '3s,3s,3s' },
    async run(stage) {
      const workflowId = await sentInVain(stage);
      await until(() => hasTimer(stage.client.workflow.getHandle(workflowId)));
      stage.sandbox.replaceFaults();
      return finished(stage, workflowId);
    },
  },
  'callback-cancelled': {
    subscribes: false,
    environment: { CALLBACK_RETRY_PAUSES: '1d' },
    async run(stage) {
      const workflowId = await sentInVain(stage);
      const handle = stage.client.workflow.getHandle(workflowId);
      await until(() => hasTimer(handle));
      await handle.cancel();
      return broken(stage, workflowId);
    },
  },
  'callback-hint-of-a-stranger': {
    subscribes: false,
    environment: { WEBHOOK_TOKENS: TOKEN },
    async run(stage) {
      await sendTo(portOf(stage), hintRequest(stage.sandbox.createDocument().id, TOKEN));
      return finished(stage, await newestDelivery(stage));
    },
  },
  'callback-hint-of-nobody': {
    subscribes: false,
    environment: { WEBHOOK_TOKENS: TOKEN },
    async run(stage) {
      await sendTo(portOf(stage), hintRequest(randomUUID(), TOKEN));
      return finished(stage, await newestDelivery(stage));
    },
  },
  'callback-group-delivered': {
    async run(stage) {
      const created = stage.sandbox.createDocuments(DOCUMENTS_AT_ONCE, { signers: 1 });
      await Promise.all(created.map(({ id }) => stage.sandbox.completeDocument(id)));
      await stage.sandbox.idle();
      return finished(stage, await until(() => groupedDelivery(stage)));
    },
  },
};

function portOf({ webhookUrl }: Stage): number {
  return Number(new URL(webhookUrl).port);
}

async function sendBatch(stage: Stage, entries: readonly unknown[]): Promise<void> {
  const signer = signerWith(stage.sandbox.keyPair.privateKey);
  await sendTo(portOf(stage), batchRequest(signer, JSON.stringify(entries)));
}

/** A batch about a signer of whom nobody can be asked. @returns its Workflow ID */
async function sentInVain(stage: Stage): Promise<string> {
  const { signers } = stage.sandbox.createDocument();
  stage.sandbox.changeFaults({ failApi: 1 });
  await sendBatch(stage, [entry('signer', signers[0] ?? '', '20')]);
  return newestDelivery(stage);
}

/** A delivery that ended with its entry set aside. @returns its Workflow ID */
export async function setAside(stage: Stage): Promise<string> {
  return finished(stage, await sentInVain(stage));
}

async function deliveryIds({ client }: Stage): Promise<string[]> {
  const query = `WorkflowType = '${WORKFLOW_TYPES.callbackDelivery}'`;
  const ids: string[] = [];
  for await (const { workflowId } of client.workflow.list({ query })) ids.push(workflowId);
  return ids;
}

function newestDelivery(stage: Stage): Promise<string> {
  return until(async () => (await deliveryIds(stage))[0]);
}

/** One that several callbacks share. */
async function groupedDelivery(stage: Stage): Promise<string | undefined> {
  for (const workflowId of await deliveryIds(stage)) {
    const { events } = await stage.client.workflow.getHandle(workflowId).fetchHistory();
    const { input } = events?.[0]?.workflowExecutionStartedEventAttributes ?? {};
    if (Buffer.from(input?.payloads?.[0]?.data ?? []).includes('"named"')) return workflowId;
  }
  return undefined;
}
