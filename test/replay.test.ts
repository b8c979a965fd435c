import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { defaultPayloadConverter } from '@temporalio/common';
import { historyFromJSON, type History } from '@temporalio/common/lib/proto-utils.js';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { bundleWorkflows } from '../worker/workflow-bundle.js';
import * as contract from '../workflows/contract.js';

const FOLDER = new URL('histories/', import.meta.url);
const WORKFLOWS = new URL('../workflows/', import.meta.url);
const names = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
const histories = new Map(names.map((name) => [name, historyOf(name)]));
const quiet = new DefaultLogger('ERROR');

/** What was wrong with each, where anything was. */
let results: ReadonlyMap<string, Error | undefined>;

before(async () => {
  Runtime.install({ logger: quiet });
  results = await replay(names, await bundleWorkflows());
});

describe("today's workflows replay what earlier ones recorded", () => {
  assert.ok(names.length > 0, 'no histories: npm run record-histories');
  for (const name of names) {
    test(name, () => {
      assert.ok(results.has(name), 'it was not replayed');
      assert.ifError(results.get(name));
    });
  }
});

/** All that workflows call; one that is missing here does not compile. */
const ACTIVITIES: Readonly<Record<keyof contract.Activities, true>> = {
  lookUpDocument: true,
  archiveDocument: true,
  remindSigners: true,
  readPolicy: true,
  announce: true,
  deliverChanges: true,
  prepareReconciliation: true,
  reconcilePage: true,
  reconcileDocuments: true,
  findUnlisted: true,
  retrySetAside: true,
  lastReconciliation: true,
};

/** A delivery has an end: it never continues as new. */
const CONTINUING = Object.values(contract.WORKFLOW_TYPES).filter(
  (type) => type !== contract.WORKFLOW_TYPES.callbackDelivery,
);

/** Changes of running code whose new side no history shows, and why. */
const UNRECORDED: Readonly<Record<string, string>> = {
  'unlisted-by-parts': 'it takes 5,000 open documents that no listing shows',
};

describe('what is recorded', () => {
  test('is the new side of each change that running workflows may not have met', () => {
    const sources = readdirSync(WORKFLOWS).filter((name) => name.endsWith('.ts'));
    const changes = sources.flatMap((name) =>
      changesIn(readFileSync(new URL(name, WORKFLOWS), 'utf8')),
    );
    const events = [...histories.values()].flatMap(({ events: each }) => each ?? []);
    const marked = events.flatMap(({ markerRecordedEventAttributes: marker }) => {
      const payload = marker?.details?.['patch-data']?.payloads?.[0];
      return payload ? [defaultPayloadConverter.fromPayload<{ id: string }>(payload).id] : [];
    });
    assert.ok(changes.length > 0);
    const wanted = changes.filter((change) => !(change in UNRECORDED));
    assertHolds(marked, wanted);
  });

  test('is every kind of workflow, each activity, each signal and each Update', () => {
    const events = [...histories.values()].flatMap(({ events: each }) => each ?? []);
    const types = events.map(
      (event) => event.workflowExecutionStartedEventAttributes?.workflowType?.name,
    );
    const activities = events.map(
      (event) => event.activityTaskScheduledEventAttributes?.activityType?.name,
    );
    const signals = events.map((event) => event.workflowExecutionSignaledEventAttributes);
    const updates = events.map((event) => event.workflowExecutionUpdateAcceptedEventAttributes);
    assertHolds(types, Object.values(contract.WORKFLOW_TYPES));
    assertHolds(activities, Object.keys(ACTIVITIES));
    assertHolds(
      signals.map((signal) => signal?.signalName),
      namesOfDefinitions('signal'),
    );
    assertHolds(
      updates.map((update) => update?.acceptedRequest?.input?.name),
      namesOfDefinitions('update'),
    );
  });

  test('is the end of one run and the beginning of the next, of all that continue as new', () => {
    const ended: string[] = [];
    const begun: string[] = [];
    for (const { events } of histories.values()) {
      const started = events?.[0]?.workflowExecutionStartedEventAttributes;
      const type = started?.workflowType?.name ?? '';
      if (started?.continuedExecutionRunId) begun.push(type);
      if (events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes) ended.push(type);
    }
    assertHolds(ended, CONTINUING);
    assertHolds(begun, CONTINUING);
  });
});

test('a change that breaks running workflows is caught', async () => {
  const incompatible = await bundleWorkflowCode({
    workflowsPath: new URL('support/incompatible-workflows.ts', import.meta.url).pathname,
    logger: quiet,
  });
  const refused = await replay(['document-completed.json'], incompatible);
  assert.match(refused.get('document-completed.json')?.message ?? '', /[Nn]ondeterminism/);
});

/** Every one of `wanted` is among what was found. */
function assertHolds(
  found: readonly (string | null | undefined)[],
  wanted: readonly string[],
): void {
  const missing = wanted.filter((each) => !found.includes(each));
  assert.deepEqual(missing, [], 'record it: npm run record-histories -- <name>');
}

/** Messages that the contract defines. */
function namesOfDefinitions(type: 'signal' | 'update'): string[] {
  const defined = Object.values(contract).flatMap((each) =>
    typeof each === 'object' && 'type' in each && 'name' in each && each.type === type
      ? [each.name]
      : [],
  );
  assert.ok(defined.length > 0);
  return defined;
}

function historyOf(name: string): History {
  const json: unknown = JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8'));
  return historyFromJSON(json);
}

/** All by one worker: to begin one takes longer than to replay a history. */
async function replay(
  wanted: readonly string[],
  workflowBundle: { code: string },
): Promise<Map<string, Error | undefined>> {
  const given = wanted.map((name) => ({
    workflowId: name,
    history: histories.get(name) ?? assert.fail(`no history ${name}`),
  }));
  const errors = new Map<string, Error | undefined>();
  for await (const result of Worker.runReplayHistories({ workflowBundle }, given)) {
    errors.set(result.workflowId, result.error);
  }
  return errors;
}

/** The IDs that a source gives to `patched()`, each a constant of its own. */
function changesIn(source: string): string[] {
  return [...source.matchAll(/patched\((\w+)\)/g)].map(([, constant = '']) => {
    const [, id] = new RegExp(`const ${constant} = '([^']+)'`).exec(source) ?? [];
    assert.ok(id, `patched(${constant}): which ID is that?`);
    return id;
  });
}
