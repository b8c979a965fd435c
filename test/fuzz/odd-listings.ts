/** Listings of the provider's that are odd, and say truly whether more follows; or that fail. */
import { randomUUID } from 'node:crypto';
import type { RequestListener } from 'node:http';
import fc from 'fast-check';
import { json } from '../support/provider-stage.js';

/** What a listing of some documents does on being read. */
export interface OddListing {
  readonly rows: number;
  /** `none`: `next` is not there, and only the count says whether more follows. */
  readonly says: {
    readonly count: 'right' | 'missing' | 'too small' | 'too large' | 'zero';
    readonly next: 'right' | 'none';
  };
  /** How many rows a page has, whatever it was asked for. */
  readonly pageRows: 'as asked' | 'seven' | 'fifteen' | 'more' | 'now these, now those';
  readonly fault: keyof typeof FAULTS;
  /** Where it has that fault, in pages. */
  readonly faultAt: number;
  /** What happens to its front while it is read. */
  readonly front: 'stays' | 'grows' | 'shrinks';
}

type Fault = (asked: { readonly isThere: boolean; readonly isFrom: boolean; times: number }) => {
  readonly status?: number;
  readonly rows?: number;
};

/** What is answered instead: to one page's first questions, or from one question on. */
const FAULTS = {
  none: () => ({}),
  'fails once': ({ isThere, times }) => (isThere && times === 1 ? { status: 500 } : {}),
  'unknown twice': ({ isThere, times }) => (isThere && times <= 2 ? { status: 404 } : {}),
  'empty once': ({ isThere, times }) => (isThere && times === 1 ? { rows: 0 } : {}),
  'short once': ({ isThere, times }) => (isThere && times === 1 ? { rows: 9 } : {}),
  'fails for ever': ({ isThere }) => (isThere ? { status: 500 } : {}),
  'down from then on': ({ isFrom }) => (isFrom ? { status: 500 } : {}),
  'refused from then on': ({ isFrom }) => (isFrom ? { status: 400 } : {}),
} satisfies Record<string, Fault>;

const LASTING: readonly string[] = ['fails for ever', 'down from then on', 'refused from then on'];

/** Whether some of it may never be shown. */
export function isLasting({ fault }: OddListing): boolean {
  return LASTING.includes(fault);
}

const says = fc.oneof(
  fc.record({ count: fc.constant('right'), next: fc.constantFrom('right', 'none') } as const),
  fc.record({
    count: fc.constantFrom('missing', 'too small', 'too large', 'zero'),
    next: fc.constant('right'),
  } as const),
);

export const oddListing: fc.Arbitrary<OddListing> = fc.record({
  rows: fc.constantFrom(0, 1, 5, 19, 20, 21, 40, 60, 100, 150),
  says,
  pageRows: fc.constantFrom('as asked', 'seven', 'fifteen', 'more', 'now these, now those'),
  fault: fc.constantFrom(...(Object.keys(FAULTS) as (keyof typeof FAULTS)[])),
  faultAt: fc.nat({ max: 3 }),
  front: fc.constantFrom('stays', 'stays', 'grows', 'shrinks'),
} as const);

interface Row {
  readonly uuid: string;
  readonly status: string;
}

/** Pages of 20 begin as far apart. */
const STRIDE = 16;

/** A run that asks more often has lost its way: it could do with a tenth of that. */
const ASKED_MAX = 250;

/** A listing that is served, and what became of it. */
export class ServedListing {
  readonly listing: OddListing;
  /** Rejects once it is asked too often: a run that never ends would not tell. */
  readonly lost: Promise<never>;
  #onLost: (error: Error) => void = () => undefined;
  readonly #first: readonly Row[];
  #rows: readonly Row[];
  #times = new Map<number, number>();
  /** Questions, for pages and again for the same ones. */
  asked = 0;

  constructor(listing: OddListing) {
    this.listing = listing;
    this.#first = Array.from({ length: listing.rows }, newRow);
    this.#rows = this.#first;
    this.lost = new Promise((_resolve, reject) => {
      this.#onLost = reject;
    });
    this.lost.catch(() => undefined);
  }

  /** Those that were there from the first question to the last. */
  get staying(): number {
    return this.#first.filter((row) => this.#rows.includes(row)).length;
  }

  /** Answers one question for a page. */
  readonly answer: RequestListener = (request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://provider');
    const [offset = 0, limit = 0] = ['offset', 'limit'].map((each) =>
      Number(searchParams.get(each)),
    );
    const times = (this.#times.get(offset) ?? 0) + 1;
    this.#times.set(offset, times);
    this.asked += 1;
    if (this.asked > ASKED_MAX) this.#onLost(new Error(`asked ${ASKED_MAX} times and more`));
    const { fault, faultAt } = this.listing;
    const isThere = offset === faultAt * STRIDE;
    const { status, ...instead }: ReturnType<Fault> = FAULTS[fault]({
      ...{ isThere, isFrom: this.asked > faultAt + 1, times },
    });
    if (status !== undefined) {
      json({}, status)(request, response);
      return;
    }
    this.#changeFront();
    const count = this.#pageRows(limit, offset + times);
    const hasNext = offset + count < this.#rows.length;
    const shown = hasNext ? (instead.rows ?? count) : count;
    const meta = this.#meta(hasNext);
    json({ meta, objects: this.#rows.slice(offset, offset + shown) })(request, response);
  };

  #meta(hasNext: boolean): object {
    const { count, next } = this.listing.says;
    const { length } = this.#rows;
    const counts = { right: length, 'too small': length >> 1, 'too large': length + 50, zero: 0 };
    return {
      ...(count !== 'missing' && { total_count: counts[count] }),
      ...(next === 'right' && { next: hasNext ? '?further' : null }),
    };
  }

  #pageRows(limit: number, moment: number): number {
    switch (this.listing.pageRows) {
      case 'as asked':
        return limit;
      case 'seven':
        return Math.min(7, limit);
      case 'fifteen':
        return Math.min(15, limit);
      case 'more':
        return 33;
      case 'now these, now those':
        return Math.ceil(limit / 2) + ((moment * 7) % Math.ceil(limit / 2));
    }
  }

  /** More slowly than pages share rows. */
  #changeFront(): void {
    const { front } = this.listing;
    if (this.asked % 2 === 1 || this.asked > 20) return;
    if (front === 'grows') this.#rows = [newRow(), ...this.#rows];
    if (front === 'shrinks') this.#rows = this.#rows.slice(1);
  }
}

function newRow(): Row {
  return { uuid: randomUUID(), status: '10' };
}
