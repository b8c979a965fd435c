import assert from 'node:assert/strict';
import { test } from 'node:test';
import { healSubscriptions } from '../activities/subscriptions.js';
import type { Notification, Subscription } from '../provider/notifications.js';
import { ProviderError, type ProviderErrorKind } from '../provider/provider-error.js';
import { Settings } from '../configuration/settings.js';
import {
  readWantedSubscriptions,
  type WantedSubscriptions,
} from '../provider/subscription-plan.js';
import type { SubscriptionReport } from '../workflows/contract.js';
import { inActivity } from './support/in-activity.js';

const URL = 'https://hooks.example.com/callbacks/legalesign';
const WANTED: WantedSubscriptions = { url: URL, kinds: ['all', 'signed', 'realtime'] };

function trouble(kind: ProviderErrorKind): ProviderError {
  return new ProviderError({ kind, asked: 'GET /notifications/', came: 'was answered 500' });
}

/** A provider with these callbacks, some of which it does not take. */
function providerWith(registered: readonly Notification[], refused: readonly string[] = []) {
  const subscribed: Subscription[] = [];
  return {
    subscribed,
    listNotifications: () => Promise.resolve(registered),
    subscribe(subscription: Subscription) {
      if (refused.includes(subscription.notify)) return Promise.reject(trouble('refused'));
      subscribed.push(subscription);
      return Promise.resolve();
    },
  };
}

function heal(
  provider: Parameters<typeof healSubscriptions>[0],
  attempt = 1,
  wanted = WANTED,
): Promise<SubscriptionReport> {
  return inActivity(() => healSubscriptions(provider, wanted), { attempt });
}

test('one kind that is refused does not keep the others from being registered', async () => {
  const provider = providerWith([], ['all']);
  const report = await heal(provider);
  assert.deepEqual(report.created, ['signed', 'realtime']);
  assert.match(report.problem ?? '', /^all: /);
});

test('a passing trouble is tried again, then told of; one that stays is told of at once', async () => {
  for (const kind of ['unavailable', 'throttled'] as const) {
    const provider = {
      ...providerWith([]),
      listNotifications: () => Promise.reject(trouble(kind)),
    };
    await assert.rejects(heal(provider, 1), ProviderError);
    await assert.rejects(heal(provider, 2), ProviderError);
    assert.match((await heal(provider, 3)).problem ?? '', /was answered 500/);
  }
  const refusing = {
    ...providerWith([]),
    listNotifications: () => Promise.reject(trouble('refused')),
  };
  assert.match((await heal(refusing, 1)).problem ?? '', /was answered 500/);
});

test('a kind that the settings name twice is registered once', async () => {
  const provider = providerWith([]);
  const settings = new Settings({
    WEBHOOK_PUBLIC_URL: URL,
    WEBHOOK_SUBSCRIPTIONS: 'all,signed,all',
  });
  await heal(provider, 1, readWantedSubscriptions(settings));
  assert.deepEqual(
    provider.subscribed.map(({ notify }) => notify),
    ['all', 'signed'],
  );
});

test('an address that the provider writes another way is the same one', async () => {
  const written = `${URL.replace('hooks', 'HOOKS')}/`;
  const provider = providerWith([{ url: written, notify: 'all', active: true }]);
  const report = await heal(provider);
  assert.deepEqual(report.created, ['signed', 'realtime']);
  assert.deepEqual(report.strangers, []);
});

test('two runs that register the same at once: one of them tells that it is there twice', async () => {
  const registered: Notification[] = [];
  let listings = 0;
  let bothHaveLooked = (): void => undefined;
  const looked = new Promise<void>((resolve) => (bothHaveLooked = resolve));
  const provider = {
    async listNotifications() {
      const found = [...registered];
      listings += 1;
      if (listings === 2) bothHaveLooked();
      await looked;
      return found;
    },
    subscribe({ url, notify }: Subscription) {
      registered.push({ url, notify, active: true });
      return Promise.resolve();
    },
  };
  const reports = await Promise.all([heal(provider), heal(provider)]);
  assert.equal(registered.length, 6);
  for (const notify of WANTED.kinds) {
    assert.ok(
      reports.some(({ duplicates }) => duplicates.includes(notify)),
      notify,
    );
  }
  assert.deepEqual(reports[0].created, WANTED.kinds);
});

test('where what was registered cannot be looked at again, it is told of all the same', async () => {
  let listings = 0;
  const provider = {
    ...providerWith([]),
    listNotifications() {
      listings += 1;
      return listings === 1 ? Promise.resolve([]) : Promise.reject(trouble('unavailable'));
    },
  };
  const report = await heal(provider);
  assert.deepEqual(report.created, WANTED.kinds);
  assert.equal(report.problem, undefined);
});
