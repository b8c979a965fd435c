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
  let progress: ArchiveProgress = { phase: 'document', bytes: 0 };
  const beat = (): void => {
    context.heartbeat(progress);
  };
  const timer = setInterval(beat, beatMs(context.info.heartbeatTimeoutMs));
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

/**
 * Does the work of the current activity with a beat by the clock, three within its heartbeat
 * time-out: waiting for visibility, or for a turn at the provider, is no silence. Short work ends
 * before the first beat, which would cost as much as the activity itself.
 */
export async function withHeartbeat<Result>(
  work: (note: (details: unknown) => void) => Promise<Result>,
): Promise<Result> {
  const context = Context.current();
  let details: unknown;
  const timer = setInterval(() => {
    context.heartbeat(details);
  }, beatMs(context.info.heartbeatTimeoutMs));
  try {
    return await work((latest) => {
      details = latest;
    });
  } finally {
    clearInterval(timer);
  }
}

function beatMs(heartbeatTimeoutMs: number | undefined): number {
  return heartbeatTimeoutMs === undefined ? DEFAULT_INTERVAL_MS : Math.ceil(heartbeatTimeoutMs / 3);
}
