import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { leadingGroup } from './callback-group.js';
import type { CallbackInbox, InboxMessage, StoreResult } from './callback-inbox.js';
import { BusyError } from './errors.js';
import { groupMessage } from './grouping-inbox.js';
import { HandoverPace } from './handover-pace.js';
import { HandoverSuspicion } from './handover-suspicion.js';
import { causesOf } from './refusals.js';
import type { CallbackSpool, SpoolEntry } from './spool/callback-spool.js';
import type { SpoolCounters } from './spool-metrics.js';
import { decodeMessage } from './spooled-message.js';
import { isOutage } from './temporal-outage.js';

/** Between two tries of a Temporal that is away: soon at first, for it may only have restarted. */
const PAUSE_MIN_MS = 100;
const PAUSE_MAX_MS = 2000;

/** After so many failures others are tried too: maybe it is only the first that is not taken. */
const PATIENCE = 5;

/**
 * Or it is several: the next, the second, the fourth … behind the first is tried, and one farther
 * back in each round. No more than a thousand are in memory.
 */
const DOUBLINGS = 10;
const ROUNDS = 1000 - 2 ** (DOUBLINGS - 1);

/**
 * So many are handed over within seconds one by one, with the order kept to the letter. Where more
 * wait, or Temporal takes so long for each that even these would, what may share a write does,
 * group after group: Temporal and the provider's next callbacks should not wait for minutes. The
 * order of arrival is kept within a group and from group to group.
 */
const GROUPS_FROM = 250;
const GROUPS_FROM_MS = 2_500;
const GROUP_MAX_MEMBERS = 500;

/** After as many in a row that were taken, groups that had become smaller may be twice as large. */
const GROUPS_UNTIL_LARGER = 10;

const PROGRESS_EVERY_MS = 5000;

/** What is handed over, and to whom. */
export interface SpoolHandoverOptions {
  /** Temporal's. */
  readonly inbox: CallbackInbox;
  readonly spool: CallbackSpool;
  /** Whether Temporal answers a question that has nothing to do with callbacks. */
  readonly answers: () => Promise<boolean>;
  readonly logger: Logger;
  readonly counters: SpoolCounters;
  /**
   * How many at once, begun in order of arrival. One unless told: with one the order is kept to the
   * letter, and a development server takes 170/s so and 206/s with sixteen.
   */
  readonly atOnce?: number;
  /** The longest pause between two tries, in ms; 2 s unless told. */
  readonly pauseMaxMs?: number;
  /** Where as many wait, those that may share a write do; 250 unless told. */
  readonly groupsFrom?: number;
  /** Where they would take as long one by one, in ms; 2,500 unless told. */
  readonly groupsFromMs?: number;
}

type Outcome = { readonly result: StoreResult } | { readonly error: unknown };

/** Hands over what waits: with care while Temporal is away, then all of it, in order of arrival. */
export class SpoolHandover {
  readonly #options: SpoolHandoverOptions;
  readonly #pace = new HandoverPace();
  readonly #suspicion = new HandoverSuspicion<unknown>();
  /** In a row: Temporal took nothing of what it was given. */
  #failures = 0;
  #isBeside = false;
  #handedOver = 0;
  #toldAtMs = 0;
  /** What the latest one took. */
  #msPerEntry = 0;
  #groupMost = GROUP_MAX_MEMBERS;
  /** In a row, of that size. */
  #groupsTaken = 0;

  constructor(options: SpoolHandoverOptions) {
    this.#options = options;
  }

  /** Temporal has taken the latest one that was tried. */
  get isMoving(): boolean {
    return this.#handedOver > 0 && this.#failures === 0;
  }

  /** Resolves when one that came meanwhile may be answered: at once unless they are too many. */
  async turn(): Promise<void> {
    if (this.isMoving) await this.#pace.turn();
  }

  /**
   * For one that finds no room behind those that wait: it goes to Temporal where that answers, and
   * only does not take the first of them. One at a time. Undefined: it has to come again.
   */
  async handOverBeside(message: InboxMessage): Promise<StoreResult | undefined> {
    if (this.#failures < PATIENCE || this.#isBeside) return undefined;
    this.#isBeside = true;
    try {
      if (!(await this.#options.answers())) return undefined;
      const outcome = await this.#tryOutMessage(message);
      if (isAway(outcome)) return undefined;
      this.#suspicion.passed(message);
      return 'result' in outcome ? outcome.result : undefined;
    } finally {
      this.#isBeside = false;
    }
  }

  /** Until nothing waits or the signal comes; what is under way then is ended first. */
  async run(signal: AbortSignal): Promise<void> {
    const { spool, atOnce = 1 } = this.#options;
    this.#handedOver = 0;
    this.#groupMost = GROUP_MAX_MEMBERS;
    while (!signal.aborted) {
      const { entries, strandedEntries } = spool.status();
      const isMany = this.#failures === 0 && this.#areMany(entries - strandedEntries);
      const count = isMany ? this.#groupMost : atOnce;
      const waiting = await spool.next(this.#failures === 0 ? count : 1 + this.#distance);
      if (waiting.length === 0) {
        if (spool.isIdle) break;
        continue;
      }
      if (isMany) {
        await this.#handOverMany(waiting, signal);
        this.#sizeGroups();
      } else if (this.#failures === 0) await this.#handOver(waiting);
      else await this.#probe(waiting);
      if (this.#failures > 0) {
        this.#pace.stop();
        await this.#pause(signal);
      }
    }
    this.#pace.stop();
  }

  /** How far behind the first another is tried. */
  get #distance(): number {
    const tries = Math.max(0, this.#failures - PATIENCE);
    const rounds = Math.floor(tries / DOUBLINGS) % ROUNDS;
    return 2 ** (tries % DOUBLINGS) + rounds;
  }

  #areMany(entries: number): boolean {
    const { groupsFrom = GROUPS_FROM, groupsFromMs = GROUPS_FROM_MS } = this.#options;
    return entries >= groupsFrom || entries * this.#msPerEntry >= groupsFromMs;
  }

  /**
   * Only the first; but when it has failed for long, although Temporal answered right before, also
   * one behind it. So the order is kept whatever happens to Temporal, and nothing is in the way for
   * ever.
   */
  async #probe(waiting: readonly SpoolEntry[]): Promise<void> {
    const others = waiting.length - 1;
    const distance = this.#distance;
    const isOdd = this.#failures >= PATIENCE && others > 0 && (await this.#options.answers());
    await this.#handOver(waiting.slice(0, 1));
    if (!isOdd || this.#failures === 0) return;
    // Where fewer wait, one after the other, from the last on.
    const other = waiting[others < distance ? others - (this.#failures % others) : distance];
    if (other !== undefined) await this.#conclude(other, await this.#tryOut(other));
  }

  async #handOver(entries: readonly SpoolEntry[]): Promise<void> {
    const beganMs = performance.now();
    const tries = entries.map(async (entry) => [entry, await this.#tryOut(entry)] as const);
    const outcomes = await Promise.all(tries);
    this.#msPerEntry = (performance.now() - beganMs) / entries.length;
    this.#failures = outcomes.some(([, outcome]) => isAway(outcome)) ? this.#failures + 1 : 0;
    for (const [entry, outcome] of outcomes) await this.#conclude(entry, outcome);
  }

  /** The first, with those behind it that may share its write. */
  async #handOverMany(waiting: readonly SpoolEntry[], signal: AbortSignal): Promise<void> {
    const members = leadingGroup(waiting.map(({ payload }) => messageOf(payload)));
    const entries = waiting.slice(0, Math.max(1, members.length));
    if (entries.length === 1) {
      await this.#handOver(entries);
      return;
    }
    const outcome = await this.#tryOutMessage(groupMessage(members, Date.now()));
    if (isAway(outcome)) {
      this.#failures += 1;
      // It may only have been too much for the time that a write has.
      this.#groupMost = Math.ceil(entries.length / 2);
      this.#groupsTaken = 0;
    } else if ('error' in outcome) {
      // One of them may be to blame: it is found by trying each.
      for (const entry of entries) {
        if (this.#failures > 0 || signal.aborted) break;
        await this.#handOver([entry]);
      }
    } else {
      for (const entry of entries) await this.#conclude(entry, outcome);
    }
  }

  /** It may only have been a passing trouble that made them smaller. */
  #sizeGroups(): void {
    if (this.#failures > 0) return;
    this.#groupsTaken += 1;
    if (this.#groupsTaken < GROUPS_UNTIL_LARGER) return;
    this.#groupsTaken = 0;
    this.#groupMost = Math.min(2 * this.#groupMost, GROUP_MAX_MEMBERS);
  }

  async #tryOut({ payload }: SpoolEntry): Promise<Outcome> {
    try {
      return await this.#tryOutMessage(decodeMessage(payload));
    } catch (error) {
      return { error };
    }
  }

  async #tryOutMessage(message: InboxMessage): Promise<Outcome> {
    try {
      return { result: await this.#options.inbox.store(message) };
    } catch (error) {
      return { error };
    }
  }

  async #conclude(entry: SpoolEntry, outcome: Outcome): Promise<void> {
    if ('result' in outcome) {
      this.#suspicion.passed(entry.record);
      this.#options.counters.handedOver(outcome.result);
      this.#handedOver += 1;
      this.#pace.handedOver();
      await this.#options.spool.settle(entry);
      this.#tell();
    } else if (!isAway(outcome)) {
      this.#suspicion.passed(entry.record);
      await this.#setFailed(entry, outcome.error);
    } else if (this.#suspicion.failed(entry.record)) {
      this.#failures = 0;
      await this.#setFailed(entry, outcome.error);
    }
  }

  async #setFailed(entry: SpoolEntry, error: unknown): Promise<void> {
    const { logger, spool, counters } = this.#options;
    const { arrivedAtMs } = entry;
    const arrivedAt = new Date(arrivedAtMs).toISOString();
    const about = { arrivedAt, ...nameOf(entry.payload), cause: causesOf(error) };
    logger.error(about, 'Temporal does not take this callback: set apart, to be tried again later');
    counters.failed();
    await spool.setFailed(entry);
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const { pauseMaxMs = PAUSE_MAX_MS } = this.#options;
    const ms = Math.min(pauseMaxMs, PAUSE_MIN_MS * 2 ** (this.#failures - 1));
    await delay(ms, undefined, { signal }).catch(() => undefined);
  }

  #tell(): void {
    const { logger, spool } = this.#options;
    if (this.#handedOver > 1 && Date.now() - this.#toldAtMs < PROGRESS_EVERY_MS) return;
    this.#toldAtMs = Date.now();
    const { entries, bytes } = spool.status();
    logger.info({ handedOver: this.#handedOver, entries, bytes }, 'callbacks are handed over');
  }
}

/** Callers come again where all writes are taken; what waits here is to be tried again too. */
function isAway(outcome: Outcome): boolean {
  if (!('error' in outcome)) return false;
  return outcome.error instanceof BusyError || isOutage(outcome.error);
}

/** Undefined: nothing that this version knows. It is told when its turn comes. */
function messageOf(payload: Buffer): InboxMessage | undefined {
  try {
    return decodeMessage(payload);
  } catch {
    return undefined;
  }
}

/** What finds it in Temporal and at the provider; never its content. */
function nameOf(payload: Buffer): Record<string, string | undefined> {
  try {
    const message = decodeMessage(payload);
    const { kind } = message;
    if (message.kind === 'delivery') return { kind, digest: message.digest };
    if (message.kind === 'hint') return { kind, documentId: message.documentId };
    return { kind, documentId: message.document.documentId };
  } catch {
    return { kind: 'unknown' };
  }
}
