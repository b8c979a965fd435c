import { isRecord } from './loose-json.js';

/** Long enough for every reason seen, short enough for a failure's line in Temporal's UI. */
export const REASON_MAX_LENGTH = 300;

/** Where a JSON error body usually says why, most telling first. */
const REASON_FIELDS = ['error_message', 'message', 'error', 'detail', 'reason'];

/** How text, URLs, HTML and JSON write `@`; `webhook/show-entry.ts` has the same. */
const AT_SIGN = /[@＠﹫]|%(?:25)*40|&#0*64;?|&#x0*40;?|&commat;|\\u0040/i;

/** What may stand before it with spaces in it. */
const QUOTED_NAME = new RegExp(`"[^"]*"(?=${AT_SIGN.source})`, 'gi');

/**
 * The text without e-mail addresses: it may end up in logs and histories. What an address may be
 * made of is not asked: all goes that stands next to an `@` without a space.
 */
export function maskEmailAddresses(text: string): string {
  return text
    .replace(QUOTED_NAME, '')
    .replace(/[^\s<>]+/g, (word) => (AT_SIGN.test(word) ? '[e-mail address]' : word));
}

/** One line of at most the given length, without e-mail addresses. */
export function maskedLine(text: string, maxLength: number): string {
  // Cut far behind what is shown: half an address at the cut would not be known as one.
  const start = text.replace(/\s+/g, ' ').slice(0, maxLength * 20);
  const line = maskEmailAddresses(start).trim();
  const cut = line.length > maxLength ? `${line.slice(0, maxLength - 1)}…` : line;
  // Half a surrogate pair, told or cut, goes: in a short failure the SDK's worker ends over it.
  return Buffer.from(cut).toString();
}

/** Tastypie nests reasons by field: `{"document": {"signers": ["This field is required."]}}`. */
function reasonsIn(value: unknown, depth = 0): string {
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  if (depth > 4) return '';
  if (Array.isArray(value)) {
    return value.map((each: unknown) => reasonsIn(each, depth + 1)).join(' ');
  }
  if (!isRecord(value)) return '';
  const told = REASON_FIELDS.find((field) => typeof value[field] === 'string');
  if (told !== undefined) return String(value[told]);
  return Object.entries(value)
    .filter(([field]) => field !== 'traceback')
    .map(([field, reason]) => `${field}: ${reasonsIn(reason, depth + 1)}`)
    .join('; ');
}

function textOf(body: string): string {
  if (!/^\s*(<!doctype|<html)/i.test(body)) return body;
  // Each pattern ends at the next `<`, or takes all that it has read: a broken page is read once.
  const title = /<title[^<>]*>([^<]*)<\/title>/i.exec(body)?.[1];
  return title ?? body.replace(/<(script|style)[^]*?(?:<\/\1>|$)/gi, ' ').replace(/<[^<>]*>/g, ' ');
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    // Not JSON: error pages of proxies and of the provider's own 500 are plain text or HTML.
    return undefined;
  }
}

/**
 * The provider's own reason from an error's body, JSON or text: one line of bounded length, without
 * e-mail addresses and without the given secrets. Empty where the body says nothing.
 */
export function reasonOf(body: string, secrets: readonly string[] = []): string {
  const json = parsed(body);
  const reason = json === undefined || json === null ? textOf(body) : reasonsIn(json);
  const safe = secrets
    .filter((secret) => secret !== '')
    .reduce((text, secret) => text.replaceAll(secret, '[credentials]'), reason);
  return maskedLine(safe, REASON_MAX_LENGTH);
}
