/** What becomes of a document after its erasure, and what is not erased. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Client, Connection, WorkflowNotFoundError } from '@temporalio/client';
import { eraseDocument, planErasure, type Erasure } from '../activities/erase-document.js';
import { openArchive } from '../activities/index.js';
import { signalDocument } from '../activities/signal-document.js';
import { createProviderClient } from '../provider/provider-client.js';
import { readConfiguration } from '../worker/configuration.js';
import {
  callbackWorkflowId,
  documentWorkflowId,
  SEARCH_ATTRIBUTES,
  WORKFLOW_TYPES,
  type CallbackDeliveryInput,
  type DocumentStatus,
  type OutcomeKind,
} from '../workflows/contract.js';
import { openGuardedTemporal } from './support/guarded-temporal.js';
import { openReceiver, type Receiver } from './support/receiver.js';
import { reconcile } from './support/reconciling.js';
import { openStage, type Stage } from './support/stage.js';
import { until } from './support/until.js';

const NOW = '2030-01-31T12:00:00.000Z';

let receiver: Receiver;
let stage: Stage;
let erasure: Erasure & { readonly provider: ReturnType<typeof createProviderClient> };

before(async () => {
  receiver = await openReceiver();
  stage = await openStage({
    subscribes: false,
    environment: { NOTIFY_WEBHOOK_URL: receiver.url, NOTIFY_WEBHOOK_SECRETS: receiver.secret },
  });
  erasure = {
    client: stage.client,
    archive: openArchive(pathToFileURL(stage.archiveFolder).href),
    provider: createProviderClient(readConfiguration(stage.environment).provider),
  };
});

after(async () => {
  erasure.provider.close();
  await stage.close();
  await receiver.close();
});

function plan(documentId: string, on: Erasure = erasure) {
  return planErasure(on, { documentId, nowIso: NOW });
}

async function erase(documentId: string, on: Erasure = erasure): Promise<void> {
  await eraseDocument(on, await plan(documentId, on));
}

/** Visibility lags. */
async function untilNothingRuns(): Promise<void> {
  const running = `ExecutionStatus = 'Running'`;
  await until(async () => (await stage.client.workflow.count(running)).count === 0);
}

const FORGETTING_MS = 180_000;

/** The server forgets after it said so: of what has just ended, half a minute. */
async function untilForgotten(workflowIds: readonly string[]): Promise<void> {
  const isForgotten = (error: unknown): boolean => error instanceof WorkflowNotFoundError;
  for (const workflowId of workflowIds) {
    const handle = stage.client.workflow.getHandle(workflowId);
    await until(() => handle.describe().then(() => false, isForgotten), FORGETTING_MS);
  }
}

async function archivedDocument(): Promise<{ id: string; signer: string }> {
  const { countersign, sandbox } = stage;
  const { id, signers } = sandbox.createDocument({ signers: 1 });
  await countersign.trackDocument(id);
  await sandbox.completeDocument(id);
  await countersign.refresh(id);
  await countersign.waitForOutcome(id);
  await untilNothingRuns();
  return { id, signer: signers[0] ?? '' };
}

async function cli(...words: readonly string[]): Promise<{ code: number; output: string }> {
  const env = { ...process.env, ...stage.environment };
  const ran = promisify(execFile)(process.execPath, ['cli/countersign.js', 'erase', ...words], {
    env,
  });
  return ran.then(
    ({ stdout }) => ({ code: 0, output: stdout }),
    (error: unknown) => {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, output: `${stdout}${stderr}` };
    },
  );
}

/** How a document ends without being archived, and what a callback tells of it afterwards. */
const ENDS: Readonly<
  Record<
    Exclude<OutcomeKind, 'completed'>,
    { readonly end: (id: string) => Promise<unknown>; readonly late: DocumentStatus }
  >
> = {
  rejected: {
    async end(id) {
      const [signer] = stage.sandbox.document(id).signers;
      stage.sandbox.advanceSigner(signer?.id ?? '', { status: 'rejected' });
      await stage.countersign.refresh(id);
    },
    late: 'rejected',
  },
  removed: {
    async end(id) {
      stage.sandbox.removeDocument(id);
      await stage.countersign.refresh(id);
    },
    late: 'removed',
  },
  expired: {
    end: (id) => {
      const deadline = new Date(Date.now() + 1_000).toISOString();
      return stage.countersign.changeTerms(id, { deadline });
    },
    late: 'created',
  },
  stopped: { end: (id) => stage.countersign.stop(id, 'given up'), late: 'created' },
};

test('of documents erased without having been archived, a late callback moves none', async () => {
  const { client, countersign, sandbox } = stage;
  const ended: { id: string; kind: string; late: DocumentStatus }[] = [];
  for (const [kind, { end, late }] of Object.entries(ENDS)) {
    const { id } = sandbox.createDocument({ signers: 1, muted: 1 });
    await countersign.trackDocument(id);
    await until(async () => (await countersign.progress(id)).signers.length === 1);
    await end(id);
    assert.equal((await countersign.waitForOutcome(id)).kind, kind);
    ended.push({ id, kind, late });
  }
  await untilNothingRuns();
  for (const { id } of ended) await erase(id, { ...erasure, provider: undefined });
  await untilForgotten(ended.map(({ id }) => documentWorkflowId(id)));

  const announced = receiver.messages.length;
  for (const { id, kind, late } of ended) {
    const at = new Date().toISOString();
    const change = { subject: 'document', id, status: late, at, position: 0 } as const;
    await signalDocument(stage, { documentId: id }, { source: 'batch', changes: [change] });
    const outcome = await countersign.waitForOutcome(id);
    assert.deepEqual([outcome.kind, outcome.alreadyArchived], [kind, true]);
    const { typedSearchAttributes } = await client.workflow
      .getHandle(documentWorkflowId(id))
      .describe();
    assert.equal(typedSearchAttributes.get(SEARCH_ATTRIBUTES.documentOutcome), kind);
  }
  await untilNothingRuns();
  for (const { id, kind } of ended) {
    // What is removed there afterwards contradicts nothing.
    if (kind !== 'removed') sandbox.removeDocument(id);
    const { counts } = await reconcile(stage, { documentId: id });
    assert.deepEqual([counts.contradicted, counts.repairedDocuments], [0, 0]);
  }
  assert.equal(receiver.messages.length, announced);
});

test('a document that is open at the provider alone is erased only where that is said', async () => {
  const { countersign, sandbox } = stage;
  const { id } = sandbox.createDocument({ signers: 1, muted: 1 });
  const refused = await cli(id, '--yes');
  assert.equal(refused.code, 1);
  assert.match(refused.output, /still open at the provider/);
  await countersign.trackDocument(id);
  await countersign.stop(id, 'given up');
  await untilNothingRuns();
  assert.match((await plan(id)).obstacle ?? '', /still open at the provider/);
  assert.equal(existsSync(join(stage.archiveFolder, id)), false);

  sandbox.changeFaults({ failApi: 1 });
  const unanswered = await cli(id, '--yes');
  sandbox.replaceFaults();
  assert.equal(unanswered.code, 1);
  assert.match(unanswered.output, /could not be asked \(.*\); --without-provider/);

  const erased = await cli(id, '--yes', '--without-provider');
  assert.deepEqual([erased.code, erased.output.includes('erased')], [0, true], erased.output);
});

test('an ID means the same in capitals; one that nobody knows is refused', async () => {
  const { id } = await archivedDocument();
  const { code, output } = await cli(id.toUpperCase(), '--yes');
  assert.equal(code, 0, output);
  assert.match(output, new RegExp(`erased ${id};`));
  assert.equal(existsSync(join(stage.archiveFolder, id, 'document.pdf')), false);
  assert.equal(existsSync(join(stage.archiveFolder, id.toUpperCase())), false);

  const nobody = randomUUID();
  const mistyped = await cli(nobody, '--yes');
  assert.equal(mistyped.code, 1);
  assert.match(mistyped.output, /nothing is known of document/);
  assert.equal(existsSync(join(stage.archiveFolder, nobody)), false);
});

async function deliver(input: Partial<CallbackDeliveryInput>): Promise<string> {
  const workflowId = callbackWorkflowId(`test-${randomUUID()}`);
  const receivedAt = new Date().toISOString();
  const whole = { source: 'batch', receivedAt, changes: [], setAside: [], ...input } as const;
  await stage.client.workflow.execute(WORKFLOW_TYPES.callbackDelivery, {
    ...{ workflowId, taskQueue: stage.taskQueue, args: [whole] },
  });
  const query = `WorkflowId = '${workflowId}' AND ExecutionStatus = 'Completed'`;
  await until(async () => (await stage.client.workflow.count(query)).count === 1);
  return workflowId;
}

test('callbacks that come while people think about it go too, also what was set aside', async () => {
  const { id, signer } = await archivedDocument();
  const unreadable = { reason: 'no time', entry: `{"signer": "/api/v1/signer/${signer}/"}` };
  const aside = await deliver({ setAside: [unreadable] });
  await untilNothingRuns();
  const planned = await plan(id);
  assert.ok(planned.histories.some(({ workflowId }) => workflowId === aside));
  const at = new Date().toISOString();
  const visited = { subject: 'signer', id: signer, status: 'visited', at, position: 0 } as const;
  const late = await deliver({ changes: [visited] });
  await untilNothingRuns();
  await eraseDocument(erasure, planned);
  await untilForgotten([aside, late, documentWorkflowId(id)]);
});

test('without the right to delete histories nothing is touched, and it says which', async (t) => {
  const door = await openGuardedTemporal(stage.environment['TEMPORAL_ADDRESS'] ?? '');
  t.after(() => door.close());
  door.refuse('DeleteWorkflowExecution');
  const connection = await Connection.connect({ address: door.address });
  t.after(() => connection.close());
  const { id } = await archivedDocument();
  const refused = erase(id, { ...erasure, client: new Client({ connection }) });
  await assert.rejects(refused, /nothing was erased: .*DeleteWorkflowExecution/);
  assert.equal(existsSync(join(stage.archiveFolder, id, 'document.pdf')), true);
});
