/** A document whose workflow somebody terminated has no outcome: whoever waits is told so. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DocumentClosedError } from '../client/index.js';
import { documentWorkflowId } from '../workflows/contract.js';
import { runCli } from './support/cli.js';
import { openStage, type Stage } from './support/stage.js';

let stage: Stage;
let documentId: string;

before(async () => {
  stage = await openStage({ subscribes: false });
  documentId = stage.sandbox.createDocument({}).id;
  await stage.countersign.trackDocument(documentId);
  // Once it has begun: of what never did there is no progress.
  await stage.countersign.progress(documentId);
  await stage.client.workflow.getHandle(documentWorkflowId(documentId)).terminate('by mistake');
});

after(() => stage.close());

function isClosed(error: unknown): boolean {
  assert.ok(error instanceof DocumentClosedError, String(error));
  assert.deepEqual([error.documentId, error.outcome], [documentId, 'terminated']);
  return true;
}

test('after its last change there is no other to wait for', { timeout: 60_000 }, async (t) => {
  const { countersign } = stage;
  const { revision } = await countersign.progress(documentId);
  const last = await countersign.waitForChange(documentId, revision - 1, { signal: t.signal });
  assert.equal(last.revision, revision);
  await assert.rejects(
    countersign.waitForChange(documentId, revision, { signal: t.signal }),
    isClosed,
  );
});

test('there is no outcome to wait for', async () => {
  await assert.rejects(stage.countersign.waitForOutcome(documentId), isClosed);
});

test('of what never began there is no progress, and nothing to wait for', async () => {
  const { client, countersign, environment, sandbox } = stage;
  const { id } = sandbox.createDocument({});
  await stage.stopWorker();
  await countersign.trackDocument(id);
  await client.workflow.getHandle(documentWorkflowId(id)).terminate('by mistake');
  await stage.startWorker();
  const asking = [() => countersign.progress(id), () => countersign.waitForChange(id, 0)];
  for (const ask of asking) await assert.rejects(ask, DocumentClosedError);
  for (const command of ['show', 'watch', 'wait']) {
    const { code, notes } = await runCli([command, id], { environment });
    assert.match(notes.join(), new RegExp(`^document ${id} is closed \\(terminated\\)`));
    assert.equal(code, 1);
  }
});

for (const command of ['wait', 'watch']) {
  test(`countersign ${command} ends, and says why`, { timeout: 60_000 }, async (t) => {
    const { environment } = stage;
    const { code, notes } = await runCli([command, documentId], { environment, signal: t.signal });
    assert.equal(code, 1);
    assert.match(notes.join(), new RegExp(`^document ${documentId} is closed \\(terminated\\)`));
  });
}
