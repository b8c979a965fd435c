import type { Notification, NotifyWord, Subscription } from '../provider/notifications.js';
import type { ProviderClient } from '../provider/provider-client.js';
import { ProviderError } from '../provider/provider-error.js';
import type { SubscriptionReport } from '../workflows/contract.js';

/** The callbacks that should be registered at the provider. */
export interface WantedSubscriptions {
  readonly url: string;
  readonly kinds: readonly NotifyWord[];
}

/** What is registered beside what should be. */
export interface SubscriptionPlan {
  readonly missing: readonly NotifyWord[];
  readonly inactive: readonly NotifyWord[];
  readonly duplicates: readonly Notification[];
  readonly strangers: readonly Notification[];
}

/** Compares what is registered with what should be. A narrowed one does not stand for the whole. */
export function compareSubscriptions(
  { url, kinds }: WantedSubscriptions,
  registered: readonly Notification[],
): SubscriptionPlan {
  const ours = registered.filter((each) => each.url === url);
  const isWhole = (each: Notification): boolean =>
    each.groupId === undefined && each.eventFilter === undefined;
  const of = (kind: NotifyWord): Notification[] =>
    ours.filter((each) => each.notify === kind && isWhole(each));
  const isActive = (kind: NotifyWord): boolean => of(kind).some(({ active }) => active);
  return {
    missing: kinds.filter((kind) => of(kind).length === 0),
    inactive: kinds.filter((kind) => of(kind).length > 0 && !isActive(kind)),
    duplicates: kinds.flatMap((kind) =>
      of(kind)
        .filter(({ active }) => active)
        .slice(1),
    ),
    strangers: registered.filter((each) => each.url !== url),
  };
}

/** Registers what is missing or inactive. Removes nothing. */
export async function healSubscriptions(
  provider: Pick<ProviderClient, 'listNotifications' | 'subscribe'>,
  wanted: WantedSubscriptions | undefined,
): Promise<SubscriptionReport> {
  const nothing = { created: [], inactive: [], duplicates: [], strangers: [] };
  if (!wanted) return nothing;
  const url = maskedUrl(wanted.url);
  const created: string[] = [];
  try {
    const plan = compareSubscriptions(wanted, await provider.listNotifications());
    const report = {
      url,
      created,
      inactive: plan.inactive,
      duplicates: plan.duplicates.map(({ notify }) => notify),
      strangers: plan.strangers.map((each) => `${each.notify} to ${maskedUrl(each.url)}`),
    };
    for (const notify of [...plan.missing, ...plan.inactive]) {
      const problem = await subscribed(provider, { url: wanted.url, notify });
      if (problem !== undefined) return { ...report, problem: `${notify}: ${problem}` };
      created.push(notify);
    }
    return report;
  } catch (error) {
    // Reported: to repair what was missed is possible all the same.
    if (!(error instanceof ProviderError)) throw error;
    return { ...nothing, url, created, problem: error.message };
  }
}

/** @returns why it was refused */
async function subscribed(
  provider: Pick<ProviderClient, 'subscribe'>,
  subscription: Subscription,
): Promise<string | undefined> {
  try {
    await provider.subscribe(subscription);
    return undefined;
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return error.message;
  }
}

/** Without what may be a secret: a token in its path, a query, credentials. */
export function maskedUrl(url: string): string {
  if (!URL.canParse(url)) return 'a URL that is none';
  const { origin, pathname } = new URL(url);
  const path = pathname.replace(/^((?:\/[^/]{1,15})*)\/[^/]{16,}.*$/, '$1/…');
  return `${origin}${path}`;
}
