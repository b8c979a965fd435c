import type { Subscription } from '../provider/notifications.js';
import type { ProviderClient } from '../provider/provider-client.js';
import { ProviderError } from '../provider/provider-error.js';
import { compareSubscriptions, maskedUrl } from '../provider/subscription-plan.js';
import type { WantedSubscriptions } from '../provider/subscription-plan.js';
import type { SubscriptionReport } from '../workflows/contract.js';

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
