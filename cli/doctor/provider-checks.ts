import { formatDuration } from '../../configuration/duration.js';
import type { ProviderClient } from '../../provider/provider-client.js';
import { ProviderError } from '../../provider/provider-error.js';
import { compareSubscriptions, maskedUrl } from '../../provider/subscription-plan.js';
import type { WantedSubscriptions } from '../../provider/subscription-plan.js';
import { ok, problem, skipped, warning, type Check, type Verdict } from './check.js';

/** Beyond this, times in callbacks and ours no longer fit together well. */
const SKEW_NOTABLE_MS = 30_000;

/** Standard Webhooks' tolerance: receivers refuse our announcements from here on. */
const SKEW_MAX_MS = 5 * 60_000;

/** Whether the provider answers and takes our key. */
export function providerCheck(provider: ProviderClient, apiUrl: string): Check {
  return {
    name: 'provider',
    run: async (signal) => {
      try {
        await provider.listNotifications({ signal });
        return ok(`${apiUrl} takes the key`);
      } catch (error) {
        if (!(error instanceof ProviderError)) throw error;
        return problem(error.message, todoOf(error));
      }
    },
  };
}

function todoOf({ kind }: ProviderError): string {
  switch (kind) {
    case 'credentialsRefused':
      return 'Set LEGALESIGN_API_KEY (and LEGALESIGN_ORGANISATION for ak_ keys) anew.';
    case 'throttled':
      return 'Wait a minute, and set LEGALESIGN_CALLS_PER_MINUTE.';
    default:
      return 'Check LEGALESIGN_API_URL, the network and proxies.';
  }
}

/** How far the provider's clock is from this machine's. */
export function clockCheck(provider: ProviderClient): Check {
  return {
    name: "provider's clock",
    needs: ['provider'],
    run: async (signal) => {
      const askedMs = Date.now();
      const query = { kind: 'cache', limit: 1, offset: 0 } as const;
      const page = await provider.listDocuments(query, { signal });
      if (page?.providerTime === undefined) return skipped('its answer tells no time');
      // A `Date` header has whole seconds: on average half of one is lost.
      const meantMs = Date.parse(page.providerTime) + 500;
      return clockVerdict(meantMs - (askedMs + Date.now()) / 2);
    },
  };
}

/** @param skewMs how far the provider is ahead. Pure. */
export function clockVerdict(skewMs: number): Verdict {
  const bySeconds = formatDuration(Math.max(1, Math.round(Math.abs(skewMs) / 1000)) * 1000);
  const found = `${bySeconds} ${skewMs > 0 ? 'ahead of' : 'behind'} this machine's`;
  const todo = 'Synchronise this machine with NTP (timedatectl); else ask the provider.';
  if (Math.abs(skewMs) >= SKEW_MAX_MS) return problem(found, todo);
  return Math.abs(skewMs) >= SKEW_NOTABLE_MS ? warning(found, todo) : ok(found);
}

/** Whether the provider calls us, for all that it should. */
export function subscriptionsCheck(
  provider: ProviderClient,
  wanted: WantedSubscriptions | undefined,
): Check {
  return {
    name: 'subscriptions',
    needs: ['provider'],
    run: async (signal) => {
      if (wanted === undefined) return skipped('WEBHOOK_PUBLIC_URL is not set');
      const plan = compareSubscriptions(wanted, await provider.listNotifications({ signal }));
      const url = maskedUrl(wanted.url);
      const lacking = [
        ...plan.missing.map((kind) => `${kind} is not registered`),
        ...plan.inactive.map((kind) => `${kind} is inactive`),
      ];
      if (lacking.length > 0) {
        return problem(
          `for ${url}: ${lacking.join(', ')}`,
          'countersign reconcile registers them again; see why the provider gave up on the URL.',
        );
      }
      if (plan.duplicates.length > 0) {
        const kinds = plan.duplicates.map(({ notify }) => notify).join(', ');
        return warning(
          `for ${url}: ${kinds} more than once`,
          'Remove the surplus at the provider.',
        );
      }
      return ok(`${wanted.kinds.join(', ')} to ${url}`);
    },
  };
}
