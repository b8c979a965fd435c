import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Acknowledgement } from './callback-intake.js';
import type { RefusalReason } from './errors.js';
import type { VerifiedCallback } from './verify-callback.js';

/** What the webhook counts, in a registry of its own. */
export interface WebhookMetrics {
  readonly registry: Registry;
  /** A callback was answered 200. */
  acknowledged(format: VerifiedCallback['format'], acknowledgement: Acknowledgement): void;
  /** A request was refused. */
  refused(reason: RefusalReason): void;
  /** So many callbacks have shared one write. */
  readonly grouped: (callbacks: number) => void;
  /** A callback arrives; the returned function is called when it is answered. */
  began(): () => void;
  /** Measures what is done between a body's arrival and its answer. */
  timed<Result>(work: () => Promise<Result>): Promise<Result>;
}

/** Metrics of one app. `processMetrics` adds Node's own (CPU, memory, event loop). */
export function createMetrics(options: { readonly processMetrics?: boolean } = {}): WebhookMetrics {
  const registry = new Registry();
  if (options.processMetrics === true) collectDefaultMetrics({ register: registry });
  const { callbacks, refusals, entries, groups, seconds, inFlight } = createInstruments(registry);
  return {
    registry,
    acknowledged(format, { result, changes, unknownStatuses, setAside }) {
      callbacks.inc({ format, result });
      entries.inc({ kind: 'change' }, changes);
      entries.inc({ kind: 'unknownStatus' }, unknownStatuses);
      entries.inc({ kind: 'setAside' }, setAside);
    },
    refused(reason) {
      refusals.inc({ reason });
    },
    grouped(callbacks) {
      groups.observe(callbacks);
    },
    began() {
      inFlight.inc();
      return () => {
        inFlight.dec();
      };
    },
    timed(work) {
      const observe = seconds.startTimer();
      return work().finally(observe);
    },
  };
}

/** From a repetition's fraction of a millisecond to the deadline of several writes. */
const BUCKETS_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

function createInstruments(registry: Registry) {
  const registers = [registry];
  return {
    callbacks: new Counter({
      name: 'countersign_callbacks_total',
      help: 'Callbacks answered 200, by format and what became of them.',
      labelNames: ['format', 'result'] as const,
      registers,
    }),
    refusals: new Counter({
      name: 'countersign_callbacks_refused_total',
      help: 'Requests refused, by reason.',
      labelNames: ['reason'] as const,
      registers,
    }),
    entries: new Counter({
      name: 'countersign_callback_entries_total',
      help: 'Status changes taken, those of them with an unknown status, and entries set aside.',
      labelNames: ['kind'] as const,
      registers,
    }),
    groups: new Histogram({
      name: 'countersign_callback_group_size',
      help: 'Callbacks that shared one write because they came while others were being written.',
      buckets: [2, 5, 10, 25, 50, 100, 250, 500, 1000],
      registers,
    }),
    seconds: new Histogram({
      name: 'countersign_callback_seconds',
      help: "Time from the arrival of a callback's whole body to its answer.",
      buckets: BUCKETS_SECONDS,
      registers,
    }),
    inFlight: new Gauge({
      name: 'countersign_callbacks_in_flight',
      help: 'Callbacks that arrive or are being taken now.',
      registers,
    }),
  };
}
