/** What Temporal does not let a worker do in its namespace, in words that say what to do. */
import { isGrpcServiceError } from '@temporalio/client';
import type { Connection } from '@temporalio/client';

/** What is needed of a connection; a worker's own has it, too. */
export type NamespaceConnection = Pick<
  Connection,
  'operatorService' | 'workflowService' | 'withDeadline'
>;

/** The namespace is not as Countersign needs it, and cannot be made so; the message says why. */
export class NamespaceError extends Error {
  override readonly name = 'NamespaceError';
}

const GRPC_NOT_FOUND = 5;
const GRPC_PERMISSION_DENIED = 7;
const GRPC_UNAUTHENTICATED = 16;

/** Whether Temporal, or what stands before it, refuses whoever asks. */
export function isDenied(error: unknown): boolean {
  const code = statusOf(error)?.code;
  return code === GRPC_PERMISSION_DENIED || code === GRPC_UNAUTHENTICATED;
}

/** The messages of an error and of its causes, in a line: what gRPC said is the innermost. */
export function reasonsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message, cause } = error;
  if (!(cause instanceof Error) || message.includes(cause.message)) return message;
  return `${message}: ${reasonsOf(cause)}`;
}

/**
 * Makes a call to Temporal, and says in a line why it cannot be made.
 * @param what is being done, after "does not let this worker"
 * @throws NamespaceError where the right is missing, or the namespace is
 */
export async function permitted<Result>(
  namespace: string,
  what: string,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw refusal(namespace, what, error) ?? error;
  }
}

/** A sentence for a call that Temporal refuses us; undefined for any other failure. */
export function refusal(
  namespace: string,
  what: string,
  error: unknown,
): NamespaceError | undefined {
  const { code, message = '' } = statusOf(error) ?? {};
  if (isDenied(error)) {
    return new NamespaceError(
      `Temporal does not let this worker ${what} in namespace ${namespace} (${message}): ` +
        'give its API key or certificate the right to write there (TEMPORAL_API_KEY, TEMPORAL_NAMESPACE)',
    );
  }
  // Of a Schedule or a workflow that is not there it speaks otherwise.
  if (code === GRPC_NOT_FOUND && /namespace/i.test(message)) {
    return new NamespaceError(
      `Temporal has no namespace ${namespace} (${message}): create it (temporal operator ` +
        `namespace create -n ${namespace}), or set TEMPORAL_NAMESPACE to one that exists`,
    );
  }
  return undefined;
}

/** The client wraps what gRPC said in sentences of its own. */
function statusOf(error: unknown): { code: number; message: string } | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (isGrpcServiceError(cause)) return { code: cause.code, message: cause.message };
  }
  return undefined;
}

/** Too short for a poll, says the server, but only to those who may poll at all. */
const POLL_DEADLINE_MS = 1_000;

/**
 * Whether the worker may poll: the SDK's own pollers take a refusal for a passing trouble, and
 * would go on for a minute before they give up.
 * @throws NamespaceError
 */
export async function requirePolling(
  connection: NamespaceConnection,
  namespace: string,
  taskQueue: string,
): Promise<void> {
  const { workflowService } = connection;
  // Beside the worker's own queue: nobody is there yet who would do a task that came.
  const request = { namespace, taskQueue: { name: `${taskQueue}-rights` } };
  const polls: (readonly [what: string, poll: () => Promise<unknown>])[] = [
    ['poll for workflow tasks', () => workflowService.pollWorkflowTaskQueue(request)],
    ['poll for activities', () => workflowService.pollActivityTaskQueue(request)],
  ];
  for (const [what, poll] of polls) {
    try {
      await connection.withDeadline(Date.now() + POLL_DEADLINE_MS, poll);
    } catch (error) {
      const refused = refusal(namespace, what, error);
      if (refused) throw refused;
    }
  }
}
