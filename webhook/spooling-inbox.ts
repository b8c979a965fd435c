import type { CallbackInbox, InboxMessage, StoreResult } from './callback-inbox.js';
import { UnavailableError } from './errors.js';
import { causesOf } from './refusals.js';
import { SpoolFullError, type SpoolStatus } from './spool/callback-spool.js';
import { SpoolHandover, type SpoolHandoverOptions } from './spool-handover.js';
import { encodeMessage } from './spooled-message.js';
import { isOutage } from './temporal-outage.js';

/** Of a process that died beside this one, nobody else may ever look after what it left. */
const ADOPT_EVERY_MS = 30_000;

/** What Temporal refused may be taken later: a limit of one workflow, an attribute made since. */
const RETRY_FAILED_EVERY_MS = 10 * 60_000;

interface SpoolingInboxOptions extends SpoolHandoverOptions {
  /** How long what has failed is left alone, in ms; 10 minutes unless told. */
  readonly retryEveryMs?: number;
  /** How often it is looked for what dead processes left, in ms; 30 s unless told. */
  readonly adoptEveryMs?: number;
}

/**
 * `idle`: callbacks go to Temporal. `holding`: they wait, because Temporal takes none.
 * `handingOver`: it does again, and new ones queue behind those that wait. `stranded`: callbacks go
 * to Temporal, while some wait that a dead process left and this one cannot take over, yet: they
 * must not hold up all others.
 */
export type SpoolState = 'idle' | 'holding' | 'handingOver' | 'stranded';

/** What people and machines are told of the spool. */
export interface SpoolReport extends Omit<SpoolStatus, 'oldestMs'> {
  readonly state: SpoolState;
  /** How long the first has waited, in whole seconds that are over; 0 where none waits. */
  readonly oldestSeconds: number;
}

/** A write that Temporal has not acknowledged. */
interface DirectWrite {
  readonly message: InboxMessage;
  readonly resolve: (result: StoreResult | Promise<StoreResult>) => void;
}

/** Temporal while it takes callbacks; files while it does not, and until those have caught up. */
export class SpoolingInbox implements CallbackInbox {
  readonly #options: SpoolingInboxOptions;
  readonly #handover: SpoolHandover;
  readonly #closing = new AbortController();
  /** In order of arrival. */
  readonly #underWay = new Set<DirectWrite>();
  /** Undefined: callbacks go to Temporal. */
  #catchingUp: Promise<void> | undefined;
  readonly #timers: NodeJS.Timeout[] = [];

  constructor(options: SpoolingInboxOptions) {
    this.#options = options;
    this.#handover = new SpoolHandover(options);
  }

  /** Takes over what dead processes left. To be awaited before the first callback. */
  async start(): Promise<void> {
    const { spool } = this.#options;
    const { adoptEveryMs = ADOPT_EVERY_MS, retryEveryMs = RETRY_FAILED_EVERY_MS } = this.#options;
    const regularly = (action: () => Promise<void>, everyMs: number): void => {
      this.#timers.push(setInterval(() => void action(), everyMs).unref());
    };
    const adopt = async (): Promise<void> => {
      await spool.adopt();
      this.#catchUpIfNeeded();
    };
    await adopt();
    // In an outage too: what another process left then is older than what comes here.
    regularly(adopt, adoptEveryMs);
    regularly(async () => {
      if (this.#catchingUp !== undefined) return;
      await spool.retryFailed();
      this.#catchUpIfNeeded();
    }, retryEveryMs);
  }

  store(message: InboxMessage): Promise<StoreResult> {
    return this.#catchingUp === undefined ? this.#storeDirectly(message) : this.#spool(message);
  }

  report(nowMs: number = Date.now()): SpoolReport {
    const { oldestMs = nowMs, ...status } = this.#options.spool.status();
    const oldestSeconds = Math.max(0, Math.floor((nowMs - oldestMs) / 1000));
    return { state: this.#stateWith(status.strandedEntries), ...status, oldestSeconds };
  }

  /** Ends what is under way; what waits stays for the next process. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#closing.abort();
    await this.#catchingUp;
    await this.#options.spool.close();
  }

  #stateWith(strandedEntries: number): SpoolState {
    if (this.#catchingUp === undefined) return strandedEntries > 0 ? 'stranded' : 'idle';
    return this.#handover.isMoving ? 'handingOver' : 'holding';
  }

  #catchUpIfNeeded(): void {
    if (!this.#options.spool.isIdle && this.#catchingUp === undefined) this.#hold();
  }

  #storeDirectly(message: InboxMessage): Promise<StoreResult> {
    const direct = this.#options.inbox.store(message);
    return new Promise((resolve) => {
      const write: DirectWrite = { message, resolve };
      this.#underWay.add(write);
      const conclude = (): void => {
        if (this.#underWay.delete(write)) resolve(direct);
      };
      direct.then(conclude, (error: unknown) => {
        if (!this.#underWay.has(write) || !isOutage(error)) {
          conclude();
          return;
        }
        this.#options.logger.warn({ cause: causesOf(error) }, 'Temporal takes no callbacks');
        this.#hold();
      });
    });
  }

  /** From now on callbacks wait; those under way too, since Temporal may leave them unanswered. */
  #hold(): void {
    this.#catchingUp ??= this.#catchUp();
    for (const { message, resolve } of this.#underWay) resolve(this.#spool(message));
    this.#underWay.clear();
  }

  async #spool(message: InboxMessage): Promise<StoreResult> {
    try {
      await this.#options.spool.append(encodeMessage(message));
    } catch (error) {
      const isFull = error instanceof SpoolFullError;
      const beside = isFull ? await this.#handover.handOverBeside(message) : undefined;
      if (beside !== undefined) return beside;
      this.#options.counters.refused(isFull ? 'full' : 'unwritable');
      throw new UnavailableError(error);
    }
    await this.#handover.turn();
    return 'spooled';
  }

  async #catchUp(): Promise<void> {
    const { spool, logger } = this.#options;
    const { signal } = this.#closing;
    // The callbacks that this is for are being spooled in this very turn of the event loop.
    await Promise.resolve();
    while (!signal.aborted && !spool.isIdle) await this.#handover.run(signal);
    if (signal.aborted) return;
    this.#catchingUp = undefined;
    if (this.#handover.isMoving) logger.info('callbacks go to Temporal again');
    else logger.info('nothing to hand over: the next callback asks Temporal');
    await spool.rest();
  }
}
