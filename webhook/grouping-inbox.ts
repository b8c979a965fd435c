/**
 * Group commit: under load many callbacks share one write, as databases do with their log.
 *
 * Callbacks of one document may so overtake each other: one goes alone while an earlier one waits
 * in a group, or is on its way from a delivery. That changes nothing, because a document's state is
 * a join of all that was ever said of it: any order of the same news ends in the same state. And a
 * notice only makes the workflow ask the provider, which is never answered with the past.
 *
 * The Workflow ID of a group is random: the same members never meet again. A member that is sent
 * again comes in other company or alone, and its document already knows what it says.
 */
import { randomUUID } from 'node:crypto';
import {
  bytesInGroup,
  GROUP_MAX_BYTES,
  groupedDelivery,
  type GroupMember,
} from './callback-group.js';
import type {
  CallbackInbox,
  DeliveryMessage,
  InboxMessage,
  StoreResult,
} from './callback-inbox.js';
import { BusyError } from './errors.js';
import { isOutage } from './temporal-outage.js';

/**
 * Together in flight at most. A small group costs Temporal more than its members alone would: a
 * delivery has its own workflow and activity.
 */
const WRITES_MAX = 16;

/** As many connections as the server takes at most: more never wait. */
const GROUP_MAX_MEMBERS = 1000;

/**
 * Groups form only in a burst: their documents hear of it some seconds later, so that the burst is
 * acknowledged before Temporal is busy with what it brought. What the spool hands over has waited.
 */
const BURST_REST_MS = 5_000;

interface GroupingInboxOptions {
  /** Temporal's. */
  readonly inbox: CallbackInbox;
  /** So many callbacks have shared one write. */
  readonly onGroup?: (members: number) => void;
  /** The time in ms since 1970; the system's by default. */
  readonly now?: () => number;
  readonly maxBytes?: number;
  readonly maxMembers?: number;
  /** Together in flight; 16 unless told. */
  readonly writesMax?: number;
}

interface Waiting {
  readonly message: GroupMember;
  readonly resolve: (result: StoreResult) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * At rest each callback is one write and waits for nobody. Where as many as may be are in flight,
 * or a group is, what arrives waits for one of them to end, and then goes out together: so nobody
 * waits for more than two writes. In a burst one may be in flight, until it has passed.
 *
 * What waits is never more than one group: a full one goes at once, and when that is not possible
 * either, callers are told to come again.
 */
export class GroupingInbox implements CallbackInbox {
  readonly #inbox: CallbackInbox;
  readonly #onGroup: (members: number) => void;
  readonly #now: () => number;
  readonly #maxBytes: number;
  readonly #maxMembers: number;
  readonly #writesMax: number;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #writes = 0;
  #groups = 0;
  /**
   * Of `writesMax`, how many may be in flight with the next. After a burst's group it is one: all
   * callers may have been in it, and those who come next would each go alone in mid-burst.
   */
  #writesAllowed: number;

  constructor(options: GroupingInboxOptions) {
    this.#inbox = options.inbox;
    this.#onGroup = options.onGroup ?? (() => undefined);
    this.#now = options.now ?? Date.now;
    this.#maxBytes = options.maxBytes ?? GROUP_MAX_BYTES;
    this.#maxMembers = options.maxMembers ?? GROUP_MAX_MEMBERS;
    this.#writesMax = options.writesMax ?? WRITES_MAX;
    this.#writesAllowed = this.#writesMax;
  }

  /** Throws BusyError too, before anything of the message is kept. */
  store(message: InboxMessage): Promise<StoreResult> {
    const bytes = bytesInGroup(message);
    if (bytes === undefined) return this.#inbox.store(message);
    if (!this.#hasRoomFor(bytes)) this.#writeWaiting(this.#writesMax);
    if (!this.#hasRoomFor(bytes)) return Promise.reject(new BusyError());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ message: message as GroupMember, resolve, reject });
      this.#waitingBytes += bytes;
      if (this.#groups === 0) this.#writeWaiting();
    });
  }

  #hasRoomFor(bytes: number): boolean {
    if (this.#waiting.length === 0) return true;
    return this.#waiting.length < this.#maxMembers && this.#waitingBytes + bytes <= this.#maxBytes;
  }

  #writeWaiting(writesAllowed = this.#writesAllowed): void {
    if (this.#waiting.length === 0 || this.#writes >= writesAllowed) return;
    void this.#write(this.#takeWaiting());
  }

  #takeWaiting(): readonly Waiting[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    return waiting;
  }

  /** @param counted 0: in the place of one that is counted already */
  async #write(members: readonly Waiting[], counted: 0 | 1 = 1): Promise<void> {
    const isGroup = members.length > 1;
    this.#writes += counted;
    if (isGroup) this.#groups += 1;
    try {
      const result = await this.#inbox.store(this.#asOne(members));
      if (isGroup) this.#onGroup(members.length);
      for (const { resolve } of members) resolve(result);
    } catch (error) {
      await this.#failed(members, error);
    }
    this.#writes -= counted;
    if (isGroup) this.#groups -= 1;
    this.#writesAllowed = this.#allowedAfter(members.length);
    if (this.#groups === 0) this.#writeWaiting();
  }

  /** One more for each write that ends while nobody waits. */
  #allowedAfter(members: number): number {
    if (members > this.#writesMax) return 1;
    const more = this.#waiting.length === 0 ? 1 : 0;
    return Math.min(this.#writesMax, this.#writesAllowed + more);
  }

  #asOne(members: readonly Waiting[]): InboxMessage {
    const [first] = members;
    if (first !== undefined && members.length === 1) return first.message;
    const messages = members.map(({ message }) => message);
    return { ...groupMessage(messages, this.#now()), startDelayMs: BURST_REST_MS };
  }

  /** Of a group that is refused, one may be to blame: it is found by halves, a write at a time. */
  async #failed(members: readonly Waiting[], error: unknown): Promise<void> {
    if (isOutage(error)) {
      // What waits would only wait as long once more.
      for (const { reject } of [...members, ...this.#takeWaiting()]) reject(error);
    } else if (members.length === 1) {
      for (const { reject } of members) reject(error);
    } else {
      const half = Math.ceil(members.length / 2);
      await this.#write(members.slice(0, half), 0);
      await this.#write(members.slice(half), 0);
    }
  }
}

/** All members as one write, under an ID that no other write ever has. */
export function groupMessage(members: readonly GroupMember[], nowMs: number): DeliveryMessage {
  const input = groupedDelivery(members, new Date(nowMs).toISOString());
  return { kind: 'delivery', digest: `group-${randomUUID()}`, input };
}
