/** `POST /subscribe/` and its kin. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { NOTIFY_NUMBERS, type NotifyKind, type SubscriptionRecord } from './records.js';
import { notFound, Refusal } from './refusal.js';
import type { Register } from './register.js';
import { groupSlug } from './resources.js';

const url = z
  .string({ error: 'This field is required.' })
  .refine((text) => /^https?:\/\//.test(text) && URL.canParse(text), 'Enter a valid URL.');
const kinds = Object.keys(NOTIFY_NUMBERS) as [NotifyKind, ...NotifyKind[]];

const EVENT_FILTERS = [
  '',
  'document.*',
  'document.created',
  'document.rejected',
  'document.finalPdfCreated',
  'recipient.*',
  'recipient.completed',
  'recipient.rejected',
  'recipient.emailOpened',
  'recipient.visiting',
  'recipient.bounced',
] as const;

/** The body of `POST /subscribe/`. */
export const subscribeSchema = z.object({
  url,
  notify: z.enum(kinds, { error: `One of ${kinds.join(', ')}.` }),
  eventFilter: z.enum(EVENT_FILTERS, { error: 'Not a known event filter.' }).default(''),
  group: z
    .string()
    .nullish()
    .transform((group) => (group ? groupSlug(group) : null)),
});

/** A callback URL as a test injects it, also one that the provider would not take twice. */
export const injectSchema = subscribeSchema.extend({ active: z.boolean().default(true) });

/** Which callback URL is to get nothing any more. */
export const deactivateSchema = subscribeSchema.pick({ url: true, notify: true });

/** The body of `POST /unsubscribe/`: the URL exactly as registered; the rest narrows. */
export const unsubscribeSchema = z.object({
  url,
  eventFilter: z.enum(EVENT_FILTERS).optional(),
  group: z.union([z.string(), z.number()]).optional(),
});

/** A valid request for callbacks. */
export type SubscribeRequest = z.input<typeof subscribeSchema>;

/** Adds a callback URL whatever is there already. */
export function addSubscription(
  register: Register,
  request: z.infer<typeof injectSchema>,
): SubscriptionRecord {
  if (request.group) register.groupNumber(request.group);
  const subscription = { id: randomUUID(), ...request };
  register.subscriptions.set(subscription.id, subscription);
  return subscription;
}

/**
 * Ends the callbacks of one kind to a URL; it stays listed, as inactive.
 * @throws Refusal 404 where there is none
 */
export function deactivate(
  register: Register,
  { url: wanted, notify }: z.infer<typeof deactivateSchema>,
): void {
  const all = [...register.subscriptions.values()];
  const named = all.filter((each) => each.url === wanted && each.notify === notify);
  if (named.length === 0) throw notFound('callback URL');
  for (const each of named) register.subscriptions.set(each.id, { ...each, active: false });
}

/**
 * Registers a callback URL. What the provider does where the same is registered but inactive is
 * not documented; here the new one stands beside it.
 * @throws Refusal 400 where the same is registered already, and active
 */
export function subscribe(
  register: Register,
  request: z.infer<typeof subscribeSchema>,
): SubscriptionRecord {
  const same = [...register.subscriptions.values()].some(
    (each) =>
      each.active &&
      each.url === request.url &&
      each.notify === request.notify &&
      each.eventFilter === request.eventFilter &&
      each.group === request.group,
  );
  if (same) {
    const message = 'This URL is registered already.';
    throw new Refusal(400, message, { notification: { url: [message] } });
  }
  return addSubscription(register, { ...request, active: true });
}

/** Removes a callback URL, of whatever kind; no error where there is none. */
export function unsubscribe(register: Register, request: z.infer<typeof unsubscribeSchema>): void {
  const { eventFilter } = request;
  const slug = request.group === undefined ? undefined : groupSlug(String(request.group));
  const named = ({ group }: SubscriptionRecord): boolean =>
    slug === undefined ||
    group === slug ||
    (group !== null && String(register.groupNumber(group)) === slug);
  for (const each of [...register.subscriptions.values()]) {
    if (each.url !== request.url || !named(each)) continue;
    if (eventFilter !== undefined && each.eventFilter !== eventFilter) continue;
    register.subscriptions.delete(each.id);
  }
}

/** A registered URL as `GET /notifications/` lists it. */
export function notification(
  register: Register,
  subscription: SubscriptionRecord,
): Readonly<Record<string, unknown>> {
  const { group, notify, eventFilter } = subscription;
  return {
    active: subscription.active,
    notify_when: NOTIFY_NUMBERS[notify],
    url: subscription.url,
    group_id: group === null ? null : register.groupNumber(group),
    event_filter: eventFilter,
  };
}
