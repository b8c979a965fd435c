/** What can go wrong on purpose. All off by default. */
import { z } from 'zod';
import { chance, type Random } from './seeded-random.js';

const share = z.number().min(0).max(1);
const delay = z.number().int().min(0).max(3_600_000);
/** So many of the next ones, or all of them. */
const some = z.union([z.literal('always'), z.number().int().min(0)]);

const count = z.number().int().min(0).max(10_000);

/** A body that nobody can parse, as the provider sends it with some of its 500s. */
export const UNPARSEABLE = '<html>{"error": ';

/** The faults, each with its default: none. */
const faultsSchema = z.strictObject({
  /** Share of callbacks that are never sent. */
  dropCallbacks: share.default(0),
  /** Share of callbacks that are sent twice. */
  duplicateCallbacks: share.default(0),
  /** Callbacks wait a random time up to this, in milliseconds. */
  delayCallbacksMs: delay.default(0),
  /** Share of callbacks that go through a window which reorders them; batches are split up too. */
  shuffleCallbacks: share.default(0),
  /** Share of callbacks beside which a forged copy is sent. Unsigned notices have none. */
  tamperCallbacks: share.default(0),
  /** Share of API calls answered 429, half of them with `Retry-After`. */
  throttleApi: share.default(0),
  /** Share of API calls answered 500 with a body that nobody can parse. */
  failApi: share.default(0),
  /** PDF downloads wait so many milliseconds. */
  slowPdfMs: delay.default(0),
  /** Downloads of a final PDF whose bytes do not match `hash_value`. */
  wrongPdf: some.default(0),
  /** Downloads of a final PDF whose connection is cut in the middle. */
  cutPdf: some.default(0),
  /** A final PDF is handed out at once, by a redirect, or not yet (it is being de-archived). */
  pdfMode: z.enum(['ok', 'redirect', 'deArchiving']).default('ok'),
  /** Which of the two listings of documents the account answers; the other one is refused, 400. */
  listings: z.enum(['both', 'cache', 'groups']).default('both'),
  /** Offsets whose page of documents is always answered 500. */
  failPages: z.array(z.number().int().min(0)).max(1000).default([]),
  /** Pages of documents wait so many milliseconds. */
  slowListingMs: delay.default(0),
  /** Pages of documents hold so many rows, whatever is asked for; 0: as asked. */
  pageRows: z.number().int().min(0).max(1_000_000).default(0),
  /** Pages of documents count so many in all, whatever there are; 0: as many as there are. */
  listingTotal: z.number().int().min(0).max(1_000_000_000).default(0),
  /** After each page of documents so many that stand before its end, tag `churn`, are removed. */
  churnArchive: count.default(0),
  /** After each page of documents so many new ones come to the front. */
  churnCreate: count.default(0),
});

/** All faults and their settings. */
export type Faults = z.infer<typeof faultsSchema>;

/** No faults. */
const NO_FAULTS: Readonly<Faults> = faultsSchema.parse({});

/** Faults as a request names them; what it leaves out is not there. */
export const faultsPatchSchema = z
  .strictObject(
    Object.fromEntries(
      Object.entries(faultsSchema.shape).map(([name, schema]) => [
        name,
        schema.unwrap().optional(),
      ]),
    ),
  )
  .transform((patch) => patch as Partial<Faults>);

/** The faults in force, and the generator they are drawn from. */
export class FaultPanel {
  #faults: Faults = { ...NO_FAULTS };
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** A copy of the settings. */
  get current(): Faults {
    return { ...this.#faults };
  }

  /** Replaces what is named, keeps the rest. */
  change(patch: Partial<Faults>): Faults {
    this.#faults = { ...this.#faults, ...patch };
    return this.current;
  }

  /** Replaces everything: what is not named is off. */
  replace(faults: Partial<Faults>): Faults {
    this.#faults = { ...NO_FAULTS, ...faults };
    return this.current;
  }

  /** Draws whether a fault that has a share strikes now. */
  strikes(
    fault:
      | 'dropCallbacks'
      | 'duplicateCallbacks'
      | 'shuffleCallbacks'
      | 'tamperCallbacks'
      | 'throttleApi'
      | 'failApi',
  ): boolean {
    return chance(this.#faults[fault], this.#random);
  }

  /** Draws whether a callback of a document is kept back because the document is muted. */
  mutes({ muted }: { readonly muted: number }): boolean {
    return chance(muted, this.#random);
  }

  /** Takes one from a fault that is counted; whether there was one. */
  takes(fault: 'wrongPdf' | 'cutPdf'): boolean {
    const left = this.#faults[fault];
    if (left === 'always') return true;
    if (left === 0) return false;
    this.#faults = { ...this.#faults, [fault]: left - 1 };
    return true;
  }

  /** How long the next callback waits, in milliseconds. */
  callbackDelayMs(): number {
    const { delayCallbacksMs } = this.#faults;
    return delayCallbacksMs === 0 ? 0 : Math.round(this.#random() * delayCallbacksMs);
  }
}
