import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { defaultPayloadConverter } from '@temporalio/common';
import { temporalActions, totalOf } from '../bench/temporal-actions.js';
import {
  DocumentClosedError,
  NotTrackedError,
  TermsRefusedError,
  type DocumentRequest,
  type ProgressView,
  type TrackingTerms,
} from '../client/index.js';
import { checkedTerms } from '../client/track-document.js';
import {
  documentWorkflowId,
  SEARCH_ATTRIBUTES,
  statusChangedSignal,
  WORKFLOW_TYPES,
} from '../workflows/contract.js';
import type { LookUpDocumentResult } from '../workflows/contract.js';
import { documentStart } from '../workflows/document-start.js';
import { openReceiver, type ReceivedMessage, type Receiver } from './support/receiver.js';
import { attemptedAgain } from './support/recording.js';
import { openStage, type Stage } from './support/stage.js';
import { until } from './support/until.js';

/** Without an end to it a view that never comes would be a silent hang. */
const VIEW_LIMIT_MS = 30_000;

let receiver: Receiver;
let stage: Stage;

before(async () => {
  receiver = await openReceiver();
  stage = await openStage({
    environment: {
      NOTIFY_WEBHOOK_URL: receiver.url,
      NOTIFY_WEBHOOK_SECRETS: receiver.secret,
      NOTIFY_SIGNER_EVENTS: 'signed,rejected,bounced',
      DOCUMENT_DEADLINE: '30d',
      DOCUMENT_REMINDER_HOURS: '00:00-24:00',
      DOCUMENT_REMINDER_TEXT: 'Your signature is missing.',
    },
  });
});

after(async () => {
  await stage.close();
  await receiver.close();
});

async function create(
  terms: TrackingTerms = {},
  signers = 1,
  orderOf = (index: number): number => index,
): Promise<string> {
  const request: DocumentRequest = {
    name: 'Agreement',
    group: 'test',
    tag: `tag-${randomUUID()}`,
    text: 'An agreement.',
    // The provider reminds nobody whom it was not to write to.
    do_email: true,
    signers: Array.from({ length: signers }, (_, index) => ({
      firstname: 'Sam',
      lastname: `Signer ${index}`,
      email: `sam${index}@example.com`,
      order: orderOf(index),
    })),
  };
  const { documentId } = await stage.countersign.createDocument(request, terms);
  // That it was sent is told by the next batch, unless a callback came first and made us ask.
  await stage.sandbox.flushCallbacks();
  return documentId;
}

function handleOf(documentId: string): ReturnType<Stage['client']['workflow']['getHandle']> {
  return stage.client.workflow.getHandle(documentWorkflowId(documentId));
}

function signerOf(documentId: string, index = 0): string {
  return stage.sandbox.document(documentId).signers[index]?.id ?? assert.fail('no signer');
}

function messagesOf(documentId: string): ReceivedMessage[] {
  return receiver.messages.filter(({ id }) => id.startsWith(`${documentId}/`));
}

async function viewWhere(
  documentId: string,
  isThere: (view: ProgressView) => boolean,
): Promise<ProgressView> {
  const signal = AbortSignal.timeout(VIEW_LIMIT_MS);
  let view = await stage.countersign.progress(documentId);
  try {
    while (!isThere(view)) {
      view = await stage.countersign.waitForChange(documentId, view.revision, { signal });
    }
  } catch (error) {
    throw new Error(`not so within ${VIEW_LIMIT_MS} ms: ${JSON.stringify(view)}`, { cause: error });
  }
  return view;
}

function remindersOf(view: ProgressView): number {
  return view.waitingFor[0]?.reminders ?? 0;
}

test('a term that is undefined is not said', () => {
  // As an application gives it whose compiler does not tell undefined from left out.
  const terms = { deadline: undefined, tag: undefined, group: 'sales' };
  assert.deepEqual(checkedTerms(terms as unknown as TrackingTerms), { group: 'sales' });
});

describe('a document that its signer leaves lying', () => {
  test('has its signer reminded on schedule, and is found by search as long as it waits', async () => {
    const documentId = await create({ reminders: ['300ms', '1h'] });
    const [waiting] = (await viewWhere(documentId, (view) => remindersOf(view) === 1)).waitingFor;
    // Later than the first one was dealt with, however slow that was.
    const ageMs = Date.now() - Date.parse(waiting?.since ?? '') + 300;
    await stage.countersign.changeTerms(documentId, { reminders: [`${ageMs}ms`] });
    await viewWhere(documentId, (view) => remindersOf(view) === 2);
    const text = 'Your signature is missing.';
    assert.deepEqual(stage.sandbox.signer(signerOf(documentId)).reminders, [text, text]);
    await until(async () => {
      const { typedSearchAttributes: found } = await handleOf(documentId).describe();
      return found.get(SEARCH_ATTRIBUTES.waitingFor)?.includes(signerOf(documentId));
    });
    await stage.sandbox.completeDocument(documentId);
    await stage.countersign.waitForOutcome(documentId);
    await handleOf(documentId).result();
    const { typedSearchAttributes: left } = await handleOf(documentId).describe();
    assert.equal(left.get(SEARCH_ATTRIBUTES.waitingFor), undefined);
    assert.equal(left.get(SEARCH_ATTRIBUTES.waitingSince), undefined);
  });

  test('with more signers than a search attribute holds is found by some of them, and goes on', async () => {
    const documentId = await create({ reminders: ['300ms'] }, 60, () => 1);
    const isReminded = ({ waitingFor }: ProgressView): boolean =>
      waitingFor.length === 60 && waitingFor.every(({ reminders }) => reminders === 1);
    await viewWhere(documentId, isReminded);
    await until(async () => {
      const { typedSearchAttributes: found } = await handleOf(documentId).describe();
      return (found.get(SEARCH_ATTRIBUTES.waitingFor) ?? []).length > 50;
    });
    const { status } = await handleOf(documentId).describe();
    assert.equal(status.name, 'RUNNING');
  });

  test('whose reminder the provider does not send shows why, and goes on', async () => {
    const documentId = await create({ reminders: [] });
    stage.sandbox.bounceSigner(signerOf(documentId));
    await stage.countersign.changeTerms(documentId, { reminders: ['1ms'] });
    await until(async () => {
      const { events = [] } = await handleOf(documentId).fetchHistory();
      return events?.some(
        ({ activityTaskScheduledEventAttributes: each }) =>
          each?.activityType?.name === 'remindSigners',
      );
    });
    await stage.sandbox.completeDocument(documentId);
    assert.equal((await stage.countersign.waitForOutcome(documentId)).kind, 'completed');
    assert.deepEqual(stage.sandbox.signer(signerOf(documentId)).reminders, []);
  });

  test('is announced as stalled, once for each time it stalls', async () => {
    const documentId = await create({ stalledAfter: '400ms' });
    const stalls = (): ReceivedMessage[] =>
      messagesOf(documentId).filter(({ type }) => type === 'document.stalled');
    await until(() => stalls().length === 1);
    stage.sandbox.advanceSigner(signerOf(documentId), { status: 'visited' });
    await until(() => stalls().length === 2);
    const keys = stalls().map(({ id }) => id);
    assert.equal(new Set(keys).size, 2);
    for (const key of keys) assert.match(key, /\/document\.stalled\/20\d\d-/);
    assert.match(String(stalls()[0]?.data['reason']), /It waits for signer/);
  });
});

/** Until a callback that made the workflow ask the provider has its answer, too. */
async function untilNothingIsAsked(documentId: string): Promise<void> {
  await stage.sandbox.idle();
  await until(async () => {
    const { raw } = await handleOf(documentId).describe();
    return !raw.pendingWorkflowTask && (raw.pendingActivities ?? []).length === 0;
  });
}

/** Whether the provider was asked for a document and did not know it. */
async function wasUnknown(documentId: string): Promise<boolean> {
  const { events } = await handleOf(documentId).fetchHistory();
  return (events ?? []).some(({ activityTaskCompletedEventAttributes: completed }) => {
    const [payload] = completed?.result?.payloads ?? [];
    if (!payload) return false;
    const answer = defaultPayloadConverter.fromPayload<Partial<LookUpDocumentResult> | null>(
      payload,
    );
    return answer?.policy !== undefined && answer.snapshot === undefined;
  });
}

test('a document that stalls after the provider did not know it is announced to every channel', async () => {
  const documentId = await create({ stalledAfter: '30d' });
  const { signers } = await viewWhere(documentId, ({ waitingFor }) => waitingFor.length > 0);
  await untilNothingIsAsked(documentId);
  await stage.sandbox.deleteDocument(documentId);
  // Before a standstill is announced the provider is asked.
  await stage.countersign.changeTerms(documentId, { stalledAfter: '1ms' });
  await until(() => wasUnknown(documentId));
  // Told in the same Workflow Task, that somebody has seen it would come before that answer.
  await untilNothingIsAsked(documentId);
  const known = signers.map(({ id, status }) => ({ id, status }));
  await stage.countersign.trackDocument(documentId, { signers: known });
  await until(() => messagesOf(documentId).some(({ type }) => type === 'document.stalled'));
});

describe('terms of a running document', () => {
  test('that are wrong are refused with every reason, and leave no trace', async () => {
    const documentId = await create();
    const { historyLength } = await handleOf(documentId).describe();
    const terms = { deadline: '2001-01-01T00:00:00Z', reminders: ['soon'] };
    await assert.rejects(stage.countersign.changeTerms(documentId, terms), (error) => {
      assert.ok(error instanceof TermsRefusedError);
      assert.match(error.message, /no duration such as 3d: "soon"; the deadline is over already/);
      return true;
    });
    const { events = [] } = await handleOf(documentId).fetchHistory();
    assert.ok(historyLength <= (events?.length ?? 0));
    assert.ok(!events?.some((event) => event.workflowExecutionUpdateAcceptedEventAttributes));
  });

  test('can bring the deadline forward, or take it away, also for search', async () => {
    const documentId = await create();
    // Where a callback began the workflow, the worker's first answer brings it.
    const view = await viewWhere(documentId, ({ deadline }) => deadline !== undefined);
    const configured = view.deadline ?? '';
    const days = (Date.parse(configured) - Date.now()) / 86_400_000;
    assert.ok(days > 29.9 && days <= 30, configured);
    const { deadline } = await stage.countersign.changeTerms(documentId, { deadline: null });
    assert.equal(deadline, undefined);
    await until(async () => {
      const { typedSearchAttributes: found } = await handleOf(documentId).describe();
      return found.get(SEARCH_ATTRIBUTES.documentDeadline) === undefined;
    });
    const soon = new Date(Date.now() + 500).toISOString();
    await stage.countersign.changeTerms(documentId, { deadline: soon });
    assert.equal((await stage.countersign.waitForOutcome(documentId)).kind, 'expired');
    await handleOf(documentId).result();
    await assert.rejects(
      stage.countersign.changeTerms(documentId, { deadline: null }),
      DocumentClosedError,
    );
  });
});

describe('a document that operations give up', () => {
  test('is announced as stopped, stays so whatever comes, and begins anew only on request', async () => {
    const documentId = await create({}, 2);
    await stage.countersign.stop(documentId, 'withdrawn by sam@example.com of sales');
    const outcome = await stage.countersign.waitForOutcome(documentId);
    const reason = 'withdrawn by [e-mail address] of sales';
    assert.deepEqual([outcome.kind, outcome.stopReason], ['stopped', reason]);
    await handleOf(documentId).result();
    const [message] = messagesOf(documentId);
    assert.deepEqual([message?.type, message?.data['reason']], ['document.stopped', reason]);
    await assert.rejects(stage.countersign.refresh(documentId), /is closed \(stopped\)/);

    stage.sandbox.advanceSigner(signerOf(documentId), { status: 'signed' });
    await stage.sandbox.flushCallbacks();
    const { report } = await stage.countersign.reconcile({ documentId });
    assert.equal(report.counts.contradicted, 0);
    assert.equal((await handleOf(documentId).describe()).status.name, 'COMPLETED');

    await stage.countersign.trackDocument(documentId);
    await stage.sandbox.completeDocument(documentId);
    await stage.sandbox.flushCallbacks();
    assert.equal((await stage.countersign.waitForOutcome(documentId)).kind, 'completed');
  });

  test('is given up even while the provider does not answer', async () => {
    const documentId = await create();
    stage.sandbox.changeFaults({ failApi: 1 });
    try {
      await stage.countersign.refresh(documentId);
      await stage.countersign.stop(documentId, 'no use');
      assert.equal((await stage.countersign.waitForOutcome(documentId)).kind, 'stopped');
    } finally {
      stage.sandbox.changeFaults({ failApi: 0 });
    }
  });

  test('needs a reason, and a document that is tracked', async () => {
    await assert.rejects(stage.countersign.stop(randomUUID(), ' '), RangeError);
    await assert.rejects(stage.countersign.stop(randomUUID(), 'gone'), NotTrackedError);
    await assert.rejects(stage.countersign.retry(randomUUID()), NotTrackedError);
  });
});

test('a change after what is no revision is not waited for', async () => {
  const documentId = await create();
  const signal = AbortSignal.timeout(5_000);
  for (const revision of [Number.NaN, Infinity, undefined as never]) {
    await assert.rejects(
      stage.countersign.waitForChange(documentId, revision, { signal }),
      RangeError,
    );
  }
});

test('refresh asks the provider for what no callback told', async () => {
  const documentId = await create();
  await stage.sandbox.idle();
  stage.sandbox.muteDocument(documentId);
  stage.sandbox.advanceSigner(signerOf(documentId), { status: 'visited' });
  await stage.countersign.refresh(documentId);
  await viewWhere(documentId, ({ signers }) => signers[0]?.status === 'visited');
});

test('signers are announced one by one where that is asked for, each once', async () => {
  const documentId = await create({}, 2);
  stage.sandbox.bounceSigner(signerOf(documentId, 0));
  await until(() => messagesOf(documentId).some(({ type }) => type === 'signer.bounced'));
  await stage.sandbox.completeDocument(documentId, { visit: true });
  await stage.sandbox.flushCallbacks();
  await stage.countersign.waitForOutcome(documentId);
  await handleOf(documentId).result();
  const keys = messagesOf(documentId).map(({ id }) => id.slice(documentId.length + 1));
  const [a, b] = [signerOf(documentId, 0), signerOf(documentId, 1)];
  assert.deepEqual(
    keys.sort(),
    [
      'document.completed',
      `signer.bounced/${a}`,
      `signer.signed/${a}`,
      `signer.signed/${b}`,
    ].sort(),
  );
});

test('a document that the provider showed late is followed up as the worker is configured', async () => {
  const documentId = randomUUID();
  const signer = { subject: 'signer', id: randomUUID() } as const;
  // Begun by a callback: no starter tells it how documents are followed up.
  await stage.client.workflow.start(WORKFLOW_TYPES.documentSigning, {
    ...documentStart({ documentId }),
    taskQueue: stage.taskQueue,
  });
  // It has been answered: the configured deadline comes with the answer.
  await until(async () => (await stage.countersign.progress(documentId)).deadline);
  await stage.countersign.trackDocument(documentId, {
    signers: [{ id: signer.id, status: 'sent' }],
  });
  const change = {
    ...signer,
    status: 'signed',
    at: new Date().toISOString(),
    position: 0,
  } as const;
  await handleOf(documentId).signal(statusChangedSignal, { source: 'batch', changes: [change] });
  await viewWhere(documentId, ({ announcements = [] }) =>
    announcements.some(({ event }) => event === `signer.signed/${signer.id}`),
  );
  await stage.countersign.stop(documentId, 'nobody is to sign it');
  await handleOf(documentId).result();
});

test('every message is described for people, in the workflow’s own metadata', async () => {
  const documentId = await create();
  const metadata = await handleOf(documentId).query<{
    definition: Record<string, { name: string; description?: string }[]>;
  }>('__temporal_workflow_metadata');
  const {
    signalDefinitions = [],
    updateDefinitions = [],
    queryDefinitions = [],
  } = metadata.definition;
  const own = [...signalDefinitions, ...updateDefinitions, ...queryDefinitions].filter(
    ({ name }) => !name.startsWith('__'),
  );
  assert.ok(own.length >= 11);
  for (const { name, description } of own) assert.ok(description, `${name} has no description`);
});

test('a chased document that is signed in time costs one timer more than another', async () => {
  const costs = async (terms: TrackingTerms): Promise<Record<string, number>> => {
    // All at once: how the callbacks fall into Workflow Tasks would else decide over other timers.
    await stage.stopWorker();
    const { id: documentId } = stage.sandbox.createDocument({ signers: 3 });
    await stage.countersign.trackDocument(documentId, terms);
    await stage.sandbox.idle();
    await stage.startWorker();
    await viewWhere(documentId, ({ waitingFor }) => waitingFor.length > 0);
    await stage.stopWorker();
    await stage.sandbox.completeDocument(documentId);
    await stage.sandbox.flushCallbacks();
    await stage.startWorker();
    await stage.countersign.waitForOutcome(documentId);
    await handleOf(documentId).result();
    const { events } = await handleOf(documentId).fetchHistory();
    const actions = temporalActions(events ?? []).filter(({ kind }) => kind === 'timer');
    return { timers: totalOf(actions) };
  };
  const plain = await costs({ deadline: null });
  const chased = await costs({ reminders: ['3d', '7d'], stalledAfter: '14d' });
  assert.equal((chased['timers'] ?? 0) - (plain['timers'] ?? 0), 1);
});

test('the configured deadline of a document that the provider does not know is a change', async () => {
  const documentId = randomUUID();
  const handle = stage.client.workflow.getHandle(documentWorkflowId(documentId));
  stage.sandbox.changeFaults({ failApi: 1 });
  try {
    await stage.client.workflow.start(WORKFLOW_TYPES.documentSigning, {
      ...documentStart({ documentId }),
      taskQueue: stage.taskQueue,
    });
    await attemptedAgain(handle, 'lookUpDocument');
    const { revision } = await stage.countersign.progress(documentId);
    stage.sandbox.replaceFaults();
    const signal = AbortSignal.timeout(VIEW_LIMIT_MS);
    const view = await stage.countersign.waitForChange(documentId, revision, { signal });
    assert.ok(view.deadline);
  } finally {
    stage.sandbox.replaceFaults();
  }
  await stage.countersign.stop(documentId, 'nobody is to sign it');
});
