/** What a run of `cluster` comes to. Pure. */
import type { FailureCounts } from '../failure-tally.js';
import type { MachineDescription } from '../machine.js';
import type { Acknowledgement } from '../report.js';

/** What a run is told. */
export interface ClusterSettings {
  /** Of each phase. */
  readonly documents: number;
  readonly signers: number;
  readonly seed: number;
  /** Phases with one worker, two, and so on. */
  readonly workers: number;
  readonly webhooks: number;
  /** Temporal's history shards. */
  readonly shards: number;
}

/** One process during one phase. */
export interface ProcessUse {
  readonly process: string;
  readonly cpuMsPerDocument: number;
  /** Of one core. */
  readonly share: number;
  readonly rssMiB: number;
}

/** Documents with a number of workers. */
export interface Phase {
  readonly workers: number;
  readonly documents: number;
  readonly documentsPerS: number;
  /** How much of all cores anybody used, this run or not; 1 is all. */
  readonly machineBusy: number;
  readonly processes: readonly ProcessUse[];
  readonly bottleneck: string;
}

/** Every worker and webhook replaced, one after the other, while documents are signed. */
export interface RollingRestart {
  readonly documents: number;
  readonly restarts: number;
  readonly restartMs: readonly number[];
  /** Callbacks that the balancer had to hand to another webhook. */
  readonly passedOn: number;
}

/** Callbacks withheld, then one reconciliation, then another. */
export interface ReconciliationPhase {
  readonly documents: number;
  /** As the sandbox counts what it never told. */
  readonly lostChanges: number;
  /** As the reconciliation counts it. */
  readonly missedChanges: number;
  readonly durationMs: number;
  /** Of a second run. */
  readonly missedChangesAfter: number;
}

/** One callback larger than a payload may be. */
export interface LargeBatch {
  readonly entries: number;
  /** Of the callback's body. */
  readonly bytes: number;
  /** Workflows that took it. */
  readonly parts: number;
  readonly acknowledgedMs: number;
}

/** One of PostgreSQL's tables, with its indexes. */
export interface TableSize {
  readonly database: string;
  readonly table: string;
  readonly rows: number;
  readonly bytes: number;
  readonly bytesPerDocument: number;
  /** After VACUUM FULL: what the rows alone need. */
  readonly compactBytesPerDocument: number;
}

/** Histories of one Workflow Type. */
export interface HistorySize {
  readonly workflow: string;
  readonly runs: number;
  readonly perDocument: { readonly runs: number; readonly events: number; readonly bytes: number };
}

/** The report of one run. */
export interface ClusterResult {
  readonly benchmark: 'cluster';
  readonly settings: ClusterSettings;
  readonly machine: MachineDescription;
  readonly servers: { readonly temporal: string; readonly store: string };
  readonly failures: FailureCounts & {
    readonly total: number;
    readonly examples: readonly string[];
  };
  readonly phases: readonly Phase[];
  readonly rollingRestart: RollingRestart;
  readonly reconciliation: ReconciliationPhase;
  readonly largeBatch: LargeBatch;
  readonly acknowledgement: Acknowledgement;
  readonly documents: number;
  readonly actionsPerDocument: number;
  readonly histories: readonly HistorySize[];
  readonly tables: readonly TableSize[];
}

/** From here on more load finds no core. */
const BUSY = 0.9;

/** In a sentence, what keeps a phase from being faster, as far as CPU time tells it. */
export function bottleneckOf(
  machineBusy: number,
  processes: readonly Pick<ProcessUse, 'process' | 'share'>[],
  cores: number,
): string {
  const greatest = processes.toSorted((a, b) => b.share - a.share)[0];
  if (!greatest) return 'unknown';
  const percent = (share: number): string => `${Math.round(share * 100)} %`;
  const ours = processes.reduce((sum, { share }) => sum + share, 0) / cores;
  if (machineBusy >= BUSY) {
    const others = machineBusy - ours > 0.1 ? `, others take ${percent(machineBusy - ours)}` : '';
    return `the machine's ${cores} cores; most for ${greatest.process}: ${percent(greatest.share / cores)}${others}`;
  }
  if (greatest.share >= BUSY) return `one core, by ${greatest.process}`;
  return `waiting (disk, round trips): only ${percent(machineBusy)} of the cores are busy`;
}
