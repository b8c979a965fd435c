/** What ways of a workflow are recorded with, and what recording them takes. */
import { WorkflowFailedError } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import type { TrackingTerms } from '../../client/index.js';
import type { Environment } from '../../configuration/settings.js';
import type { SandboxOptions } from '../../sandbox/index.js';
import {
  documentWorkflowId,
  statusChangedSignal,
  WORKFLOW_TYPES,
} from '../../workflows/contract.js';
import type { DocumentStatusChange, SignerStatusChange } from '../../workflows/contract.js';
import { documentStart } from '../../workflows/document-start.js';
import type { Receiver } from './receiver.js';
import type { Stage } from './stage.js';
import { until } from './until.js';

/** One way that a workflow can go. */
export interface Scenario {
  /** More of the worker's and the webhook's settings. */
  readonly environment?: Environment;
  /** More of the sandbox's. */
  readonly sandbox?: SandboxOptions;
  /** Whether the sandbox's callbacks reach the webhook; true unless told. */
  readonly subscribes?: boolean;
  /** Announcements go to a receiver as well as to the log; to the log alone unless told. */
  readonly hasReceiver?: true;
  /** The server suggests to continue as new after so many events; 4,096 unless told. */
  readonly eventsPerRun?: number;
  /** @returns the Workflow ID whose history is to be recorded */
  run(stage: Stage, receiver: Receiver): Promise<string>;
}

/** Scenarios by the name of the history that they leave. */
export type Scenarios = Readonly<Record<string, Scenario>>;

/** The workflow of a document. */
export function handleOf({ client }: Stage, documentId: string): WorkflowHandle {
  return client.workflow.getHandle(documentWorkflowId(documentId));
}

/** Creates a document with its workflow, as an application does. */
export async function track(
  stage: Stage,
  signers: number,
  terms: TrackingTerms = {},
): Promise<string> {
  const people = Array.from({ length: signers }, (_, index) => ({
    firstname: 'Sam',
    lastname: 'Signer',
    email: `sam${index}@example.com`,
  }));
  const request = { name: 'Agreement', group: 'test', tag: 'recorded', signers: people };
  const whole = { ...request, text: 'An agreement.' };
  return (await stage.countersign.createDocument(whole, terms)).documentId;
}

/** The first signer of a document. */
export function firstSigner(stage: Stage, documentId: string): string {
  return stage.sandbox.document(documentId).signers[0]?.id ?? '';
}

/** Everything that the sandbox has to tell is told. */
export async function settled(stage: Stage): Promise<void> {
  await stage.sandbox.flushCallbacks();
  await stage.sandbox.idle();
}

type Untimed<Change> = Omit<Change, 'at' | 'position'>;

/** Tells a document's workflow of a change, as a callback does. */
export async function tell(
  stage: Stage,
  documentId: string,
  change: Untimed<DocumentStatusChange> | Untimed<SignerStatusChange>,
  atMs = Date.now(),
): Promise<void> {
  const at = new Date(atMs).toISOString();
  const report = { source: 'realtime', changes: [{ ...change, at, position: 0 }] } as const;
  await handleOf(stage, documentId).signal(statusChangedSignal, report);
}

/** Begins a document's workflow as the callback of its final PDF does. */
export async function beginFinalised(stage: Stage, documentId: string): Promise<void> {
  const at = new Date().toISOString();
  const change = { subject: 'document', status: 'finalised', at, position: 0 } as const;
  await stage.client.workflow.signalWithStart(WORKFLOW_TYPES.documentSigning, {
    ...documentStart({ documentId }),
    taskQueue: stage.taskQueue,
    signal: statusChangedSignal,
    signalArgs: [{ source: 'realtime', changes: [{ ...change, id: documentId }] }],
  });
}

/** Waits for a workflow's end, the last run's if there are several. */
export async function finished(stage: Stage, workflowId: string): Promise<string> {
  await stage.client.workflow.getHandle(workflowId).result();
  return workflowId;
}

/** Waits for an end that is no result. */
export async function broken(stage: Stage, workflowId: string): Promise<string> {
  try {
    await finished(stage, workflowId);
  } catch (error) {
    if (error instanceof WorkflowFailedError) return workflowId;
    throw error;
  }
  throw new Error(`${workflowId} ended with a result`);
}

/** Waits until a document's workflow needs somebody to look. */
export async function attended(stage: Stage, documentId: string): Promise<void> {
  await until(async () => (await stage.countersign.progress(documentId)).attention);
}

/** Waits until an activity has failed and is attempted again. */
export async function attemptedAgain(handle: WorkflowHandle, name: string): Promise<void> {
  await until(async () =>
    (await handle.describe()).raw.pendingActivities?.some(
      ({ activityType, attempt }) => activityType?.name === name && Number(attempt) > 1,
    ),
  );
}

/** Whether an announcement of this event is on its way or made. */
export async function hasAnnounced(handle: WorkflowHandle, event: string): Promise<boolean> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).some(({ activityTaskScheduledEventAttributes: scheduled }) =>
    (scheduled?.input?.payloads ?? []).some(({ data }) =>
      Buffer.from(data ?? []).includes(`"${event}"`),
    ),
  );
}

/** How many activities of this name were begun, and how many of them have a result. */
export async function activitiesIn(
  handle: WorkflowHandle,
  name: string,
): Promise<{ readonly scheduled: number; readonly completed: number }> {
  const { events } = await handle.fetchHistory();
  const scheduled = new Set<string>();
  let completed = 0;
  for (const event of events ?? []) {
    const { activityType } = event.activityTaskScheduledEventAttributes ?? {};
    if (activityType?.name === name) scheduled.add(String(event.eventId));
    const answered = event.activityTaskCompletedEventAttributes?.scheduledEventId;
    if (answered && scheduled.has(String(answered))) completed += 1;
  }
  return { scheduled: scheduled.size, completed };
}

/** Waits until an activity of this name has a result. */
export async function completed(
  handle: WorkflowHandle,
  name: string,
  limitMs?: number,
): Promise<void> {
  await until(async () => (await activitiesIn(handle, name)).completed > 0, limitMs);
}

/** Whether it waits for a timer, or has. */
export async function hasTimer(handle: WorkflowHandle): Promise<boolean> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).some((event) => event.timerStartedEventAttributes);
}
