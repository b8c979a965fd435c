import { isAxiosError } from 'axios';
import { ProviderError, type ProviderErrorKind } from './provider-error.js';
import { reasonOf } from './error-reason.js';
import { parseRetryAfter } from './retry-after.js';

/** When the provider throttles without saying for how long. A sandbox counts calls per minute. */
export const DEFAULT_RETRY_AFTER_MS = 30_000;

/** What a call asks for. */
export interface Call {
  readonly method: 'GET' | 'POST';
  /** Below the API's base, beginning with a slash. */
  readonly path: string;
  /** Kept out of errors and logs. */
  readonly query?: Readonly<Record<string, string>> | undefined;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
  /**
   * Creates something and has no idempotency key: never repeated, and told apart if unclear.
   * `unlessAnswered`: only a call without any answer is unclear, one that was refused may be tried
   * again.
   */
  readonly once?: boolean | 'unlessAnswered';
}

/** Method and path: how errors and logs name a call. */
export function asked(call: Call): string {
  return `${call.method} ${call.path}`;
}

/** An answer's head and, in full, its body. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

function kindOfStatus(status: number, once: boolean): ProviderErrorKind {
  if (status === 429) return 'throttled';
  if (status === 401 || status === 403) return 'credentialsRefused';
  if (status >= 500 || status === 408 || status === 425) return once ? 'ambiguous' : 'unavailable';
  if (status >= 400) return 'refused';
  return once ? 'ambiguous' : 'unreadable';
}

/** How long a 429 or 503 asks to wait, in milliseconds. */
export function retryAfterOf(answer: Pick<Answer, 'status' | 'headers'>): number | undefined {
  const toldMs = parseRetryAfter(answer.headers['retry-after']);
  return answer.status === 429 ? (toldMs ?? DEFAULT_RETRY_AFTER_MS) : toldMs;
}

/** The error for an answer that is not the one hoped for. */
export function unexpectedAnswer(
  call: Call,
  answer: Answer,
  secrets: readonly string[],
): ProviderError {
  return new ProviderError({
    kind: kindOfStatus(answer.status, call.once === true),
    asked: asked(call),
    came: `was answered ${answer.status}`,
    status: answer.status,
    retryAfterMs: retryAfterOf(answer),
    reason: reasonOf(answer.body, secrets),
  });
}

/** The error for a good status with a body or header that cannot be understood. */
export function unreadableAnswer(call: Call, status: number, what: string): ProviderError {
  const kind = call.once === true ? 'ambiguous' : 'unreadable';
  return new ProviderError({
    kind,
    asked: asked(call),
    came: `was answered ${status}, ${what}`,
    status,
  });
}

/** Failures before the first byte was sent, by the system call or the TLS check that failed. */
function neverSent(error: unknown): boolean {
  const { cause, code = '' } = error as { cause?: { syscall?: string }; code?: string };
  if (['connect', 'getaddrinfo', 'queryA', 'queryAaaa'].includes(cause?.syscall ?? '')) return true;
  return /CERT|SELF_SIGNED|UNABLE_TO_|^ERR_TLS_|^EPROTO$|^ERR_INVALID_/.test(code);
}

function cameInstead(error: unknown, timeoutMs: number): string {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  if (/^(ETIMEDOUT|ECONNABORTED|ERR_CANCELED)$/.test(code)) {
    return `got no full answer within ${timeoutMs} ms`;
  }
  return `failed (${code === '' ? message : code})`;
}

/** The error for a call that got no answer, or only half of one. Keeps nothing of axios's error. */
export function transportError(call: Call, error: unknown, timeoutMs: number): unknown {
  const unclear = Boolean(call.once) && !neverSent(error);
  if (call.signal?.aborted === true && !unclear) return call.signal.reason;
  if (!isAxiosError(error) && !(error instanceof Error)) return error;
  const tooLarge = error.message.includes('maxContentLength');
  const kind = unclear ? 'ambiguous' : tooLarge ? 'unreadable' : 'unavailable';
  const came = tooLarge ? 'was answered with more than it may' : cameInstead(error, timeoutMs);
  return new ProviderError({ kind, asked: asked(call), came });
}
