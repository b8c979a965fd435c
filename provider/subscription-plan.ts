/** Which callbacks should be registered at the provider, and which are. */
import type { Settings } from '../configuration/settings.js';
import type { Notification } from './notifications.js';
import { NOTIFY_WORDS } from './notify-words.js';
import type { NotifyWord } from './notify-words.js';

/** Where the webhook takes callbacks; what `WEBHOOK_PUBLIC_URL` leaves out. */
const CALLBACK_PATH = '/callbacks/legalesign';

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
  const isOurs = (each: Notification): boolean => normalised(each.url) === normalised(url);
  const ours = registered.filter(isOurs);
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
    strangers: registered.filter((each) => !isOurs(each)),
  };
}

/** The provider may write an address another way: its host, its escapes, a slash at its end. */
function normalised(url: string): string {
  return (URL.canParse(url) ? new URL(url).href : url).replace(/\/$/, '');
}

/** Reads `WEBHOOK_PUBLIC_URL` and `WEBHOOK_SUBSCRIPTIONS`; problems are told to `settings`. */
export function readWantedSubscriptions(settings: Settings): WantedSubscriptions | undefined {
  const url = settings.url('WEBHOOK_PUBLIC_URL');
  const words = settings.list('WEBHOOK_SUBSCRIPTIONS');
  // A word that stands there twice would be registered twice.
  const wanted = new Set(words.length > 0 ? words : ['all', 'signed', 'realtime']);
  const kinds = [...wanted].flatMap((word) => {
    const kind = NOTIFY_WORDS.find((each) => each === word);
    if (kind === undefined) {
      settings.problem(`WEBHOOK_SUBSCRIPTIONS is none of ${NOTIFY_WORDS.join(', ')}: ${word}`);
    }
    return kind ?? ([] as NotifyWord[]);
  });
  return url === undefined ? undefined : { url: callbackUrl(url), kinds };
}

/** The address alone stands for the path at which the webhook takes callbacks. */
function callbackUrl(url: string): string {
  const { pathname } = new URL(url);
  return pathname === '/' ? `${url.replace(/\/+$/, '')}${CALLBACK_PATH}` : url;
}

/** Without what may be a secret: a token in its path, a query, credentials. */
export function maskedUrl(url: string): string {
  if (!URL.canParse(url)) return 'a URL that is none';
  const { origin, pathname } = new URL(url);
  const path = pathname.replace(/^((?:\/[^/]{1,15})*)\/[^/]{16,}.*$/, '$1/…');
  return `${origin}${path}`;
}
