import { Counter, Gauge, type Registry } from 'prom-client';
import type { StoreResult } from './callback-inbox.js';
import type { SpoolReport } from './spooling-inbox.js';

/** What is counted of the spool. */
export interface SpoolCounters {
  /** Temporal took a callback that had waited. */
  handedOver(result: StoreResult): void;
  /** A callback was set apart because Temporal refused it alone. */
  failed(): void;
  /** A stretch of a file is no record of ours. */
  readonly damaged: () => void;
  /** A callback could not be spooled, and was answered 503. */
  refused(reason: 'full' | 'unwritable'): void;
}

/** Counters in a registry. */
export function createSpoolCounters(registry: Registry): SpoolCounters {
  const registers = [registry];
  const handedOver = new Counter({
    name: 'countersign_spool_handed_over_total',
    help: 'Callbacks that had waited in the spool and were taken by Temporal, by its answer.',
    labelNames: ['result'] as const,
    registers,
  });
  const failed = new Counter({
    name: 'countersign_spool_failed_total',
    help: 'Callbacks that Temporal refused one by one: set apart, to be tried again later.',
    registers,
  });
  const damaged = new Counter({
    name: 'countersign_spool_damaged_total',
    help: 'Stretches of spool files that are no record of ours: never handed over.',
    registers,
  });
  const refused = new Counter({
    name: 'countersign_spool_refused_total',
    help: 'Callbacks that the spool could not take, by reason: answered 503.',
    labelNames: ['reason'] as const,
    registers,
  });
  return {
    handedOver: (result) => {
      handedOver.inc({ result });
    },
    failed: () => {
      failed.inc();
    },
    damaged: () => {
      damaged.inc();
    },
    refused: (reason) => {
      refused.inc({ reason });
    },
  };
}

const GAUGES: readonly [name: string, help: string, read: (report: SpoolReport) => number][] = [
  ['entries', 'Callbacks that wait.', ({ entries }) => entries],
  ['bytes', 'Bytes of the files in which callbacks wait.', ({ bytes }) => bytes],
  ['limit_bytes', 'Bytes that these files may have.', ({ limitBytes }) => limitBytes],
  ['oldest_seconds', 'How long the first has waited.', ({ oldestSeconds }) => oldestSeconds],
  ['failed_entries', 'Callbacks set apart.', ({ failedEntries }) => failedEntries],
  [
    'stranded_entries',
    'Callbacks that a dead process left and that cannot be taken over.',
    ({ strandedEntries }) => strandedEntries,
  ],
  [
    'in_use',
    'Whether new callbacks go to the spool.',
    ({ state }) => (state === 'holding' || state === 'handingOver' ? 1 : 0),
  ],
];

/** Shows in a registry how much waits. */
export function showSpool(registry: Registry, report: () => SpoolReport): void {
  for (const [name, help, read] of GAUGES) {
    new Gauge({
      name: `countersign_spool_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(read(report()));
      },
    });
  }
}
