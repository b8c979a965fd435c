import { LRUCache } from 'lru-cache';
import type { SignedRequest } from './callback-signing.js';
import type { Telling } from './callback-telling.js';
import type { NotifyKind } from './records.js';

/** What became of a callback. */
type CallbackState = 'waiting' | 'answered' | 'failed' | 'dropped';

/** One callback as sent, or as dropped by a fault. */
export interface CallbackRecord {
  readonly id: string;
  readonly kind: NotifyKind;
  readonly url: string;
  /** What it is about, in a few words. */
  readonly about: string;
  /** When it was put on the wire, milliseconds since 1970. */
  readonly at: number;
  readonly sizeBytes: number;
  /** A forged copy: no receiver should accept it. */
  readonly forged: boolean;
  /** The callback that this one repeats, where it repeats one. */
  readonly repeats: string | null;
  state: CallbackState;
  answer: { readonly status: number; readonly line: string } | null;
  error: string | null;
  durationMs: number | null;
}

/** Totals since the start, whatever the log has let go. */
export interface CallbackCounters {
  sent: number;
  /** Answered 2xx. */
  accepted: number;
  /** Answered otherwise. */
  refused: number;
  /** Not answered at all. */
  failed: number;
  dropped: number;
  repeated: number;
  /** Forged copies sent; not part of the numbers above. */
  forged: number;
  /** Forged copies answered 2xx: there should be none. */
  forgedAccepted: number;
}

/** Two thousand callbacks are an afternoon of clicking; batches can be large, hence the bytes. */
const MAX_RECORDS = 2000;
const MAX_BODY_BYTES = 64 * 1024 * 1024;

/** What a callback consists of, to be sent again. */
interface Content {
  readonly request: SignedRequest;
  readonly tells: Telling;
}

interface Kept extends Content {
  readonly record: CallbackRecord;
}

/** Answered 2xx. */
export function isAccepted({ answer }: CallbackRecord): boolean {
  return answer !== null && answer.status >= 200 && answer.status < 300;
}

/** The newest callbacks with their bodies, bounded, and totals that are not. */
export class CallbackLog {
  readonly counters: CallbackCounters = {
    sent: 0,
    accepted: 0,
    refused: 0,
    failed: 0,
    dropped: 0,
    repeated: 0,
    forged: 0,
    forgedAccepted: 0,
  };
  readonly #kept = new LRUCache<string, Kept>({
    max: MAX_RECORDS,
    maxSize: MAX_BODY_BYTES,
    sizeCalculation: ({ request }) => request.body.length + 1,
  });

  /** Grows with every change. */
  revision = 0;

  /** Notes a callback that goes out, or is dropped. */
  begin(record: CallbackRecord, { request, tells }: Content): void {
    this.revision += 1;
    this.#kept.set(record.id, { record, request, tells });
    if (record.forged) this.counters.forged += 1;
    else if (record.state === 'dropped') this.counters.dropped += 1;
    else this.counters.sent += 1;
    if (record.repeats !== null) this.counters.repeated += 1;
  }

  /** Notes what became of it. */
  end(record: CallbackRecord): void {
    this.revision += 1;
    const accepted = isAccepted(record);
    if (record.forged) this.counters.forgedAccepted += accepted ? 1 : 0;
    else if (record.answer === null) this.counters.failed += 1;
    else if (accepted) this.counters.accepted += 1;
    else this.counters.refused += 1;
  }

  /** The newest first. */
  newest(limit: number): CallbackRecord[] {
    const records: CallbackRecord[] = [];
    for (const { record } of this.#kept.values()) {
      if (records.length >= limit) break;
      records.push(record);
    }
    return records;
  }

  /** One callback with its headers and body, unless the log has let it go. */
  find(id: string): Kept | undefined {
    return this.#kept.peek(id);
  }
}
