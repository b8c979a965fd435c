import type { Countersign, NoAnswerError } from '../client/index.js';
import type { CommandCall } from './command.js';
import { UnreachableError } from './failures.js';
import { readInstallation } from './installation.js';
import type { Installation } from './installation.js';

/** gRPC's codes. */
const DEADLINE_EXCEEDED = 4;
const UNAVAILABLE = 14;

/** For what only a worker answers: somebody waits at a terminal. */
export const ANSWER_LIMIT = { limitMs: 10_000 } as const;

/**
 * Connects as the call's environment says, and closes whatever comes. The SDK is loaded here.
 * @throws UnreachableError when Temporal does not answer
 */
export async function withCountersign<Answer>(
  { environment }: Pick<CommandCall, 'environment'>,
  use: (countersign: Countersign, installation: Installation) => Promise<Answer>,
): Promise<Answer> {
  const { connect, NoAnswerError } = await import('../client/index.js');
  const installation = await readInstallation(environment);
  const countersign = await connect(installation).catch((error: unknown) => {
    throw temporalAway(installation, error);
  });
  try {
    return await use(countersign, installation);
  } catch (error) {
    if (error instanceof NoAnswerError) throw noWorker(error);
    if (hasCode(error, UNAVAILABLE)) throw temporalAway(installation, error);
    throw hasCode(error, DEADLINE_EXCEEDED) ? noAnswer(installation, error) : error;
  } finally {
    await countersign.close();
  }
}

function temporalAway({ temporalAddress }: Installation, cause: unknown): UnreachableError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new UnreachableError(
    `Temporal cannot be reached at ${temporalAddress} (${why}).\n` +
      'Start everything with `countersign up`, or name a server: TEMPORAL_ADDRESS, or a profile.',
    { cause },
  );
}

function noWorker(error: NoAnswerError): UnreachableError {
  return new UnreachableError(
    `${error.message}.\n` +
      'Start one (`npm run start:worker`; which ones run says `countersign doctor`), or set the same\n' +
      'COUNTERSIGN_TASK_QUEUE everywhere. A change that was asked for may still be made then.',
    { cause: error },
  );
}

/** It was reached when the call began; a document is asked by way of a worker. */
function noAnswer({ temporalAddress }: Installation, cause: unknown): UnreachableError {
  return new UnreachableError(
    `Temporal at ${temporalAddress} gave no answer in time. Documents answer only while a worker ` +
      'runs:\nsee whether one does with `countersign doctor`.',
    { cause },
  );
}

/** The SDK wraps gRPC's errors, some of them twice. */
function hasCode(error: unknown, wanted: number): boolean {
  for (let each = error; each instanceof Error; each = each.cause) {
    const { code, details } = each as { code?: unknown; details?: unknown };
    if (details !== undefined && code === wanted) return true;
  }
  return false;
}
