import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { bundleWorkflows } from '../worker/workflow-bundle.js';

const FOLDER = new URL('histories/', import.meta.url);
const names = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
const quiet = new DefaultLogger('ERROR');

let workflowBundle: { code: string };

before(async () => {
  Runtime.install({ logger: quiet });
  workflowBundle = await bundleWorkflows();
});

describe("today's workflows replay what earlier ones recorded", () => {
  assert.ok(names.length > 0, 'no histories: npm run record-histories');
  for (const name of names) {
    test(name, () => replay(name, workflowBundle));
  }
});

test('a change that breaks running workflows is caught', async () => {
  const incompatible = await bundleWorkflowCode({
    workflowsPath: new URL('support/incompatible-workflows.ts', import.meta.url).pathname,
    logger: quiet,
  });
  await assert.rejects(replay('document-completed.json', incompatible), /[Nn]ondeterminism/);
});

async function replay(name: string, bundle: { code: string }): Promise<void> {
  const history: unknown = JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8'));
  await Worker.runReplayHistory({ workflowBundle: bundle }, historyFromJSON(history));
}
