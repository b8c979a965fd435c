/** From a verified callback to its acknowledgement: parsed, then one durable write, or none. */
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { CallbackDeliveryInput, StatusChange } from '../workflows/contract.js';
import type { CallbackInbox, InboxMessage, StoreResult } from './callback-inbox.js';
import { formatDuration } from '../configuration/duration.js';
import { parseBatch } from './parse-batch.js';
import type { NamedDocument } from './named-document.js';
import { parseHint, parseNotice } from './parse-notice.js';
import { parseRealtime, type RealtimeNews } from './parse-realtime.js';
import { createSharedWrites } from './shared-writes.js';
import { showEntry } from './show-entry.js';
import type { VerifiedCallback } from './verify-callback.js';

/**
 * What became of a callback. `setAside`: stored, but too old to be delivered. `ignored`: it says
 * nothing that changes a status. `empty`: a batch without entries. Each is answered 200.
 */
type CallbackResult = StoreResult | 'setAside' | 'ignored' | 'empty';

/** What is answered, logged and counted. IDs and counts, no content. */
export interface Acknowledgement {
  readonly result: CallbackResult;
  readonly documentId?: string;
  /** SHA-256 of the verified bytes: part of the Workflow ID of what was stored. */
  readonly digest?: string;
  readonly changes: number;
  /** Of the changes, those with a status that is in no table. */
  readonly unknownStatuses: number;
  /** Entries that could not be understood. */
  readonly setAside: number;
}

/** Takes one callback. Throws MalformedError, TooLargeError or UnavailableError. */
export type CallbackIntake = (callback: VerifiedCallback) => Promise<Acknowledgement>;

/** What the intake works with. */
interface CallbackIntakeOptions {
  readonly inbox: CallbackInbox;
  /** In ms: what happened longer ago is stored, but held. */
  readonly maxAgeMs: number;
  /** The time in ms since 1970. */
  readonly now: () => number;
}

/** A digest and its entry cost about 200 bytes: 10 MB remember a day of a large account. */
const REMEMBERED_CALLBACKS = 50_000;

const NOTHING = { changes: 0, unknownStatuses: 0, setAside: 0 } as const;

/** An intake with its own memory of what it has acknowledged. */
export function createCallbackIntake(options: CallbackIntakeOptions): CallbackIntake {
  const { inbox } = options;
  const underWay = new Map<string, Promise<Acknowledgement>>();
  const acknowledged = new LRUCache<string, true>({ max: REMEMBERED_CALLBACKS });
  const shareWrite = createSharedWrites<StoreResult>();

  /**
   * The same bytes again are the same news: no write of its own, but no answer either before the
   * first one's write is durable. Remembered only then.
   */
  async function once(
    bytes: Buffer,
    take: (digest: string) => Promise<Acknowledgement>,
  ): Promise<Acknowledgement> {
    const digest = createHash('sha256').update(bytes).digest('hex');
    const duplicate = { ...NOTHING, result: 'duplicate', digest } as const;
    if (acknowledged.has(digest)) return duplicate;
    const first = underWay.get(digest);
    if (first) return isStored(await first) ? duplicate : first;
    const taking = take(digest).finally(() => underWay.delete(digest));
    underWay.set(digest, taking);
    const acknowledgement = await taking;
    if (isStored(acknowledgement)) acknowledged.set(digest, true);
    return acknowledgement;
  }

  /** Equal notices are separate events, so none is remembered; those that coincide share. */
  async function ask(
    document: NamedDocument | undefined,
    message: (found: NamedDocument) => InboxMessage,
  ) {
    if (document === undefined) return { ...NOTHING, result: 'ignored' } as const;
    const write = message(document);
    const { documentId } = document;
    const result = await shareWrite(`${write.kind}:${documentId}`, () => inbox.store(write));
    return { ...NOTHING, result, documentId };
  }

  return async (callback) => {
    const { bytes } = callback;
    switch (callback.format) {
      case 'batch':
        return once(bytes, (digest) => takeBatch(bytes, digest, options));
      case 'realtime':
        return once(bytes, (digest) => takeRealtime(bytes, digest, options));
      case 'notice':
        return ask(parseNotice(bytes), (document) => ({ kind: 'notice', document }));
      case 'hint': {
        const documentId = parseHint(bytes, callback.encoding);
        const receivedAt = isoNow(options);
        const found = documentId === undefined ? undefined : { documentId };
        return ask(found, (hinted) => ({ kind: 'hint', ...hinted, receivedAt }));
      }
    }
  };
}

function isStored({ result }: Acknowledgement): boolean {
  return result !== 'ignored' && result !== 'empty';
}

async function takeBatch(
  bytes: Buffer,
  digest: string,
  options: CallbackIntakeOptions,
): Promise<Acknowledgement> {
  const { changes, setAside } = parseBatch(bytes, options.now());
  if (changes.length + setAside.length === 0) return { ...NOTHING, result: 'empty', digest };
  return deliver(digest, { source: 'batch', changes, setAside }, options);
}

async function takeRealtime(
  bytes: Buffer,
  digest: string,
  options: CallbackIntakeOptions,
): Promise<Acknowledgement> {
  const news = parseRealtime(bytes, options.now());
  switch (news.kind) {
    case 'ignored':
      return { ...NOTHING, result: 'ignored', digest };
    case 'setAside':
      return deliver(digest, { source: 'realtime', changes: [], setAside: [news.entry] }, options);
    case 'unrouted':
      return deliver(digest, { source: 'realtime', changes: [news.change], setAside: [] }, options);
    case 'notice': {
      const result = await options.inbox.store(news);
      return { ...NOTHING, result, digest, documentId: news.document.documentId };
    }
    case 'report':
      return takeReport(news, digest, options);
  }
}

async function takeReport(
  news: Extract<RealtimeNews, { kind: 'report' }>,
  digest: string,
  options: CallbackIntakeOptions,
): Promise<Acknowledgement> {
  const { changes, bounces = [] } = news.report;
  const content = { source: 'realtime', changes, setAside: [] } as const;
  if (isTooOld([...changes, ...bounces], options)) {
    // A delivery carries no bounce: it is shown beside what is held.
    const { documentId } = news.document;
    const setAside = bounces.map((bounce) => ({
      reason: tooOld(options),
      entry: showEntry({ event: 'recipient.bounced', ...bounce, documentId }),
    }));
    return deliver(digest, { ...content, setAside }, options, true);
  }
  const result = await options.inbox.store(news);
  return { ...counted(content), result, digest, documentId: news.document.documentId };
}

async function deliver(
  digest: string,
  content: Pick<CallbackDeliveryInput, 'source' | 'changes' | 'setAside'>,
  options: CallbackIntakeOptions,
  held = isTooOld(content.changes, options),
): Promise<Acknowledgement> {
  const input: CallbackDeliveryInput = {
    ...content,
    receivedAt: isoNow(options),
    ...(held && { held: tooOld(options) }),
  };
  const stored = await options.inbox.store({ kind: 'delivery', digest, input });
  const result = held && stored === 'stored' ? 'setAside' : stored;
  return { ...counted(content), result, digest };
}

function isTooOld(
  news: readonly Pick<StatusChange, 'at'>[],
  { maxAgeMs, now }: CallbackIntakeOptions,
): boolean {
  const limitMs = now() - maxAgeMs;
  return news.length > 0 && news.every(({ at }) => Date.parse(at) < limitMs);
}

function tooOld({ maxAgeMs }: CallbackIntakeOptions): string {
  return `older than ${formatDuration(maxAgeMs)}`;
}

function counted(
  content: Pick<CallbackDeliveryInput, 'changes' | 'setAside'>,
): Pick<Acknowledgement, 'changes' | 'unknownStatuses' | 'setAside'> {
  return {
    changes: content.changes.length,
    unknownStatuses: content.changes.filter(({ status }) => status.startsWith('unknown-')).length,
    setAside: content.setAside.length,
  };
}

function isoNow({ now }: CallbackIntakeOptions): string {
  return new Date(now()).toISOString();
}
