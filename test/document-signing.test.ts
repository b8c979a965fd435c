import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { WorkflowIdReusePolicy } from '@temporalio/common';
import type { DocumentRequest } from '../client/index.js';
import {
  documentWorkflowId,
  FAILURE_TYPES,
  missedChangesQuery,
  retrySignal,
  SEARCH_ATTRIBUTES,
  SIGNERS_MAX,
  statusChangedSignal,
  WORKFLOW_TYPES,
  type ArchiveReceipt,
  type DocumentSigningInput,
  type SigningOutcome,
  type TrackingTerms,
} from '../workflows/contract.js';
import { documentStart } from '../workflows/document-start.js';
import { initialState, withReport } from '../workflows/document-state.js';
import { openReceiver, type ReceivedMessage, type Receiver } from './support/receiver.js';
import { attemptedAgain, beginFinalised, completed } from './support/recording.js';
import { openStage, type Stage } from './support/stage.js';
import { until } from './support/until.js';

let receiver: Receiver;
let stage: Stage;

before(async () => {
  receiver = await openReceiver();
  stage = await openStage({
    environment: {
      NOTIFY_WEBHOOK_URL: receiver.url,
      NOTIFY_WEBHOOK_SECRETS: receiver.secret,
    },
  });
});

after(async () => {
  await stage.close();
  await receiver.close();
});

function request(signers = 2): DocumentRequest {
  return {
    name: 'Agreement',
    group: 'test',
    tag: `tag-${randomUUID()}`,
    text: 'An agreement.',
    signers: Array.from({ length: signers }, (_, index) => ({
      firstname: 'Sam',
      lastname: `Signer ${index}`,
      email: `sam${index}@example.com`,
      order: 1,
    })),
  };
}

async function create(signers?: number): Promise<string> {
  return (await stage.countersign.createDocument(request(signers))).documentId;
}

function messagesOf(documentId: string): ReceivedMessage[] {
  return receiver.messages.filter(({ id }) => id.startsWith(`${documentId}/`));
}

/** The workflow's end, after its linger, with every announcement made. */
async function ended(documentId: string): Promise<SigningOutcome> {
  return stage.client.workflow
    .getHandle(documentWorkflowId(documentId))
    .result() as Promise<SigningOutcome>;
}

async function runsOf(documentId: string): Promise<number> {
  const query = `WorkflowId = '${documentWorkflowId(documentId)}'`;
  return (await stage.client.workflow.count(query)).count;
}

async function readReceipt(documentId: string): Promise<ArchiveReceipt> {
  const text = await readFile(join(stage.archiveFolder, documentId, 'receipt.json'), 'utf8');
  return JSON.parse(text) as ArchiveReceipt;
}

describe('a document that everybody signs', () => {
  test('is archived with the hash that the provider names, and announced once', async () => {
    const documentId = await create();
    await stage.sandbox.completeDocument(documentId, { visit: true });
    await stage.sandbox.flushCallbacks();
    const outcome = await ended(documentId);
    assert.equal(outcome.kind, 'completed');

    const pdf = await readFile(join(stage.archiveFolder, documentId, 'document.pdf'));
    const sha256 = createHash('sha256').update(pdf).digest('hex');
    const receipt = await readReceipt(documentId);
    assert.equal(sha256, stage.sandbox.document(documentId).hash);
    assert.equal(receipt.providerHash, sha256);
    assert.deepEqual(
      receipt.files.map(({ name }) => name),
      ['document.pdf', 'audit-log.pdf'],
    );
    assert.ok(
      receipt.changes.some(({ subject, status }) => subject === 'signer' && status === 'signed'),
    );
    assert.deepEqual(
      messagesOf(documentId).map(({ id }) => id),
      [`${documentId}/document.completed`],
    );
  });

  test('shows its progress to queries and its status to search, without names', async () => {
    const documentId = await create(1);
    const [signer] = stage.sandbox.document(documentId).signers;
    stage.sandbox.advanceSigner(signer?.id ?? '', { status: 'visited' });
    // The callbacks of its creation may still be on their way: they change it too.
    let view = await stage.countersign.progress(documentId);
    while (view.signers[0]?.status !== 'visited') {
      view = await stage.countersign.waitForChange(documentId, view.revision);
    }
    const { typedSearchAttributes: found } = await stage.client.workflow
      .getHandle(documentWorkflowId(documentId))
      .describe();
    assert.equal(found.get(SEARCH_ATTRIBUTES.documentStatus), 'created');
    assert.equal(found.get(SEARCH_ATTRIBUTES.documentGroup), 'test');
    assert.deepEqual(found.get(SEARCH_ATTRIBUTES.signerIds), [signer?.id]);
    const history = await stage.client.workflow
      .getHandle(documentWorkflowId(documentId))
      .fetchHistory();
    assert.doesNotMatch(JSON.stringify(history), /example\.com|Signer 0/);
  });

  test('stays closed when callbacks come again', async () => {
    const documentId = await create(1);
    await stage.sandbox.completeDocument(documentId);
    await stage.sandbox.idle();
    await stage.sandbox.flushCallbacks();
    await ended(documentId);
    const late = stage.sandbox.callbacks(50).filter(({ kind }) => kind !== 'all');
    for (const { id } of late) {
      const again = await stage.sandbox.resendCallback(id);
      assert.equal(again.answer?.status, 200);
    }
    assert.equal(await runsOf(documentId), 1);
    assert.equal(messagesOf(documentId).length, 1);
  });

  test('is the same document however often and by whomever it is tracked', async () => {
    const documentId = await create(1);
    const deadline = new Date(Date.now() + 3_600_000).toISOString();
    await Promise.all([
      stage.countersign.trackDocument(documentId, { deadline }),
      stage.countersign.trackDocument(documentId),
    ]);
    assert.equal((await stage.countersign.progress(documentId)).deadline, deadline);
    assert.equal(await runsOf(documentId), 1);
  });

  test('that only callbacks spoke of is tracked and archived like any other', async () => {
    const { id } = stage.sandbox.createDocument({ signers: 2, group: 'strangers' });
    await stage.sandbox.completeDocument(id);
    await stage.sandbox.idle();
    assert.equal((await ended(id)).kind, 'completed');
    assert.equal((await readReceipt(id)).documentId, id);
  });

  test('is not archived or announced a second time after its workflow was forgotten', async () => {
    const documentId = await create(1);
    await stage.sandbox.completeDocument(documentId);
    await stage.sandbox.idle();
    await ended(documentId);
    const { archivedAt } = await readReceipt(documentId);
    // As after the namespace's retention, when nothing of the first run is known any more.
    await stage.client.workflow.start(WORKFLOW_TYPES.documentSigning, {
      ...documentStart({ documentId }),
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      taskQueue: stage.taskQueue,
    });
    const second = await ended(documentId);
    assert.equal(second.alreadyArchived, true);
    assert.equal((await readReceipt(documentId)).archivedAt, archivedAt);
    assert.equal(messagesOf(documentId).length, 1);
  });
});

describe('changes in another order', () => {
  test('end in the same progress when two batches arrive in reverse', async () => {
    const documentId = await create(2);
    const [a, b] = stage.sandbox.document(documentId).signers.map(({ id }) => id);
    const at = (second: number): string =>
      new Date(Date.UTC(2030, 0, 1, 0, 0, second)).toISOString();
    const handle = stage.client.workflow.getHandle(documentWorkflowId(documentId));
    const change = { subject: 'signer', position: 0 } as const;
    await handle.signal(statusChangedSignal, {
      source: 'batch',
      changes: [
        { ...change, id: a ?? '', status: 'signed', at: at(9) },
        { ...change, id: b ?? '', status: 'visited', at: at(9) },
      ],
    });
    await handle.signal(statusChangedSignal, {
      source: 'batch',
      changes: [
        { ...change, id: a ?? '', status: 'visited', at: at(1) },
        { ...change, id: b ?? '', status: 'signed', at: at(10) },
      ],
    });
    const { signers } = await stage.countersign.progress(documentId);
    assert.deepEqual(
      signers.map(({ status }) => status),
      ['signed', 'signed'],
    );
  });
});

describe('a document that ends otherwise', () => {
  test('is announced as rejected, with the reason, when a signer rejects', async () => {
    const documentId = await create(2);
    const [signer] = stage.sandbox.document(documentId).signers;
    stage.sandbox.advanceSigner(signer?.id ?? '', {
      status: 'rejected',
      reason: 'The rent is too high.',
    });
    await stage.sandbox.flushCallbacks();
    const outcome = await ended(documentId);
    assert.equal(outcome.kind, 'rejected');
    assert.deepEqual(outcome.rejection, { signerId: signer?.id, reason: 'The rent is too high.' });
    const [message] = messagesOf(documentId);
    assert.equal(message?.type, 'document.rejected');
    assert.deepEqual(message.data['rejection'], outcome.rejection);
  });

  test('is announced as removed when the provider removes it', async () => {
    const documentId = await create(1);
    stage.sandbox.removeDocument(documentId);
    await stage.sandbox.flushCallbacks();
    assert.equal((await ended(documentId)).kind, 'removed');
    assert.equal(messagesOf(documentId)[0]?.type, 'document.removed');
  });

  test('is announced as expired after its deadline', async () => {
    const deadline = new Date(Date.now() + 500).toISOString();
    const { documentId } = await stage.countersign.createDocument(request(1), { deadline });
    assert.equal((await ended(documentId)).kind, 'expired');
    assert.equal(messagesOf(documentId)[0]?.type, 'document.expired');
  });
});

describe('a PDF that is not the one whose hash the provider names', () => {
  test('is quarantined and announced, and archived after retry', async () => {
    const documentId = await create(1);
    stage.sandbox.changeFaults({ wrongPdf: 'always' });
    try {
      await stage.sandbox.completeDocument(documentId);
      await stage.sandbox.idle();
      let view = await stage.countersign.progress(documentId);
      while (!view.attention) {
        view = await stage.countersign.waitForChange(documentId, view.revision);
      }
      assert.match(view.attention, new RegExp(FAILURE_TYPES.integrityFailed));
      assert.equal(view.outcome, undefined);
      await assert.rejects(readReceipt(documentId), { code: 'ENOENT' });
    } finally {
      stage.sandbox.changeFaults({ wrongPdf: 0 });
    }
    await stage.client.workflow.getHandle(documentWorkflowId(documentId)).signal(retrySignal);
    assert.equal((await ended(documentId)).kind, 'completed');
    assert.deepEqual(
      messagesOf(documentId)
        .map(({ type }) => type)
        .sort(),
      ['document.completed', 'document.integrityFailed'],
    );
  });
});

test('a wrong PDF is announced, even where nobody was asked about the document before', async () => {
  stage.sandbox.changeFaults({ wrongPdf: 'always' });
  try {
    // A callback on the way would have the provider asked first.
    const { id } = stage.sandbox.createDocument({ signers: 1, muted: 1 });
    await stage.sandbox.completeDocument(id);
    await beginFinalised(stage, id);
    await until(() => messagesOf(id).some(({ type }) => type === 'document.integrityFailed'));
    stage.sandbox.changeFaults({ wrongPdf: 0 });
    await stage.client.workflow.getHandle(documentWorkflowId(id)).signal(retrySignal);
    assert.equal((await ended(id)).kind, 'completed');
  } finally {
    stage.sandbox.changeFaults({ wrongPdf: 0 });
  }
});

describe('a receiver that refuses', () => {
  test('for now is told again, with the same key', async () => {
    receiver.answers.push(503);
    const documentId = await create(1);
    await stage.sandbox.completeDocument(documentId);
    await stage.sandbox.idle();
    await ended(documentId);
    const keys = messagesOf(documentId).map(({ id }) => id);
    assert.deepEqual(keys, Array(2).fill(`${documentId}/document.completed`));
  });

  test('for good keeps the workflow open until retry, and the archive is there all the same', async () => {
    receiver.answers.push(410);
    const documentId = await create(1);
    await stage.sandbox.completeDocument(documentId);
    await stage.sandbox.idle();
    let view = await stage.countersign.progress(documentId);
    while (!view.attention) {
      view = await stage.countersign.waitForChange(documentId, view.revision);
    }
    assert.match(view.attention, /announce document.completed by http/);
    assert.equal(view.outcome?.kind, 'completed');
    await stage.client.workflow.getHandle(documentWorkflowId(documentId)).signal(retrySignal);
    await ended(documentId);
    assert.equal(messagesOf(documentId).length, 2);
  });
});

test('a document tracked while the provider is asked in vain about it is not unknown', async () => {
  const id = randomUUID();
  const handle = stage.client.workflow.getHandle(documentWorkflowId(id));
  stage.sandbox.changeFaults({ failApi: 1 });
  try {
    await stage.countersign.trackDocument(id);
    await attemptedAgain(handle, 'lookUpDocument');
    await stage.countersign.trackDocument(id, { signers: [{ id: randomUUID(), status: 'sent' }] });
  } finally {
    stage.sandbox.replaceFaults();
  }
  await completed(handle, 'lookUpDocument');
  const isAsking = await handle.query(missedChangesQuery, { key: '' });
  assert.equal(isAsking.isAskingAlready, false);
  await stage.countersign.stop(id, 'nobody is to sign it');
});

test('a document that everybody signed and the provider lost sight of needs people', async () => {
  const documentId = randomUUID();
  const change = { subject: 'document', id: documentId, status: 'signed', position: 0 } as const;
  const news = { source: 'batch', changes: [{ ...change, at: '2026-01-01T09:00:00Z' }] } as const;
  // As if it had been asked for in vain ten minutes ago.
  const nowMs = Date.now();
  const carried = {
    ...withReport(initialState({ documentId, signers: [] }, nowMs), news, nowMs),
    mustAsk: true,
    absentSinceMs: nowMs - 600_000,
  };
  const { taskQueue } = stage;
  const args: [DocumentSigningInput] = [{ documentId, carried }];
  await stage.client.workflow.start(WORKFLOW_TYPES.documentSigning, {
    ...documentStart({ documentId }),
    args,
    taskQueue,
  });
  await until(() => messagesOf(documentId).some(({ type }) => type === 'document.needsAttention'));
  const view = await stage.countersign.progress(documentId);
  assert.match(view.attention ?? '', /everybody signed, but the provider does not know/);
  await stage.countersign.stop(documentId, 'deleted by mistake');
  assert.equal((await ended(documentId)).kind, 'stopped');
});

describe('a signal sent by hand without its content', () => {
  test('is ignored, and the document goes on', async () => {
    const documentId = await create(1);
    const handle = stage.client.workflow.getHandle(documentWorkflowId(documentId));
    await handle.signal('statusChanged');
    await handle.signal('statusChanged', { changes: 'all of them' });
    await handle.signal('statusChanged', { changes: [{}] });
    await handle.signal('statusChanged', { changes: [null] });
    await handle.signal('statusChanged', { changes: [], snapshot: {} });
    await handle.signal('statusChanged', { changes: [], snapshot: { status: 'x', signers: [{}] } });
    await handle.signal('statusChanged', { changes: [], bounces: [null] });
    const at = new Date().toISOString();
    const long = {
      subject: 'document',
      id: documentId,
      status: `unknown-${'0'.repeat(3_000)}200`,
      at,
      position: 0,
    };
    await handle.signal('statusChanged', { source: 'batch', changes: [long] });
    for (const wrong of [{ role: 5 }, { order: {} }, { rejectionReason: ['no'] }]) {
      const signers = [{ id: 's', status: 'sent', ...wrong }];
      const snapshot = { status: 'created', modified: '', signers };
      await handle.signal('statusChanged', { changes: [], snapshot });
      await handle.signal('trackingRequested', { signers });
    }
    await handle.signal('trackingRequested');
    await handle.signal('trackingRequested', 'everything');
    await handle.signal('trackingRequested', { group: 5, signers: [{}] });
    await handle.signal('trackingRequested', { deadline: '+012026-01-01T00:00:00Z' });
    await assert.rejects(handle.executeUpdate('waitForChange'), WorkflowUpdateFailedError);
    await stage.sandbox.completeDocument(documentId);
    assert.equal((await ended(documentId)).kind, 'completed');
  });
});

describe('a document with very many callbacks', () => {
  test('continues as new, loses nothing, and answers who waits', async () => {
    const documentId = await create(1);
    const id = stage.sandbox.document(documentId).signers[0]?.id ?? '';
    const waiting = stage.countersign.waitForOutcome(documentId);
    const handle = stage.client.workflow.getHandle(documentWorkflowId(documentId));
    const first = (await handle.describe()).runId;
    const tell = (index: number): Promise<void> =>
      handle.signal(statusChangedSignal, {
        source: 'batch',
        changes: [
          {
            subject: 'signer',
            id,
            status: index % 2 ? 'visited' : 'emailOpened',
            position: index,
            at: new Date(Date.UTC(2030, 0, 1) + index * 1000).toISOString(),
          },
        ],
      });
    for (let start = 0; start < 2_100; start += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, index) => tell(start + index)));
    }
    // An Update waits as long as the worker needs; Temporal gives up a query sooner.
    const view = await stage.countersign.waitForChange(documentId, -1);
    assert.equal(view.signers[0]?.at, new Date(Date.UTC(2030, 0, 1) + 2_099_000).toISOString());
    // The run that answered is ended by its next Workflow Task, or by the one after.
    while ((await handle.describe()).runId === first) await setImmediate();
    await stage.sandbox.completeDocument(documentId);
    await stage.sandbox.idle();
    assert.equal((await waiting).kind, 'completed');
    assert.equal((await ended(documentId)).kind, 'completed');
  });
});

describe('creating a document', () => {
  const wrong = {
    'a deadline that is none': { deadline: 'tomorrow' },
    'a tag that is none': { tag: 'not a tag!' },
    'more signers than are followed': {
      signers: Array.from({ length: SIGNERS_MAX + 1 }, () => ({
        id: randomUUID(),
        status: 'sent',
      })),
    },
  } as const;
  for (const [what, terms] of Object.entries(wrong)) {
    test(`with ${what} is refused before anything is sent`, async () => {
      const before = stage.sandbox.documents().length;
      await assert.rejects(
        stage.countersign.createDocument(request(), terms as TrackingTerms),
        RangeError,
      );
      assert.equal(stage.sandbox.documents().length, before);
    });
  }

  test('with more signers than are followed one by one is tracked without them', async () => {
    const id = await create(SIGNERS_MAX + 1);
    assert.equal((await stage.countersign.waitForChange(id, -1)).documentId, id);
    stage.sandbox.removeDocument(id);
    await stage.sandbox.flushCallbacks();
    assert.equal((await stage.countersign.waitForOutcome(id)).kind, 'removed');
  });
});
