/** Whether callbacks can be made durable now, and if not, why. */
export interface Readiness {
  readonly ok: boolean;
  readonly reason?: string;
}

/** Probes come from several sides at once; one question a second is enough for all. */
const REMEMBERED_MS = 1000;

/** Asks at most once a second, and answers every question in between with the same. */
export function rememberReadiness(
  ready: () => Promise<Readiness>,
  now: () => number,
): () => Promise<Readiness> {
  let latest: Promise<Readiness> | undefined;
  let askedAtMs = 0;
  return () => {
    if (latest === undefined || Math.abs(now() - askedAtMs) >= REMEMBERED_MS) {
      askedAtMs = now();
      latest = ready().catch((error: unknown) => ({
        ok: false,
        reason: error instanceof Error ? error.message : 'the check failed',
      }));
    }
    return latest;
  };
}
