import { Context } from '@temporalio/activity';
import { isGrpcServiceError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { ProviderError, type ProviderErrorKind } from '../provider/provider-error.js';
import { FAILURE_TYPES, type FailureType } from '../workflows/contract.js';

/** A refused key is mended by people: ask seldom, yet so that the mended one heals everything. */
export const CREDENTIALS_RETRY_MS = 5 * 60_000;

/** "Available in 4 hours", says the provider of a PDF that it fetches back from its archive. */
export const DE_ARCHIVING_RETRY_MS = 4 * 60 * 60_000;

/** When something throttles us without saying for how long. */
const THROTTLED_RETRY_MS = 30_000;

type FailureTemplate = Pick<
  Parameters<typeof ApplicationFailure.create>[0],
  'type' | 'nonRetryable' | 'nextRetryDelay'
>;

const PROVIDER_FAILURES: Readonly<Record<ProviderErrorKind, FailureTemplate>> = {
  throttled: { type: FAILURE_TYPES.throttled, nextRetryDelay: THROTTLED_RETRY_MS },
  unavailable: { type: FAILURE_TYPES.unavailable },
  // A page of maintenance, mostly; where the provider changed its answers, the UI shows it.
  unreadable: { type: FAILURE_TYPES.unavailable },
  credentialsRefused: {
    type: FAILURE_TYPES.credentialsRefused,
    nextRetryDelay: CREDENTIALS_RETRY_MS,
  },
  refused: { type: FAILURE_TYPES.requestRefused, nonRetryable: true },
  // To repeat it could send a document twice: somebody has to look.
  ambiguous: { type: FAILURE_TYPES.requestRefused, nonRetryable: true },
};

/** A retryable failure of the given type; without a delay, the retry policy's own is used. */
export function retryable(
  type: FailureType,
  message: string,
  nextRetryDelayMs?: number,
): ApplicationFailure {
  const delay = nextRetryDelayMs === undefined ? {} : { nextRetryDelay: nextRetryDelayMs };
  return ApplicationFailure.create({ type, message, ...delay });
}

/** A failure that no retry mends, of the given type. */
export function permanent(
  type: FailureType,
  message: string,
  ...details: unknown[]
): ApplicationFailure {
  return ApplicationFailure.create({ type, message, nonRetryable: true, details });
}

function providerFailure(error: ProviderError): ApplicationFailure {
  const template = PROVIDER_FAILURES[error.kind];
  const { retryAfterMs } = error;
  return ApplicationFailure.create({
    ...template,
    message: error.message,
    ...(retryAfterMs !== undefined && !template.nonRetryable && { nextRetryDelay: retryAfterMs }),
  });
}

/** What nodemailer adds to an Error: its own code, and the server's answer. */
interface SmtpFields {
  readonly code?: unknown;
  readonly command?: unknown;
  readonly responseCode?: unknown;
}

/** Undefined for errors that nodemailer did not make. Its messages may quote addresses. */
function smtpFailure({ code, command, responseCode }: SmtpFields): ApplicationFailure | undefined {
  if (typeof command !== 'string' && typeof responseCode !== 'number') return undefined;
  const answer = typeof responseCode === 'number' ? ` with ${responseCode}` : '';
  const failed = `The mail server refused ${String(command)}${answer} (${String(code)}).`;
  if (code === 'EAUTH' || code === 'ENOAUTH' || code === 'EOAUTH2') {
    const message = `${failed} Check the credentials in NOTIFY_SMTP_URL.`;
    return retryable(FAILURE_TYPES.credentialsRefused, message, CREDENTIALS_RETRY_MS);
  }
  if (typeof responseCode === 'number' && responseCode >= 500) {
    const message = `${failed} Check NOTIFY_EMAIL_FROM and NOTIFY_EMAIL_TO.`;
    return permanent(FAILURE_TYPES.requestRefused, message);
  }
  return retryable(FAILURE_TYPES.unavailable, failed);
}

/**
 * The failure that tells Temporal what to do about an error: the provider's by kind, SMTP's by
 * code, those of network and disk (with a `code`) as `Unavailable`. ApplicationFailures pass
 * as they are. Anything else is a mistake in a program, retried under its own name until mended.
 */
export function toApplicationFailure(error: unknown): ApplicationFailure {
  if (error instanceof ApplicationFailure) return error;
  if (error instanceof ProviderError) return providerFailure(error);
  if (!(error instanceof Error)) return ApplicationFailure.fromError(error);
  const smtp = smtpFailure(error as SmtpFields);
  if (smtp !== undefined) return smtp;
  const { code } = error as NodeJS.ErrnoException;
  // A system error's code is upper-case letters; Node's own misuse errors begin with ERR_.
  if (typeof code === 'string' && /^E[A-Z0-9]+$/.test(code)) {
    return retryable(FAILURE_TYPES.unavailable, error.message);
  }
  return ApplicationFailure.fromError(error);
}

/**
 * Runs an activity's work and throws what Temporal understands: the cancellation when the activity
 * was cancelled, whatever the work made of it, else `toApplicationFailure` of the error.
 */
export async function withFailures<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { cancellationSignal } = Context.current();
    if (cancellationSignal.aborted) throw cancellationSignal.reason;
    throw toApplicationFailure(error);
  }
}

const GRPC_NOT_FOUND = 5;
const GRPC_PERMISSION_DENIED = 7;
/** Cancelled, as the server may see a deadline; deadline exceeded, exhausted, unavailable. */
const GRPC_BUSY = [1, 4, 8, 14];

function hasGrpcCode(error: unknown, ...codes: readonly number[]): boolean {
  return isGrpcServiceError(error) && codes.includes(error.code);
}

/** Temporal, or the worker that a query waits for, has more to do than it can: for now. */
export function isBusy(error: unknown): boolean {
  return error instanceof Error && (hasGrpcCode(error, ...GRPC_BUSY) || isBusy(error.cause));
}

/** Of a history, which the SDK's client gives unwrapped. */
export function isNotFound(error: unknown): boolean {
  return hasGrpcCode(error, GRPC_NOT_FOUND);
}

/** Of a call that the SDK's client gives unwrapped. */
export function isPermissionDenied(error: unknown): boolean {
  return hasGrpcCode(error, GRPC_PERMISSION_DENIED);
}
