import { Context } from '@temporalio/activity';
import type { Subscription } from '../provider/notifications.js';
import type { ProviderClient } from '../provider/provider-client.js';
import { ProviderError } from '../provider/provider-error.js';
import { compareSubscriptions, maskedUrl } from '../provider/subscription-plan.js';
import type { SubscriptionPlan, WantedSubscriptions } from '../provider/subscription-plan.js';
import type { SubscriptionReport } from '../workflows/contract.js';

/** As often it is tried before a run goes on without; to repair is possible all the same. */
const HEAL_ATTEMPTS = 3;

/** Registers what is missing or inactive. Removes nothing. */
export async function healSubscriptions(
  provider: Pick<ProviderClient, 'listNotifications' | 'subscribe'>,
  wanted: WantedSubscriptions | undefined,
): Promise<SubscriptionReport> {
  const nothing = { created: [], inactive: [], duplicates: [], strangers: [] };
  if (!wanted) return nothing;
  const url = maskedUrl(wanted.url);
  const { plan, problem } = await planned(provider, wanted);
  if (!plan) return { ...nothing, url, problem };
  const created: string[] = [];
  const problems: string[] = [];
  for (const notify of [...plan.missing, ...plan.inactive]) {
    const refused = await subscribed(provider, { url: wanted.url, notify });
    if (refused === undefined) created.push(notify);
    else problems.push(`${notify}: ${refused}`);
  }
  const duplicates = created.length > 0 ? await duplicatesNow(provider, wanted) : undefined;
  return {
    url,
    created,
    inactive: plan.inactive,
    duplicates: (duplicates ?? plan.duplicates).map(({ notify }) => notify),
    strangers: plan.strangers.map((each) => `${each.notify} to ${maskedUrl(each.url)}`),
    ...(problems.length > 0 && { problem: problems.join('; ') }),
  };
}

/** A passing trouble is the activity's for a few attempts. What is created already is told of. */
async function planned(
  provider: Pick<ProviderClient, 'listNotifications'>,
  wanted: WantedSubscriptions,
): Promise<
  | { readonly plan: SubscriptionPlan; readonly problem?: never }
  | { readonly plan?: never; readonly problem: string }
> {
  try {
    return { plan: compareSubscriptions(wanted, await provider.listNotifications()) };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    const isPassing = error.kind === 'throttled' || error.kind === 'unavailable';
    if (isPassing && Context.current().info.attempt < HEAL_ATTEMPTS) throw error;
    return { problem: error.message };
  }
}

/**
 * Another run may have registered the same meanwhile: whoever registers last finds both.
 * @returns undefined where it cannot be looked at; the next run does
 */
async function duplicatesNow(
  provider: Pick<ProviderClient, 'listNotifications'>,
  wanted: WantedSubscriptions,
): Promise<SubscriptionPlan['duplicates'] | undefined> {
  try {
    return compareSubscriptions(wanted, await provider.listNotifications()).duplicates;
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return undefined;
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
