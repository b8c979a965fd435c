/** What must not happen to any document, announcement or callback. */
export const FAILURE_KINDS = [
  'documentNotCreated',
  'workflowNotClosed',
  'workflowReopened',
  'outcomeNotCompleted',
  'pdfDiffers',
  'auditLogMissing',
  'receiptMissing',
  'announcementNotOnce',
  'announcementUnverified',
  'callbackNotAnswered200',
  'entrySetAside',
  'entryLost',
  'reconciliationDiffers',
] as const;
export type FailureKind = (typeof FAILURE_KINDS)[number];

/** Failures by kind; all kinds are there. */
export type FailureCounts = Readonly<Record<FailureKind, number>>;

const EXAMPLES_MAX = 20;

/** Counts failures and keeps the first few to look at. */
export class FailureTally {
  readonly #counts = new Map<FailureKind, number>();
  readonly #examples: string[] = [];

  /** @param what which one, and why; for people */
  note(kind: FailureKind, what: string, count = 1): void {
    if (count <= 0) return;
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + count);
    if (this.#examples.length < EXAMPLES_MAX) this.#examples.push(`${kind}: ${what}`);
  }

  get counts(): FailureCounts {
    const counts = FAILURE_KINDS.map((kind) => [kind, this.#counts.get(kind) ?? 0]);
    return Object.fromEntries(counts) as FailureCounts;
  }

  get total(): number {
    return [...this.#counts.values()].reduce((total, count) => total + count, 0);
  }

  get examples(): readonly string[] {
    return this.#examples;
  }
}
