import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { compareDocument, type ComparisonNow } from '../activities/compare-document.js';
import type { KnownDocument } from '../activities/known-documents.js';
import { documentWorkflowId, ROW_MARKS } from '../workflows/contract.js';
import type { DocumentSigningInput, DocumentSnapshot } from '../workflows/contract.js';
import { initialState, withReport } from '../workflows/document-state.js';
import { progressDigest } from '../workflows/status-digest.js';
import { reconcile } from './support/reconciling.js';
import { openStage, type Stage } from './support/stage.js';
import { inputOf } from './support/workflow-input.js';

const UNKNOWN: KnownDocument = { kind: 'unknown' };

const TERMS: ComparisonNow = {
  key: 'page',
  groups: [],
  adoption: { otherwise: 'adopt', byGroup: {} },
  graceMs: 0,
  failedSubjects: [],
  nowMs: 0,
};

function shown(documentId: string, more: Partial<DocumentSnapshot> = {}): DocumentSnapshot {
  const signers = [{ id: `${documentId}-s`, status: 'sent' }] as const;
  return { documentId, status: 'created', finalPdf: false, modified: '', signers, ...more };
}

describe('adopting a document', () => {
  let stage: Stage;
  before(async () => {
    stage = await openStage({ subscribes: false });
  });
  after(async () => stage.close());

  const compare = (
    snapshot: DocumentSnapshot,
    { known = UNKNOWN, taskQueue = stage.taskQueue } = {},
  ): ReturnType<typeof compareDocument> => {
    const archive = { readReceipt: () => Promise.resolve(undefined) };
    return compareDocument({ client: stage.client, taskQueue, archive }, snapshot, known, TERMS);
  };

  test('takes one start, which tells it all', async () => {
    const { sandbox, client, countersign } = stage;
    const { id, signers } = sandbox.createDocument({ signers: 2, group: 'sales' });
    sandbox.advanceSigner(signers[0] ?? '', { status: 'visited' });
    const report = await reconcile(stage, { documentId: id });
    assert.equal(report.counts.adopted, 1);
    const { status, signers: known, group } = await countersign.progress(id);
    assert.deepEqual(
      known.map(({ number }) => number),
      signers.map((signer) => sandbox.signer(signer).status),
    );
    assert.equal(group, 'sales');
    const { news } = await inputOf<DocumentSigningInput>(client, documentWorkflowId(id));
    assert.equal(news?.snapshot?.status, status);
    const { events } = await client.workflow.getHandle(documentWorkflowId(id)).fetchHistory();
    const signals = events?.filter((event) => event.workflowExecutionSignaledEventAttributes);
    assert.deepEqual(signals, []);
    assert.equal((await reconcile(stage, { documentId: id })).counts.repairedDocuments, 0);
  });

  test('that visibility does not show yet repairs the workflow that it has', async () => {
    const { countersign } = stage;
    const [signer] = shown('late').signers;
    assert.ok(signer);
    await countersign.trackDocument('late', { signers: [signer] });
    const visited = shown('late', { signers: [{ ...signer, status: 'visited' }] });
    const { mark, counts } = await compare(visited);
    assert.equal(mark, ROW_MARKS.open);
    assert.deepEqual([counts.adopted, counts.repairedDocuments], [0, 1]);
    assert.equal((await countersign.progress('late')).signers[0]?.status, 'visited');
  });

  test('that another attempt adopted counts it as that attempt would have', async () => {
    const first = await compare(shown('twice'));
    assert.equal(first.mark, ROW_MARKS.adopted);
    const known = { ...UNKNOWN, mayBeRepaired: true };
    const second = await compare(shown('twice'), { known });
    assert.equal(second.mark, ROW_MARKS.open);
    assert.deepEqual(second.counts, first.counts);
  });

  test('that another page adopted asks nobody: thousands of first tasks may be in front', async () => {
    // Nobody works there, so that no question would be answered.
    const taskQueue = 'adopted-by-nobody';
    await compare(shown('shared'), { taskQueue });
    const { mark, counts } = await compare(shown('shared'), { taskQueue });
    assert.equal(mark, ROW_MARKS.open);
    assert.equal(counts.repairedDocuments, 0);
  });

  test('that has its outcome leaves it alone', async () => {
    const { countersign, client } = stage;
    await countersign.trackDocument('over', { signers: shown('over').signers });
    await countersign.stop('over', 'tried out');
    await client.workflow.getHandle(documentWorkflowId('over')).result();
    assert.equal((await compare(shown('over'))).mark, ROW_MARKS.closed);
    assert.equal((await countersign.waitForOutcome('over')).kind, 'stopped');
  });
});

test('what a start tells is known as what a signal tells', () => {
  const snapshot = shown('d', { modified: '2026-01-01T00:00:00Z', group: 'sales' });
  const news = { source: 'reconciliation', changes: [], snapshot } as const;
  const started = initialState({ documentId: 'd', news }, 1_000);
  const { signers } = snapshot;
  const told = withReport(initialState({ documentId: 'd', signers }, 1_000), news, 1_000);
  assert.deepEqual(started.turns, told.turns);
  assert.equal(progressDigest('d', started.progress), progressDigest('d', told.progress));
  const { mustAsk, isVouchedFor, group, movedMs } = started;
  assert.deepEqual([mustAsk, isVouchedFor, group, movedMs], [false, true, 'sales', 1_000]);
});

test('a document that is adopted after its end has no deadline', () => {
  const followUp = { deadlineMs: 1_000 };
  const deadlineOf = (snapshot: DocumentSnapshot): unknown =>
    initialState({
      documentId: 'd',
      followUp,
      news: { source: 'reconciliation', changes: [], snapshot },
    }).deadline;
  assert.equal(deadlineOf(shown('d')), '1970-01-01T00:00:01.000Z');
  assert.equal(deadlineOf(shown('d', { status: 'finalised', finalPdf: true })), undefined);
});
