import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { documentWorkflowId, WORKFLOW_TYPES } from '../workflows/contract.js';
import { readArchived } from './support/archived.js';
import { reconcile, withSilentStage } from './support/reconciling.js';
import type { Stage } from './support/stage.js';
import { until } from './support/until.js';

/** Visibility lags. */
async function untilListed({ client }: Stage, query: string, count: number): Promise<void> {
  const documents = `WorkflowType = '${WORKFLOW_TYPES.documentSigning}' AND ${query}`;
  await until(async () => (await client.workflow.count(documents)).count === count);
}

async function expiredDocument(stage: Stage): Promise<string> {
  const { countersign, sandbox } = stage;
  const { id } = sandbox.createDocument({ signers: 1, group: 'sales' });
  await countersign.trackDocument(id, { deadline: new Date(Date.now() + 1_000).toISOString() });
  assert.equal((await countersign.waitForOutcome(id)).kind, 'expired');
  return id;
}

describe('a contract that was signed after it had expired here', () => {
  const listings = {
    'that of outstanding documents, which does not show it': {},
    'that by groups, which shows it': {
      RECONCILE_GROUPS: 'sales',
      RECONCILE_LISTING: 'groups',
    },
  };
  for (const [listing, environment] of Object.entries(listings)) {
    test(`is archived and announced after all, by the listing ${listing}`, async () => {
      await withSilentStage({ environment }, async (stage) => {
        const { countersign, sandbox } = stage;
        const [signed, unsigned, removed] = [
          await expiredDocument(stage),
          await expiredDocument(stage),
          await expiredDocument(stage),
        ];
        await untilListed(
          stage,
          `DocumentOutcome = 'expired' AND ExecutionStatus = 'Completed'`,
          3,
        );
        await sandbox.completeDocument(signed);
        sandbox.removeDocument(removed);
        const report = await reconcile(stage);
        assert.equal(report.isComplete, true);
        assert.equal(report.counts.adopted, 1);
        assert.equal(report.counts.contradicted, 0);
        assert.equal(report.counts.gone, 0);
        assert.deepEqual(report.examples, [
          { documentId: signed, what: 'expired here, signed since: begun anew' },
        ]);
        assert.equal((await countersign.waitForOutcome(signed)).kind, 'completed');
        assert.ok(await readArchived(stage.archiveFolder, signed));
        for (const id of [unsigned, removed]) {
          assert.equal((await countersign.waitForOutcome(id)).kind, 'expired');
        }
        await untilListed(stage, `ExecutionStatus = 'Completed'`, 4);
        assert.equal((await reconcile(stage)).counts.repairedDocuments, 0);
      });
    });
  }
});

test('a document that was stopped and tracked anew is compared by its last run', async () => {
  await withSilentStage({}, async (stage) => {
    const { countersign, sandbox, client } = stage;
    const { id, signers } = sandbox.createDocument({ signers: 2 });
    await countersign.trackDocument(id);
    await countersign.stop(id, 'tried out');
    await client.workflow.getHandle(documentWorkflowId(id)).result();
    await countersign.trackDocument(id);
    await untilListed(stage, `ExecutionStatus = 'Completed'`, 1);
    await untilListed(stage, `ExecutionStatus = 'Running'`, 1);
    // It asks the provider itself as it begins, and never again by itself.
    await until(async () => (await countersign.progress(id)).signers.length === 2);
    const [first] = signers;
    assert.ok(first);
    sandbox.advanceSigner(first, { status: 'signed' });
    assert.equal((await reconcile(stage)).counts.repairedDocuments, 1);
  });
});
