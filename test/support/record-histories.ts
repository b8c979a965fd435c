/**
 * `npm run record-histories`: runs one document for each way it can go, on the real server, and
 * writes its history to test/histories/<name>.json, where the replay test reads it. Run it after a
 * change that adds a way, and give the new history a name of its own: the old ones must replay too.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import {
  documentWorkflowId,
  retrySignal,
  trackingRequestedSignal,
} from '../../workflows/contract.js';
import type { WorkflowHandle } from '@temporalio/client';
import type { History } from '@temporalio/common/lib/proto-utils.js';
import type { TrackingTerms } from '../../client/index.js';
import type { Environment } from '../../configuration/settings.js';
import { openStage, type Stage } from './stage.js';
import { until } from './until.js';

const FOLDER = new URL('../histories/', import.meta.url);
/** Stack traces name it; whoever reads a history has another. */
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

type Scenario = (stage: Stage) => Promise<string>;

const scenarios: Readonly<Record<string, Scenario>> = {
  'document-completed': async (stage) => {
    const id = await track(stage, 3);
    await stage.sandbox.completeDocument(id, { visit: true });
    await stage.sandbox.flushCallbacks();
    return finished(stage, documentWorkflowId(id));
  },
  'document-rejected': async (stage) => {
    const id = await track(stage, 2);
    const [signer] = stage.sandbox.document(id).signers;
    stage.sandbox.advanceSigner(signer?.id ?? '', { status: 'rejected', reason: 'Too dear.' });
    await stage.sandbox.flushCallbacks();
    return finished(stage, documentWorkflowId(id));
  },
  'document-removed': async (stage) => {
    const id = await track(stage, 1);
    stage.sandbox.removeDocument(id);
    await stage.sandbox.flushCallbacks();
    return finished(stage, documentWorkflowId(id));
  },
  'document-expired': async (stage) => {
    const { id } = stage.sandbox.createDocument();
    const deadline = new Date(Date.now() + 500).toISOString();
    await stage.countersign.trackDocument(id, { deadline });
    return finished(stage, documentWorkflowId(id));
  },
  'document-adopted-from-callbacks': async (stage) => {
    const { id } = stage.sandbox.createDocument({ signers: 2 });
    await stage.sandbox.completeDocument(id);
    await stage.sandbox.flushCallbacks();
    return finished(stage, documentWorkflowId(id));
  },
  'document-wrong-hash-then-retry': async (stage) => {
    const id = await track(stage, 1);
    stage.sandbox.changeFaults({ wrongPdf: 'always' });
    await stage.sandbox.completeDocument(id);
    await stage.sandbox.idle();
    let view = await stage.countersign.progress(id);
    while (!view.attention) view = await stage.countersign.waitForChange(id, view.revision);
    stage.sandbox.changeFaults({ wrongPdf: 0 });
    await stage.client.workflow.getHandle(documentWorkflowId(id)).signal(retrySignal);
    return finished(stage, documentWorkflowId(id));
  },
  'document-tracked-twice': async (stage) => {
    const id = await track(stage, 1);
    const handle = stage.client.workflow.getHandle(documentWorkflowId(id));
    await handle.signal(trackingRequestedSignal, { tag: 'second' });
    await stage.sandbox.completeDocument(id);
    await stage.sandbox.flushCallbacks();
    return finished(stage, documentWorkflowId(id));
  },
  'document-reminded-and-stalled': async (stage) => {
    const id = await track(stage, 1, { reminders: ['200ms', '400ms'], stalledAfter: '800ms' });
    const handle = stage.client.workflow.getHandle(documentWorkflowId(id));
    await until(async () => announcedIn(await handle.fetchHistory(), 'document.stalled'));
    await stage.sandbox.completeDocument(id, { visit: true });
    await stage.sandbox.flushCallbacks();
    return finished(stage, documentWorkflowId(id));
  },
  'document-reminded-after-the-night': async (stage) => {
    const id = await track(stage, 2);
    await stage.countersign.changeTerms(id, { reminders: ['1ms'], stalledAfter: '30d' });
    const handle = stage.client.workflow.getHandle(documentWorkflowId(id));
    await until(async () => (await activitiesIn(handle, 'remindSigners')) > 0);
    await stage.countersign.changeTerms(id, { reminders: [], deadline: '2099-12-31T12:00:00Z' });
    await stage.sandbox.completeDocument(id);
    await stage.sandbox.flushCallbacks();
    return finished(stage, documentWorkflowId(id));
  },
  'document-stopped': async (stage) => {
    const id = await track(stage, 2);
    await stage.countersign.stop(id, 'withdrawn');
    return finished(stage, documentWorkflowId(id));
  },
  'document-refreshed': async (stage) => {
    const id = await track(stage, 1);
    await stage.sandbox.idle();
    stage.sandbox.muteDocument(id);
    await stage.sandbox.completeDocument(id);
    await stage.countersign.refresh(id);
    return finished(stage, documentWorkflowId(id));
  },
  'document-with-signers-announced': async (stage) => {
    const id = await track(stage, 2);
    const [signer] = stage.sandbox.document(id).signers;
    stage.sandbox.bounceSigner(signer?.id ?? '');
    await stage.sandbox.completeDocument(id);
    await stage.sandbox.flushCallbacks();
    return finished(stage, documentWorkflowId(id));
  },
  'callback-batch-delivered': async (stage) => {
    const id = await track(stage, 2);
    const [signer] = stage.sandbox.document(id).signers;
    stage.sandbox.advanceSigner(signer?.id ?? '', { status: 'visited' });
    await stage.sandbox.flushCallbacks();
    return newestDelivery(stage);
  },
  'callback-batch-of-strangers': async (stage) => {
    stage.sandbox.createDocument({ signers: 2 });
    await stage.sandbox.flushCallbacks();
    return newestDelivery(stage);
  },
  'reconciliation-in-step': async (stage) => {
    await track(stage, 2);
    await settled(stage);
    return reconciled(stage);
  },
  'reconciliation-with-repairs': async (stage) => {
    const known = await track(stage, 2);
    await settled(stage);
    stage.sandbox.muteDocument(known);
    stage.sandbox.advanceSigner(stage.sandbox.document(known).signers[0]?.id ?? '', {
      status: 'visited',
    });
    const unlisted = await track(stage, 1);
    await settled(stage);
    stage.sandbox.muteDocument(unlisted);
    await stage.sandbox.completeDocument(unlisted);
    stage.sandbox.createDocument({ signers: 1, muted: 1 });
    return reconciled(stage);
  },
};

async function settled(stage: Stage): Promise<void> {
  await stage.sandbox.flushCallbacks();
  await stage.sandbox.idle();
}

async function reconciled(stage: Stage): Promise<string> {
  return (await stage.countersign.reconcile()).workflowId;
}

/** What a scenario needs set: hours of reminders that last, or do not, whenever it is recorded. */
const settings: Readonly<Record<string, Environment>> = {
  'document-reminded-and-stalled': { DOCUMENT_REMINDER_HOURS: '00:00-24:00' },
  'document-reminded-after-the-night': { DOCUMENT_REMINDER_HOURS: hourFromNow() },
  'document-with-signers-announced': { NOTIFY_SIGNER_EVENTS: 'signed,bounced' },
};

function hourFromNow(): string {
  const hour = (aheadHours: number): string =>
    String((new Date().getUTCHours() + aheadHours) % 24).padStart(2, '0');
  return `${hour(2)}:00-${hour(3)}:00`;
}

function announcedIn({ events }: History, event: string): boolean {
  return (events ?? []).some(({ activityTaskScheduledEventAttributes: scheduled }) =>
    (scheduled?.input?.payloads ?? []).some(({ data }) =>
      Buffer.from(data ?? []).includes(`"${event}"`),
    ),
  );
}

async function activitiesIn(handle: WorkflowHandle, name: string): Promise<number> {
  const { events } = await handle.fetchHistory();
  const completed = (events ?? []).filter((event) => event.activityTaskCompletedEventAttributes);
  const scheduled = (events ?? []).filter(
    ({ activityTaskScheduledEventAttributes: each }) => each?.activityType?.name === name,
  );
  return Math.min(completed.length, scheduled.length);
}

async function track(stage: Stage, signers: number, terms: TrackingTerms = {}): Promise<string> {
  const people = Array.from({ length: signers }, (_, index) => ({
    firstname: 'Sam',
    lastname: 'Signer',
    email: `sam${index}@example.com`,
  }));
  const request = { name: 'Agreement', group: 'test', tag: 'recorded', signers: people };
  const whole = { ...request, text: 'An agreement.' };
  return (await stage.countersign.createDocument(whole, terms)).documentId;
}

async function finished(stage: Stage, workflowId: string): Promise<string> {
  await stage.client.workflow.getHandle(workflowId).result();
  return workflowId;
}

async function newestDelivery(stage: Stage): Promise<string> {
  const query = `WorkflowType = 'callbackDelivery'`;
  for (;;) {
    for await (const { workflowId } of stage.client.workflow.list({ query, pageSize: 1 })) {
      return finished(stage, workflowId);
    }
  }
}

async function record(name: string, scenario: Scenario): Promise<void> {
  // A stage each: the newest delivery is then the scenario's own.
  const stage = await openStage({ environment: settings[name] ?? {} });
  try {
    const workflowId = await scenario(stage);
    const history = await stage.client.workflow.getHandle(workflowId).fetchHistory();
    await writeFile(
      new URL(`${name}.json`, FOLDER),
      `${historyToJSON(history).replaceAll(ROOT, '/app/')}\n`,
    );
    process.stdout.write(`${name}: ${history.events?.length ?? 0} events\n`);
  } finally {
    await stage.close();
  }
}

const { positionals } = parseArgs({ allowPositionals: true });
await mkdir(FOLDER, { recursive: true });
for (const [name, scenario] of Object.entries(scenarios)) {
  if (positionals.length === 0 || positionals.includes(name)) await record(name, scenario);
}
