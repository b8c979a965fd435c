import type { Settings } from '../configuration/settings.js';
import { groupSlugOf } from '../provider/resource-uri.js';
import { readWantedSubscriptions } from '../provider/subscription-plan.js';
import type { ReconciliationSettings } from '../activities/index.js';
import { ADOPTION_MODES } from '../workflows/contract.js';
import type { AdoptionMode, ReconciliationPolicy } from '../workflows/contract.js';

/** When the Schedule starts runs. */
export interface ScheduleSettings {
  /** A cron expression; undefined: no Schedule of ours. */
  readonly cron: string | undefined;
  /** An IANA name. */
  readonly timeZone: string;
  /** Runs begin up to so much later, so that not everybody asks the provider on the hour; in ms. */
  readonly jitterMs: number;
  /** A run that could not begin is made up for within this time, in ms. */
  readonly catchUpMs: number;
}

/** Reads `RECONCILE_…`; problems are told to `settings`. */
export function readReconciliationSettings(settings: Settings): ReconciliationSettings {
  return {
    policy: readPolicy(settings),
    subscriptions: readWantedSubscriptions(settings),
    // A day and what a night's run may be late.
    maxAgeMs: settings.durationMs('RECONCILE_MAX_AGE', '26h'),
  };
}

function readPolicy(settings: Settings): ReconciliationSettings['policy'] {
  return {
    listing: settings.oneOf('RECONCILE_LISTING', ['auto', 'cache', 'groups'], 'auto'),
    groups: settings
      .list('RECONCILE_GROUPS')
      .flatMap((group) => readGroup(settings, 'RECONCILE_GROUPS', group)),
    adoption: readAdoption(settings),
    pageSize: settings.wholeNumber('RECONCILE_PAGE_SIZE', 500, { min: 20, max: 1000 }),
    patienceMs: settings.durationMs('RECONCILE_PATIENCE', '20m'),
    graceMs:
      settings.text('RECONCILE_GRACE') === '0' ? 0 : settings.durationMs('RECONCILE_GRACE', '15m'),
    alarm: {
      share: readShare(settings, 'RECONCILE_ALARM_SHARE', 0.01),
      changes: settings.wholeNumber('RECONCILE_ALARM_CHANGES', 100, { min: 0, max: 1e9 }),
    },
  };
}

function readGroup(settings: Settings, name: string, group: string): string[] {
  const slug = groupSlugOf(group);
  if (slug !== undefined) return [slug];
  settings.problem(`${name} holds what is no group's slug: ${group}`);
  return [];
}

/** `adopt`, or `adopt,sales=report,test=ignore`. */
function readAdoption(settings: Settings): ReconciliationPolicy['adoption'] {
  const byGroup: Record<string, AdoptionMode> = Object.create(null) as Record<string, AdoptionMode>;
  let otherwise: AdoptionMode = 'adopt';
  for (const item of settings.list('RECONCILE_ADOPT')) {
    const [word = '', group] = item.split('=').reverse();
    const mode = ADOPTION_MODES.find((each) => each === word);
    if (mode === undefined) {
      settings.problem(`RECONCILE_ADOPT is none of ${ADOPTION_MODES.join(', ')}: ${item}`);
    } else if (group === undefined) otherwise = mode;
    else for (const slug of readGroup(settings, 'RECONCILE_ADOPT', group)) byGroup[slug] = mode;
  }
  return { otherwise, byGroup: { ...byGroup } };
}

function readShare(settings: Settings, name: string, otherwise: number): number {
  const text = settings.text(name);
  if (text === undefined) return otherwise;
  const share = /^\d{1,3}(\.\d+)?\s*%$/.test(text) ? Number.parseFloat(text) / 100 : Number(text);
  if (share >= 0 && share <= 1) return share;
  settings.problem(`${name} is no share such as 1% or 0.01: ${text}`);
  return otherwise;
}

/** Reads when runs begin. */
export function readScheduleSettings(settings: Settings): ScheduleSettings {
  const cron = settings.text('RECONCILE_CRON') ?? '0 2 * * *';
  const timeZone = settings.timeZone('RECONCILE_TIME_ZONE', 'UTC');
  if (cron !== 'off' && cron.split(/\s+/).length !== 5) {
    settings.problem(`RECONCILE_CRON is neither off nor five fields such as 0 2 * * *: ${cron}`);
  }
  return {
    cron: cron === 'off' ? undefined : cron,
    timeZone,
    jitterMs: settings.durationMs('RECONCILE_JITTER', '10m'),
    catchUpMs: settings.durationMs('RECONCILE_CATCH_UP', '1d'),
  };
}
