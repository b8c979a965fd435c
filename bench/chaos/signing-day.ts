/** Documents that applications create and people sign, each step at a time from the seed. */
import { setTimeout as delay } from 'node:timers/promises';
import PQueue from 'p-queue';
import { ProviderError, TrackingFailedError, type Countersign } from '../../client/index.js';
import type { Sandbox } from '../../sandbox/index.js';
import { shuffled, type Random } from '../../sandbox/seeded-random.js';

/** How a document's day ends, and with which share of the documents. */
const ENDINGS = [
  ['signed', 0.8],
  ['rejected', 0.07],
  ['removed', 0.05],
  ['open', 0.08],
] as const;
type Ending = (typeof ENDINGS)[number][0];

/** What a day is to be. */
export interface SigningDayOrder {
  readonly documents: number;
  readonly durationMs: number;
  readonly random: Random;
}

/** What the applications met. */
export interface SigningDay {
  /** Calls that failed and may have created a document: applications leave those alone. */
  readonly ambiguous: number;
  /** Documents whose workflow could not be started at once. */
  readonly trackedLater: number;
  /** Failures that an application would not know what to do about. */
  readonly unexpected: readonly string[];
}

const SIGNERS = 3;

/** The last steps come before the load's end. */
const LATEST_CREATION = 0.75;

const PROGRESS_MS = 5_000;
const RETRY_PAUSE_MS = 500;
const GIVE_UP_MS = 60_000;

/** Runs the day in real time. */
export class SigningDayRun {
  readonly #countersign: Countersign;
  readonly #sandbox: Sandbox;
  readonly #order: SigningDayOrder;
  readonly #calls = new PQueue({ concurrency: 8 });
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #beganMs = performance.now();
  #ambiguous = 0;
  #trackedLater = 0;
  readonly #unexpected: string[] = [];

  constructor(countersign: Countersign, sandbox: Sandbox, order: SigningDayOrder) {
    this.#countersign = countersign;
    this.#sandbox = sandbox;
    this.#order = order;
  }

  /** @param onProgress hears how many documents there are, now and then */
  async run(signal: AbortSignal, onProgress: (line: string) => void): Promise<SigningDay> {
    const { documents, durationMs } = this.#order;
    for (let index = 0; index < documents; index += 1) {
      this.#at((durationMs * LATEST_CREATION * index) / documents, () => {
        void this.#calls.add(() => this.#create(index));
      });
    }
    try {
      while (this.#timers.size + this.#calls.size + this.#calls.pending > 0) {
        await delay(PROGRESS_MS, undefined, { signal });
        const seconds = Math.round((performance.now() - this.#beganMs) / 1000);
        onProgress(`${seconds} s: ${this.#sandbox.documents().length} documents`);
      }
    } finally {
      for (const timer of this.#timers) clearTimeout(timer);
    }
    return {
      ambiguous: this.#ambiguous,
      trackedLater: this.#trackedLater,
      unexpected: this.#unexpected,
    };
  }

  /** @param atMs since the beginning */
  #at(atMs: number, run: () => void): void {
    const waitMs = Math.max(atMs - (performance.now() - this.#beganMs), 0);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, waitMs);
    this.#timers.add(timer);
  }

  /** What people do with a document, from now to the end of the day. */
  #plan(documentId: string): void {
    const { random, durationMs } = this.#order;
    const nowMs = performance.now() - this.#beganMs;
    const leftMs = Math.max(durationMs - nowMs, 0);
    const ending = drawEnding(random);
    const signers = shuffled(this.#sandbox.document(documentId).signers, random);
    const times = signers.map(() => nowMs + random() * leftMs).sort((a, b) => a - b);
    for (const [index, { id }] of signers.entries()) {
      const atMs = times[index] ?? nowMs;
      const isLast = index === signers.length - 1;
      if (ending === 'removed' && isLast) {
        this.#at(atMs, () => {
          this.#sandbox.removeDocument(documentId);
        });
        return;
      }
      if (ending === 'open' && isLast) return;
      this.#at(nowMs + random() * (atMs - nowMs), () => {
        this.#sandbox.advanceSigner(id, { status: 'visited' });
      });
      this.#at(atMs, () => {
        const status = ending === 'rejected' && isLast ? 'rejected' : 'signed';
        this.#sandbox.advanceSigner(id, { status });
      });
    }
  }

  /** As a careful application does it: what may have happened is not done again. */
  async #create(index: number): Promise<void> {
    const deadlineMs = Date.now() + GIVE_UP_MS;
    for (;;) {
      try {
        const { documentId } = await this.#countersign.createDocument(requestFor(index));
        this.#plan(documentId);
        return;
      } catch (error) {
        if (error instanceof TrackingFailedError) return this.#track(error.documentId, deadlineMs);
        if (error instanceof ProviderError && error.kind === 'ambiguous') {
          this.#ambiguous += 1;
          return;
        }
        if (!(error instanceof ProviderError) || Date.now() > deadlineMs) {
          this.#unexpected.push(`createDocument: ${String(error)}`);
          return;
        }
      }
      await delay(RETRY_PAUSE_MS);
    }
  }

  async #track(documentId: string, deadlineMs: number): Promise<void> {
    this.#trackedLater += 1;
    this.#plan(documentId);
    for (;;) {
      await delay(RETRY_PAUSE_MS);
      try {
        await this.#countersign.trackDocument(documentId);
        return;
      } catch (error) {
        if (Date.now() < deadlineMs) continue;
        this.#unexpected.push(`trackDocument: ${String(error)}`);
        return;
      }
    }
  }
}

function drawEnding(random: Random): Ending {
  let left = random();
  for (const [ending, share] of ENDINGS) {
    left -= share;
    if (left < 0) return ending;
  }
  return 'signed';
}

function requestFor(index: number): Parameters<Countersign['createDocument']>[0] {
  return {
    name: `Agreement ${index}`,
    group: 'chaos',
    tag: `chaos-${index}`,
    text: 'An agreement.',
    signers: Array.from({ length: SIGNERS }, (_, number) => ({
      firstname: 'Sam',
      lastname: `Signer ${number}`,
      email: `sam${number}@example.com`,
      order: 1,
    })),
  };
}
