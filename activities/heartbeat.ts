import { Context } from '@temporalio/activity';

/** Without a heartbeat time-out nobody misses a beat, but cancellation arrives with one. */
const DEFAULT_INTERVAL_MS = 10_000;

/** What an archiving activity tells about itself: Temporal's UI shows the last one. */
export interface ArchiveProgress {
  readonly phase: 'document' | 'auditLog' | 'commit';
  readonly bytes: number;
}

/** Beats by the clock, so that waiting (for a turn at the provider, say) is no silence. */
export interface Heartbeat {
  /** Remembers progress for the next beat. */
  note(phase: ArchiveProgress['phase'], bytes: number): void;
  /** Remembers progress and beats now. */
  report(phase: ArchiveProgress['phase'], bytes: number): void;
  stop(): void;
}

/** Starts beating for the current activity, three times within its heartbeat time-out. */
export function startHeartbeat(): Heartbeat {
  const context = Context.current();
  const { heartbeatTimeoutMs } = context.info;
  const intervalMs =
    heartbeatTimeoutMs === undefined ? DEFAULT_INTERVAL_MS : Math.ceil(heartbeatTimeoutMs / 3);
  let progress: ArchiveProgress = { phase: 'document', bytes: 0 };
  const beat = (): void => {
    context.heartbeat(progress);
  };
  const timer = setInterval(beat, intervalMs);
  return {
    note(phase, bytes) {
      progress = { phase, bytes };
    },
    report(phase, bytes) {
      progress = { phase, bytes };
      beat();
    },
    stop() {
      clearInterval(timer);
    },
  };
}
