import { setTimeout as delay } from 'node:timers/promises';
import {
  WorkflowFailedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import type { Client, WorkflowExecutionStatusName, WorkflowHandle } from '@temporalio/client';
import {
  documentWorkflowId,
  progressQuery,
  SEARCH_ATTRIBUTES,
  waitForChangeUpdate,
  waitForOutcomeUpdate,
} from '../workflows/contract.js';
import type { ProgressView, SigningOutcome } from '../workflows/contract.js';
import { answeredWithin } from './answer-limit.js';
import type { AnswerOptions } from './answer-limit.js';
import { describeDocument, grpcCodeOf } from './describe-document.js';
import { checkedId } from './track-document.js';

export interface WaitOptions {
  /** Ends the waiting, not the document: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** No workflow knows the document: it was never tracked, or longer ago than the retention. */
export class NotTrackedError extends Error {
  override readonly name = 'NotTrackedError';
  readonly documentId: string;

  constructor(documentId: string, cause: unknown) {
    super(`document ${documentId} is not tracked: call trackDocument('${documentId}')`, { cause });
    this.documentId = documentId;
  }
}

/** Its workflow ended, with an outcome or by somebody's hand: nothing comes of it any more. */
export class DocumentClosedError extends Error {
  override readonly name = 'DocumentClosedError';
  readonly documentId: string;
  readonly outcome: string;

  constructor(documentId: string, outcome: string, cause: unknown) {
    super(`document ${documentId} is closed (${outcome}): nothing is done about it any more`, {
      cause,
    });
    this.documentId = documentId;
    this.outcome = outcome;
  }
}

/**
 * Progress now, of an open document or of a closed one.
 * @throws NoAnswerError; DocumentClosedError where the workflow was ended before it began
 */
export async function followDocument(
  client: Client,
  documentId: string,
  options: AnswerOptions = {},
): Promise<ProgressView> {
  const handle = client.workflow.getHandle(documentWorkflowId(checkedId(documentId)));
  return tracked(documentId, () =>
    answeredWithin(client, documentId, options, () => lastViewOf(client, handle, documentId)),
  );
}

/**
 * Waits for the next change; of a closed document that is the last one.
 * @throws RangeError for a revision that is no number; DocumentClosedError where the workflow was
 *   ended without an outcome, after its last change
 */
export async function waitForChange(
  client: Client,
  documentId: string,
  afterRevision: number,
  options: WaitOptions = {},
): Promise<ProgressView> {
  const handle = client.workflow.getHandle(documentWorkflowId(checkedId(documentId)));
  requireRevision(afterRevision);
  for (;;) {
    const view = await waiting(client, options, () =>
      openOr(
        () =>
          patiently(() => handle.executeUpdate(waitForChangeUpdate, { args: [{ afterRevision }] })),
        () => tracked(documentId, () => lastViewOf(client, handle, documentId)),
      ),
    );
    // A run that continues as new answers early.
    if (view.revision > afterRevision || view.outcome) return view;
    await requireUnbroken(client, documentId);
  }
}

/** What was ended before its first Workflow Task has nothing to tell: Temporal fails the query. */
async function lastViewOf(
  client: Client,
  handle: WorkflowHandle,
  documentId: string,
): Promise<ProgressView> {
  try {
    return await handle.query(progressQuery);
  } catch (error) {
    if (isTaskFailure(error)) await requireUnbroken(client, documentId, error);
    throw error;
  }
}

/** After what is no number there is no change: it would be asked for without a pause, for ever. */
function requireRevision(afterRevision: number): void {
  if (Number.isFinite(afterRevision)) return;
  throw new RangeError(`not a revision, such as progress() shows it: ${afterRevision}`);
}

const BROKEN: readonly WorkflowExecutionStatusName[] = [
  'TERMINATED',
  'FAILED',
  'TIMED_OUT',
  'CANCELLED',
];

/** Somebody, or Temporal, ended it: its last view would be asked for without a pause, for ever. */
async function requireUnbroken(client: Client, documentId: string, cause?: unknown): Promise<void> {
  const { status, outcome } = await standing(client, documentId);
  if (BROKEN.includes(status)) {
    throw new DocumentClosedError(documentId, outcome ?? status.toLowerCase(), cause);
  }
}

/**
 * Waits for the outcome: of a document that lingers, from the moment on at which it has one.
 * @throws DocumentClosedError where the workflow was ended without one
 */
export async function waitForOutcome(
  client: Client,
  documentId: string,
  options: WaitOptions = {},
): Promise<SigningOutcome> {
  const handle: WorkflowHandle = client.workflow.getHandle(
    documentWorkflowId(checkedId(documentId)),
  );
  for (;;) {
    const outcome = await waiting(client, options, () =>
      openOr<SigningOutcome | undefined>(
        () => patiently(() => handle.executeUpdate(waitForOutcomeUpdate)),
        () => tracked(documentId, () => resultOf(client, handle, documentId)),
      ),
    );
    if (outcome) return outcome;
  }
}

async function resultOf(
  client: Client,
  handle: WorkflowHandle,
  documentId: string,
): Promise<SigningOutcome> {
  try {
    return (await handle.result()) as SigningOutcome;
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    throw await closedError(client, documentId, error);
  }
}

/** Asks the open workflow; where it is closed, or closes meanwhile, what remains of it. */
async function openOr<Answer>(
  ask: () => Promise<Answer>,
  askClosed: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    const isClosed =
      error instanceof WorkflowNotFoundError || error instanceof WorkflowUpdateFailedError;
    if (!isClosed) throw error;
    return askClosed();
  }
}

/** gRPC's FAILED_PRECONDITION. */
const TASK_FAILED = 9;

/** Each has a pause before it, in ms. */
const MORE_ATTEMPTS = [50, 200, 1000];

/**
 * Temporal refuses an Update whose Workflow Task fails, as it does where a signal arrives while the
 * workflow ends or continues as new. The task is done again; so the Update is asked again.
 */
async function patiently<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (const pauseMs of MORE_ATTEMPTS) {
    try {
      return await ask();
    } catch (error) {
      if (!isTaskFailure(error)) throw error;
      await delay(pauseMs);
    }
  }
  return ask();
}

function isTaskFailure(error: unknown): boolean {
  return grpcCodeOf(error) === TASK_FAILED;
}

/** The signal ends the waiting. */
export async function waiting<Answer>(
  client: Client,
  { signal }: WaitOptions,
  wait: () => Promise<Answer>,
): Promise<Answer> {
  if (!signal) return wait();
  signal.throwIfAborted();
  try {
    // The SDK leaves its listener on the signal: on one of this call's own it does no harm.
    return await client.withAbortSignal(AbortSignal.any([signal]), wait);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

async function tracked<Answer>(documentId: string, ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw new NotTrackedError(documentId, error);
    throw error;
  }
}

/** Why nothing can be told a document, or awaited of it. */
export async function closedError(
  client: Client,
  documentId: string,
  cause: unknown,
): Promise<Error> {
  try {
    const { status, outcome } = await standing(client, documentId);
    return new DocumentClosedError(documentId, outcome ?? status.toLowerCase(), cause);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return new NotTrackedError(documentId, error);
    throw error;
  }
}

interface Standing {
  readonly status: WorkflowExecutionStatusName;
  readonly outcome: string | undefined;
}

async function standing(client: Client, documentId: string): Promise<Standing> {
  const { status, typedSearchAttributes } = await describeDocument(client, documentId);
  return {
    status: status.name,
    outcome: typedSearchAttributes.get(SEARCH_ATTRIBUTES.documentOutcome),
  };
}
