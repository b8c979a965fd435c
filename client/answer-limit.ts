import type { Client } from '@temporalio/client';
import { describeDocument, grpcCodeOf } from './describe-document.js';

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

/** gRPC's statuses of a call that ran out of time: the server may see it cancelled first. */
const CANCELLED = 1;
const DEADLINE_EXCEEDED = 4;

/** A call's time is measured by other clocks than ours. */
const CLOCKS_DIFFER_MS = 10;

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
  const dueMs = performance.now() + limitMs - CLOCKS_DIFFER_MS;
  try {
    return await client.withDeadline(Date.now() + limitMs, ask);
  } catch (error) {
    if (!isTooLate(error, performance.now() >= dueMs)) throw error;
    throw new NoAnswerError(documentId, await taskQueueOf(client, documentId), limitMs, error);
  }
}

/** Whether a call with a deadline ran out of time. @param isDue by our clock */
export function isTooLate(error: unknown, isDue: boolean): boolean {
  const code = grpcCodeOf(error);
  return code === DEADLINE_EXCEEDED || (code === CANCELLED && isDue);
}

/** Of the document, which may be another than this process's own. */
async function taskQueueOf(client: Client, documentId: string): Promise<string> {
  const { taskQueue } = await client.withDeadline(Date.now() + LOOK_UP_LIMIT_MS, () =>
    describeDocument(client, documentId),
  );
  return taskQueue;
}
