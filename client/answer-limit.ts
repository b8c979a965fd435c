import { Client, isGrpcServiceError } from '@temporalio/client';
import { lookUpOptions } from '../codec/data-converter.js';
import { documentWorkflowId } from '../workflows/contract.js';

/** How long a document may take to answer. */
export interface AnswerOptions {
  /** In ms; without it a change of terms waits until a worker runs, a question up to a minute. */
  readonly limitMs?: number;
}

/**
 * The document did not answer in time: no worker runs on its task queue, or those that do are far
 * behind. A change of terms is kept by Temporal for a while, and may still be made.
 */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
  readonly documentId: string;
  readonly taskQueue: string;

  constructor(documentId: string, taskQueue: string, limitMs: number, cause: unknown) {
    super(
      `document ${documentId}: no worker answered on the task queue ${taskQueue} within ` +
        `${limitMs / 1000} s`,
      { cause },
    );
    this.documentId = documentId;
    this.taskQueue = taskQueue;
  }
}

/** gRPC's DEADLINE_EXCEEDED. */
const TOO_LATE = 4;

/** Answered by the server itself. */
const LOOK_UP_LIMIT_MS = 5000;

/** @throws NoAnswerError; what Temporal answers, or that it does not */
export async function answeredWithin<Answer>(
  client: Client,
  documentId: string,
  { limitMs }: AnswerOptions,
  ask: () => Promise<Answer>,
): Promise<Answer> {
  if (limitMs === undefined) return ask();
  try {
    return await client.withDeadline(Date.now() + limitMs, ask);
  } catch (error) {
    if (!isTooLate(error)) throw error;
    throw new NoAnswerError(documentId, await taskQueueOf(client, documentId), limitMs, error);
  }
}

function isTooLate(error: unknown): boolean {
  const cause = error instanceof Error && !isGrpcServiceError(error) ? error.cause : error;
  return isGrpcServiceError(cause) && TOO_LATE === (cause.code as number);
}

/** Of the document, which may be another than this process's own. */
async function taskQueueOf(client: Client, documentId: string): Promise<string> {
  const { workflow } = new Client(lookUpOptions(client));
  const handle = workflow.getHandle(documentWorkflowId(documentId));
  const { taskQueue } = await client.withDeadline(Date.now() + LOOK_UP_LIMIT_MS, () =>
    handle.describe(),
  );
  return taskQueue;
}
