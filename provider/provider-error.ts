/**
 * Why a call failed, as far as the caller's next step goes: wait (`throttled`, `unavailable`),
 * mend the key (`credentialsRefused`), mend the request (`refused`), look whether it happened
 * (`ambiguous`), or look at what came (`unreadable`).
 */
export type ProviderErrorKind =
  'throttled' | 'unavailable' | 'credentialsRefused' | 'refused' | 'ambiguous' | 'unreadable';

const ADVICE: Readonly<Record<ProviderErrorKind, string>> = {
  throttled: 'Ask again later.',
  unavailable: 'Ask again later.',
  credentialsRefused: 'Check LEGALESIGN_API_KEY and what its owner may see.',
  refused: 'The request cannot succeed as it is.',
  ambiguous: 'It may have been carried out: look at the provider before it is repeated.',
  unreadable: 'Check LEGALESIGN_API_URL, or whether the provider changed its answers.',
};

/** What a ProviderError is made of. */
export interface ProviderErrorOptions {
  readonly kind: ProviderErrorKind;
  /** Method and path. Never a query, a body or a header. */
  readonly asked: string;
  /** What came instead of the answer, as the second half of a sentence. */
  readonly came: string;
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  /** The provider's own words, already through `reasonOf`. */
  readonly reason?: string | undefined;
}

/** A call to the provider that failed. Carries no credentials and no e-mail address. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
  readonly kind: ProviderErrorKind;
  /** The HTTP status, where there was one. */
  readonly status: number | undefined;
  /** How long the provider asked to wait, in milliseconds, where it did. */
  readonly retryAfterMs: number | undefined;
  /** The provider's own reason: one line of bounded length, empty where it gave none. */
  readonly reason: string;

  constructor(options: ProviderErrorOptions) {
    const { kind, asked, came, status, retryAfterMs, reason = '' } = options;
    const words = reason === '' ? came : `${came}: ${reason}`;
    super(`${asked} ${words.replace(/[.:\s]+$/, '')}. ${ADVICE[kind]}`);
    this.kind = kind;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
    this.reason = reason;
  }
}
