import { Settings } from '../../configuration/settings.js';
import type { Notification } from '../../provider/notifications.js';
import { NOTIFY_WORDS } from '../../provider/notify-words.js';
import type { NotifyWord } from '../../provider/notify-words.js';
import type { ProviderClient } from '../../provider/provider-client.js';
import {
  compareSubscriptions,
  maskedUrl,
  readWantedSubscriptions,
} from '../../provider/subscription-plan.js';
import type { SubscriptionPlan } from '../../provider/subscription-plan.js';
import { EXIT_CODES } from '../command.js';
import type { Action, CommandCall } from '../command.js';
import { UsageError } from '../failures.js';
import { withProvider } from '../provider-connection.js';
import { tableLines } from '../table.js';
import type { Column } from '../table.js';
import { plainLine } from '../terminal.js';

/** Registers a URL for callbacks. */
export const subscribe: Action = {
  name: 'subscribe',
  summary: 'registers a URL at the provider for callbacks',
  usage: '<url>',
  options: {
    notify: {
      type: 'string',
      value: '<kind>',
      values: NOTIFY_WORDS,
      multiple: true,
      help: 'what it is called for; all unless told',
    },
    group: { type: 'string', value: '<slug>', help: 'of this group alone' },
    'event-filter': { type: 'string', value: '<filter>', help: 'of realtime, e.g. recipient.*' },
  },
  json: '{"url", "notify": [kind]}',
  example: 'countersign subscribe https://sign.example.com/callbacks/legalesign --notify realtime',
  run: (call) => withProvider(call, (provider) => register(call, provider)),
};

async function register(call: CommandCall, provider: ProviderClient): Promise<number> {
  const { values, positionals, terminal, json } = call;
  const url = checkedUrl(positionals[0] ?? '');
  const words = values.texts('notify');
  const kinds = NOTIFY_WORDS.filter((word) => words.includes(word));
  const [group, eventFilter] = [values.text('group'), values.text('event-filter')];
  const notify: readonly NotifyWord[] = kinds.length === 0 ? ['all'] : kinds;
  for (const each of notify) {
    await provider.subscribe({
      ...{ url, notify: each },
      ...(group === undefined ? {} : { group }),
      ...(eventFilter === undefined ? {} : { eventFilter }),
    });
    if (!json) terminal.print(`${each} goes to ${maskedUrl(url)}`);
  }
  if (json) terminal.print(JSON.stringify({ url, notify }));
  return EXIT_CODES.ok;
}

function checkedUrl(url: string): string {
  if (/^https?:\/\//.test(url) && URL.canParse(url)) return url;
  throw new UsageError(`not an http:// or https:// URL: ${url}`);
}

/** Removes a URL. */
export const unsubscribe: Action = {
  name: 'unsubscribe',
  summary: 'removes a URL from the provider’s callbacks, of every kind',
  usage: '<url>',
  options: {},
  json: '{"url", "removed": count}',
  example: 'countersign unsubscribe https://sign.example.com/callbacks/legalesign',
  run: (call) =>
    withProvider(call, async (provider) => {
      const { positionals, terminal, json } = call;
      const [url = ''] = positionals;
      const removed = (await provider.listNotifications()).filter((each) => each.url === url);
      if (removed.length > 0) await provider.unsubscribe(url);
      if (json) terminal.print(JSON.stringify({ url, removed: removed.length }));
      else if (removed.length === 0) {
        terminal.note('this very URL is not registered; see countersign subscriptions --full');
      } else
        terminal.print(plainLine(`removed: ${removed.map(({ notify }) => notify).join(', ')}`));
      return removed.length > 0 ? EXIT_CODES.ok : EXIT_CODES.failed;
    }),
};

type Mark = 'ok' | 'missing' | 'inactive' | 'duplicate' | 'stranger' | 'registered';

interface MarkedSubscription extends Partial<Notification> {
  readonly url: string;
  readonly notify: Notification['notify'];
  readonly mark: Mark;
}

/** What is registered, and what should be. */
export const subscriptions: Action = {
  name: 'subscriptions',
  summary: 'lists what is registered for callbacks, beside what should be',
  description:
    'What should be: WEBHOOK_PUBLIC_URL and WEBHOOK_SUBSCRIPTIONS, or --url. Exits with 1 where\n' +
    'something is missing or inactive. Paths that may hold a secret are cut unless --full.',
  usage: '',
  options: {
    url: { type: 'string', value: '<url>', help: 'the URL that should be registered' },
    full: { type: 'boolean', help: 'whole URLs, with the secrets in them' },
  },
  json: 'an array of {"url", "notify", "mark": ok|missing|inactive|duplicate|stranger|registered, "active"?, "groupId"?, "eventFilter"?}',
  example: 'countersign subscriptions --url https://sign.example.com/callbacks/legalesign',
  run: (call) =>
    withProvider(call, async (provider) => {
      const { terminal, json, values, environment } = call;
      const settings = new Settings({
        ...environment,
        ...(values.text('url') === undefined ? {} : { WEBHOOK_PUBLIC_URL: values.text('url') }),
      });
      const wanted = readWantedSubscriptions(settings);
      settings.check();
      const registered = await provider.listNotifications();
      const plan = wanted && compareSubscriptions(wanted, registered);
      const marked = markedSubscriptions(registered, plan, wanted?.url ?? '').map((each) =>
        values.flag('full') ? each : { ...each, url: maskedUrl(each.url) },
      );
      if (json) terminal.print(JSON.stringify(marked, null, 2));
      else if (marked.length === 0) terminal.print('nothing is registered');
      else for (const line of tableLines(COLUMNS, marked, terminal)) terminal.print(line);
      return plan && plan.missing.length + plan.inactive.length > 0
        ? EXIT_CODES.failed
        : EXIT_CODES.ok;
    }),
};

/** Each registered one with its mark, then those that are missing. */
export function markedSubscriptions(
  registered: readonly Notification[],
  plan: SubscriptionPlan | undefined,
  url: string,
): readonly MarkedSubscription[] {
  const markOf = (each: Notification): Mark => {
    if (!plan) return each.active ? 'registered' : 'inactive';
    if (plan.strangers.includes(each)) return 'stranger';
    if (plan.duplicates.includes(each)) return 'duplicate';
    return each.active ? 'ok' : 'inactive';
  };
  return [
    ...registered.map((each) => ({ ...each, mark: markOf(each) })),
    ...(plan?.missing ?? []).map((notify) => ({ url, notify, mark: 'missing' as const })),
  ];
}

const COLUMNS: readonly Column<MarkedSubscription>[] = [
  { title: 'notify', text: ({ notify }) => notify },
  {
    title: 'mark',
    text: ({ mark }) => mark,
    colour: ({ mark }) => (mark === 'ok' || mark === 'registered' ? 'green' : 'yellow'),
  },
  { title: 'group', text: ({ groupId }) => groupId },
  { title: 'filter', text: ({ eventFilter }) => eventFilter },
  { title: 'url', text: ({ url }) => url },
];
