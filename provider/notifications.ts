import { z } from 'zod';
import { NOTIFY_WORDS } from './notify-words.js';
import type { NotifyWord } from './notify-words.js';
import { resourceUri } from './resource-uri.js';

export { NOTIFY_WORDS, type NotifyWord };

/** What `POST /subscribe/` takes. */
export interface Subscription {
  readonly url: string;
  readonly notify: NotifyWord;
  readonly eventFilter?: string;
  /** A group's slug, or its URI; every group when undefined. */
  readonly group?: string;
}

/** A registered URL, as `GET /notifications/` shows it. */
export interface Notification {
  readonly url: string;
  /** `unknown-<number>` for a `notify_when` outside the provider's documentation. */
  readonly notify: NotifyWord | `unknown-${string}`;
  readonly active: boolean;
  readonly groupId?: string;
  readonly eventFilter?: string;
}

/** `notify_when` in listings; `POST /subscribe/` takes the words. Source: the API documentation. */
const WORD_OF_NUMBER: ReadonlyMap<string, NotifyWord> = new Map([
  ['1', 'all'],
  ['2', 'signed'],
  ['3', 'sent'],
  ['4', 'rejected'],
  ['10', 'realtime'],
]);

const text = z
  .union([z.string(), z.number(), z.boolean()])
  .transform(String)
  .optional()
  .catch(undefined);
const notificationShape = z.object({
  url: z.string(),
  notify_when: text,
  active: text,
  group_id: text,
  event_filter: text,
});
/** A page that names a next one is no list: what stands there would be registered once more. */
const lastPage = z.object({ next: z.union([z.null(), z.literal('')]).optional() });
const listShape = z.union([
  z.array(z.unknown()),
  z
    .object({ objects: z.array(z.unknown()), meta: lastPage.optional() })
    .transform(({ objects }) => objects),
]);

function wordOf(notifyWhen = ''): Notification['notify'] {
  const known = NOTIFY_WORDS.find((word) => word === notifyWhen);
  return known ?? WORD_OF_NUMBER.get(notifyWhen) ?? `unknown-${notifyWhen}`;
}

function notificationOf(json: unknown): Notification | undefined {
  const fields = notificationShape.safeParse(json).data;
  if (fields === undefined) return undefined;
  const { url, notify_when, active, group_id, event_filter } = fields;
  return {
    url,
    notify: wordOf(notify_when),
    active: active === undefined || /^(true|1)$/i.test(active),
    ...(group_id !== undefined && group_id !== '' && { groupId: group_id }),
    ...(event_filter !== undefined && event_filter !== '' && { eventFilter: event_filter }),
  };
}

/** The listing's JSON, bare or within `objects`; undefined where it is no list, or part of one. */
export function notificationsOf(json: unknown): readonly Notification[] | undefined {
  const entries = listShape.safeParse(json).data;
  return entries?.map(notificationOf).filter((each) => each !== undefined);
}

/** The provider names groups by URI. */
export function notificationGroup(group: string): string {
  return group.includes('/') ? group : resourceUri('group', group);
}
