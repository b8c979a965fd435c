/** The spool and what belongs to it, put together for a webhook. */
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { CallbackInbox } from './callback-inbox.js';
import type { Readiness } from './health.js';
import { CallbackSpool, type SpoolSettings } from './spool/callback-spool.js';
import { createSpoolCounters, showSpool } from './spool-metrics.js';
import { SpoolingInbox, type SpoolReport } from './spooling-inbox.js';

/** An inbox that takes callbacks whether or not Temporal does. */
export interface OutageSpool {
  readonly inbox: CallbackInbox;
  /** Whether callbacks can be made durable now, by Temporal or by the spool. */
  ready(): Promise<Readiness>;
  /** Ends what is under way; what waits stays for the next start. */
  close(): Promise<void>;
}

interface OutageSpoolOptions {
  readonly settings: SpoolSettings;
  /** Temporal's. */
  readonly inbox: CallbackInbox;
  /** Whether Temporal answers; told to a log or not. */
  readonly askTemporal: (logger: Pick<Logger, 'warn'>) => Promise<Readiness>;
  readonly logger: Logger;
  readonly registry: Registry;
}

/** Takes over what earlier processes left, then resolves. Never fails for the sake of a file. */
export async function openOutageSpool(options: OutageSpoolOptions): Promise<OutageSpool> {
  const { settings, inbox, askTemporal, logger, registry } = options;
  const counters = createSpoolCounters(registry);
  const spool = new CallbackSpool({ ...settings, logger, onDamage: counters.damaged });
  const answers = async (): Promise<boolean> => (await askTemporal(SILENT)).ok;
  const spooling = new SpoolingInbox({ inbox, spool, answers, logger, counters });
  showSpool(registry, () => spooling.report());
  await spooling.start();
  return {
    inbox: spooling,
    async ready() {
      const report = spooling.report();
      const asksTemporal = report.state === 'idle' || report.state === 'stranded';
      const temporal = asksTemporal ? await askTemporal(logger) : undefined;
      const problem = temporal?.ok === true ? undefined : await spool.problem();
      const reason = reasonFor(temporal, report, problem);
      return { ok: problem === undefined, ...(reason !== undefined && { reason }), spool: report };
    },
    close: () => spooling.close(),
  };
}

const SILENT: Pick<Logger, 'warn'> = { warn: () => undefined };

function reasonFor(
  temporal: Readiness | undefined,
  { state, strandedEntries }: SpoolReport,
  problem: string | undefined,
): string | undefined {
  const away =
    temporal?.reason ?? (state === 'holding' ? 'Temporal takes no callbacks' : undefined);
  const stranded =
    strandedEntries > 0 ? 'callbacks of a process that died cannot be taken over' : undefined;
  const reasons = [away, problem, stranded].filter((reason) => reason !== undefined);
  return reasons.length > 0 ? reasons.join('; ') : undefined;
}
