/** What the sandbox is where nobody tells it otherwise, started alone or by another process. */
export const SANDBOX_DEFAULTS = {
  host: '127.0.0.1',
  /** The provider's own six minutes would hide what there is to see. */
  batchIntervalMs: 5000,
  finalPdfDelayMs: 500,
  /** Of the faults' random numbers. */
  seed: 1,
} as const;
