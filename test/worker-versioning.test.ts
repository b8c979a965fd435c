import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ConfigurationError } from '../configuration/settings.js';
import { readConfiguration } from '../worker/index.js';
import { startWorker, type RunningWorker } from '../worker/main.js';
import { documentWorkflowId } from '../workflows/contract.js';
import { openStage, type Stage } from './support/stage.js';
import { until } from './support/until.js';
import { bundleFor } from './support/build.js';

const DEPLOYMENT = 'countersign-test';

let stage: Stage;

before(async () => {
  stage = await openStage();
  await stage.stopWorker();
});

after(() => stage.close());

async function versioned(buildId: string): Promise<RunningWorker> {
  const workflowBundle = await bundleFor([]);
  const environment = {
    ...stage.environment,
    COUNTERSIGN_DEPLOYMENT: DEPLOYMENT,
    COUNTERSIGN_BUILD_ID: buildId,
  };
  const address = stage.environment['TEMPORAL_ADDRESS'] ?? '';
  return startWorker(readConfiguration(environment), { address, options: { workflowBundle } });
}

/** The server knows a version from its first poll on. */
async function makeCurrent(buildId: string): Promise<void> {
  await until(async () => {
    try {
      await stage.client.workflowService.setWorkerDeploymentCurrentVersion({
        namespace: 'default',
        deploymentName: DEPLOYMENT,
        buildId,
      });
      return true;
    } catch {
      // Not polled yet; a version that never comes is told by the time that is up.
      return false;
    }
  });
}

async function buildIdOf(documentId: string): Promise<string | undefined> {
  const { raw } = await stage.client.workflow.getHandle(documentWorkflowId(documentId)).describe();
  return raw.workflowExecutionInfo?.versioningInfo?.deploymentVersion?.buildId ?? undefined;
}

test('an open document moves on from one version of the worker to the next', async () => {
  const first = await versioned('one');
  await makeCurrent('one');
  const { id, signers } = stage.sandbox.createDocument({ signers: 2 });
  await stage.countersign.trackDocument(id);
  await until(async () => (await buildIdOf(id)) === 'one');

  const second = await versioned('two');
  await makeCurrent('two');
  await first.close();
  stage.sandbox.advanceSigner(signers[0] ?? '');
  await stage.sandbox.completeDocument(id);
  await stage.sandbox.flushCallbacks();
  assert.equal((await stage.countersign.waitForOutcome(id)).kind, 'completed');
  await stage.client.workflow.getHandle(documentWorkflowId(id)).result();
  assert.equal(await buildIdOf(id), 'two');
  await second.close();
});

test('one of the two settings alone is a problem, and neither changes nothing', () => {
  const base = stage.environment;
  assert.equal(readConfiguration(base).versioning, undefined);
  for (const alone of [{ COUNTERSIGN_DEPLOYMENT: 'd' }, { COUNTERSIGN_BUILD_ID: '1' }]) {
    assert.throws(
      () => readConfiguration({ ...base, ...alone }),
      (error) =>
        error instanceof ConfigurationError && error.problems.join('\n').includes('go together'),
    );
  }
  const wrong = { COUNTERSIGN_DEPLOYMENT: 'a.b', COUNTERSIGN_BUILD_ID: '1' };
  assert.throws(() => readConfiguration({ ...base, ...wrong }), /COUNTERSIGN_DEPLOYMENT is not/);
});
