import { isGrpcDeadlineError, type Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { SpoolReport } from './spooling-inbox.js';

/** Whether callbacks can be made durable now, and if not, why: a line that anybody may see. */
export interface Readiness {
  readonly ok: boolean;
  /** Of what is not well; callbacks may be taken nevertheless. */
  readonly reason?: string;
  /** What waits, where there is a spool. */
  readonly spool?: SpoolReport;
}

/** A probe's patience is short; an answer that takes longer is none. */
const READY_DEADLINE_MS = 1500;

/** Whether Temporal serves the client's namespace. What gRPC says of it is for the log alone. */
export async function askTemporal(
  client: Client,
  logger: Pick<Logger, 'warn'>,
): Promise<Readiness> {
  const { namespace } = client.options;
  try {
    await client.withDeadline(Date.now() + READY_DEADLINE_MS, () =>
      client.workflowService.describeNamespace({ namespace }),
    );
    return { ok: true };
  } catch (error) {
    const cause = isGrpcDeadlineError(error)
      ? `nothing within ${READY_DEADLINE_MS} ms`
      : String(error);
    logger.warn({ namespace, cause }, 'Temporal does not answer');
    return { ok: false, reason: `Temporal does not answer for namespace ${namespace}` };
  }
}

/** Probes come from several sides at once; one question a second is enough for all. */
const REMEMBERED_MS = 1000;

/** Asks at most once a second, and answers every question in between with the same. */
export function rememberReadiness(
  ready: () => Promise<Readiness>,
  now: () => number,
  logger: Logger,
): () => Promise<Readiness> {
  let latest: Promise<Readiness> | undefined;
  let askedAtMs = 0;
  return () => {
    if (latest === undefined || Math.abs(now() - askedAtMs) >= REMEMBERED_MS) {
      askedAtMs = now();
      latest = ready().catch((error: unknown) => {
        logger.warn({ cause: String(error) }, 'the check of readiness failed');
        return { ok: false, reason: 'the check failed' };
      });
    }
    return latest;
  };
}
