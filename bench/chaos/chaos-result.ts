/** What a fault run is told, and what it comes to. Pure. */
import type { ReconciliationReport } from '../../client/index.js';
import type { ChaosStage } from './chaos-stage.js';
import type { PlannedOutage } from './fault-plan.js';
import type { SigningDay } from './signing-day.js';

/** What a run is told. */
export interface ChaosSettings {
  readonly documents: number;
  readonly seed: number;
  readonly minutes: number;
}

/** What a run comes to. */
export interface ChaosResult {
  readonly benchmark: 'chaos';
  readonly settings: ChaosSettings;
  readonly machine: { readonly node: string; readonly cores: number };
  readonly documents: number;
  readonly lost: number;
  readonly wrong: number;
  readonly doubled: number;
  readonly forgedAccepted: number;
  readonly leakedHandles: number;
  /** Processes that ended without being killed. */
  readonly crashed: number;
  readonly unexpectedFailures: number;
  /** From the end of the faults until all records agree; undefined: they never did. */
  readonly recoveryMs: number | undefined;
  /** Of the second reconciliation, which should find nothing. */
  readonly repairedBySecondRun: number;
  readonly examples: readonly string[];
  readonly outages: readonly PlannedOutage[];
  readonly kills: Readonly<Record<string, number>>;
  /** Processes that ended before they worked, and were started again: each with its last words. */
  readonly refusedStarts: readonly string[];
  readonly callbacks: ReturnType<ChaosStage['sandbox']['callbackCounters']>;
  /** Genuine callbacks by what they were answered; `none`: the connection broke. */
  readonly answers: Readonly<Record<string, number>>;
  readonly day: SigningDay;
  /** The first one's figures, and how many it took until one left nothing out. */
  readonly reconciliation: Pick<ReconciliationReport, 'documents' | 'missedChanges' | 'counts'> & {
    readonly runs: number;
  };
  /** Announcements taken again under a key that the receiver knew: a sender died after sending. */
  readonly repeatedUnderSameKey: Readonly<Record<string, number>>;
  readonly refusedByReceivers: Readonly<Record<string, number>>;
  /** What could not be done here. */
  readonly notTried: readonly string[];
}

/** Everything that the run is expected to leave at zero. */
export function failuresOf(result: ChaosResult): number {
  const { lost, wrong, doubled, forgedAccepted, leakedHandles, unexpectedFailures } = result;
  const found = lost + wrong + doubled + forgedAccepted + leakedHandles + unexpectedFailures;
  return found + result.crashed + result.repairedBySecondRun;
}
