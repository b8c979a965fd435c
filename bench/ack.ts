/** Callbacks acknowledged a second, beside a door that stores nothing and two usual ways. */
import { answerTimesOf, atLeast, atMost, failureLines, machineOf, rateOf } from './door-report.js';
import { ratioOf, spreadRow, totalOf, unansweredOf, verdictLines } from './door-report.js';
import type { AnswerTimes, DoorFailures, Verdict } from './door-report.js';
import type { Benchmark, BenchmarkReport, Surroundings } from './benchmark.js';
import type { LoadResult, SignedCallback } from './callback-load.js';
import { newDocuments, SIGNERS, untilArrived, visits } from './door-callbacks.js';
import type { BenchDocument } from './door-callbacks.js';
import { openDoorStage, type Door, type DoorStage } from './door-stage.js';
import { table } from './text-table.js';
import { openPrivatePostgres, type PrivatePostgres } from './private-postgres.js';
import { spread, type Spread } from './statistics.js';

/** What a run is told. */
export interface AckSettings {
  /** Of each slice. */
  readonly callbacks: number;
  readonly connections: number;
  readonly slices: number;
  /** Callbacks a second of the open loop, and how long it lasts. */
  readonly rate: number;
  readonly seconds: number;
}

/** The sides, in the order of the first slice. */
const SIDES = ['bare', 'countersign', 'inbox', 'textbook'] as const;
type Side = (typeof SIDES)[number];

/** What a run comes to. */
export interface AckResult {
  readonly benchmark: 'ack';
  readonly definition: string;
  readonly settings: AckSettings;
  readonly machine: ReturnType<typeof machineOf>;
  readonly failures: DoorFailures & { readonly total: number };
  /** Answered 200 per second. */
  readonly rates: Readonly<Partial<Record<Side, Spread>>>;
  /** Ours divided by theirs in the same slice. */
  readonly ratios: Readonly<Partial<Record<Side, Spread>>>;
  readonly closedLoop: AnswerTimes;
  readonly openLoop: AnswerTimes;
  /** Callbacks per write that was shared. */
  readonly meanGroup: number;
  readonly verdicts: readonly Verdict[];
  /** Why a side is not there. */
  readonly skipped: Readonly<Partial<Record<Side, string>>>;
}

const DEFINITION =
  'Realtime callbacks of documents with three signers, each signed with RSA-4096 and sent once, ' +
  'over so many connections by autocannon in a process of its own; each door is a process. ' +
  "Countersign's webhook and worker are those of the build, as they are deployed, the worker at a " +
  'lower priority, since the cores are few. What Countersign answered is then looked for in the ' +
  "documents' workflows, before the next side begins. Bare: a Koa app that checks the signature " +
  'and stores nothing. Inbox: the same with one INSERT committed by PostgreSQL. Textbook: the ' +
  'same with one signalWithStart awaited. Open loop: each callback is due at its time, whatever ' +
  'became of others.';

/** The textbook's way is so much slower that it gets fewer callbacks. */
const TEXTBOOK_SHARE = 10;

/**
 * Before anything is measured: a process that has run for a minute is compiled where it matters,
 * and the longer a door's code, the longer that takes.
 */
const WARM_UP = 3_000;

/** For news to arrive, per callback and in all. */
const ARRIVAL_MS = 500;
const ARRIVAL_MIN_MS = 120_000;

/** `npm run bench -- ack`. */
export const ack: Benchmark<keyof AckSettings> = {
  summary: 'Callbacks acknowledged a second, beside a bare door, an inbox table and signals.',
  flags: {
    callbacks: { default: 6_000, min: 30, max: 1_000_000, help: 'of each slice' },
    connections: { default: 400, min: 1, max: 1_000, help: 'at once' },
    slices: { default: 4, min: 1, max: 1_000, help: 'rounds in which every side has its turn' },
    rate: { default: 100, min: 1, max: 10_000, help: 'callbacks a second of the open loop' },
    seconds: { default: 10, min: 1, max: 3_600, help: 'that it lasts' },
  },
  async run(settings, around): Promise<BenchmarkReport> {
    const result = await runAck(settings, around);
    return { json: result, text: ackText(result), failures: result.failures.total };
  },
};

/** Runs on parts of its own. @throws the signal's reason when given up */
export async function runAck(settings: AckSettings, around: Surroundings): Promise<AckResult> {
  around.onProgress('starting a Temporal server, worker, sandbox, PostgreSQL and the doors');
  const stage = await openDoorStage(around);
  try {
    return await measureAck(stage, settings, around);
  } finally {
    await stage.close();
  }
}

/** Runs on a stage that is there; PostgreSQL and the doors are its own. */
export async function measureAck(
  stage: DoorStage,
  settings: AckSettings,
  { onProgress }: Surroundings,
): Promise<AckResult> {
  const postgres = await openPrivatePostgres().catch((error: unknown) => String(error));
  const run = new AckRun(stage, settings, onProgress);
  try {
    return await run.run(postgres);
  } finally {
    await run.close();
    if (typeof postgres !== 'string') await postgres.close();
  }
}

interface Prepared {
  readonly documents: readonly BenchDocument[];
  readonly callbacks: readonly SignedCallback[];
}

class AckRun {
  readonly #stage: DoorStage;
  readonly #settings: AckSettings;
  readonly #onProgress: (line: string) => void;
  readonly #doors = new Map<Side, Door>();
  readonly #failures = { notAnswered200: 0, notArrived: 0 };
  readonly #results = new Map<Side, LoadResult[]>(SIDES.map((side) => [side, []]));

  constructor(stage: DoorStage, settings: AckSettings, onProgress: (line: string) => void) {
    this.#stage = stage;
    this.#settings = settings;
    this.#onProgress = onProgress;
  }

  async run(postgres: PrivatePostgres | string): Promise<AckResult> {
    const skipped = await this.#openDoors(postgres);
    const { callbacks, slices } = this.#settings;
    await this.#slice([...this.#doors.keys()], Math.min(WARM_UP, callbacks));
    for (const results of this.#results.values()) results.splice(0);
    for (let slice = 0; slice < slices; slice += 1) {
      const sides = [...this.#doors.keys()];
      // Nobody is always the one after the same neighbour.
      const order = [...sides.slice(slice % sides.length), ...sides.slice(0, slice % sides.length)];
      await this.#slice(order, callbacks);
      this.#tell(slice);
    }
    const meanGroup = await this.#meanGroup();
    return this.#report(await this.#openLoop(), meanGroup, skipped);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#doors.values()].map((door) => door.end()));
  }

  async #openDoors(postgres: PrivatePostgres | string): Promise<AckResult['skipped']> {
    const isMissing = typeof postgres === 'string';
    this.#doors.set('bare', await this.#stage.openPeer('bare'));
    this.#doors.set('countersign', await this.#stage.openWebhook());
    if (!isMissing) {
      this.#doors.set('inbox', await this.#stage.openPeer('inbox', postgres.socketFolder));
    }
    this.#doors.set('textbook', await this.#stage.openPeer('textbook'));
    return isMissing ? { inbox: postgres } : {};
  }

  /**
   * Each side in turn. Its documents are new: nothing of them is known. What bare door and inbox
   * get is never told to Temporal, so it can be the same as ours: signing takes longest.
   */
  async #slice(order: readonly Side[], callbacks: number): Promise<void> {
    const { connections } = this.#settings;
    const count = Math.ceil(callbacks / SIGNERS);
    const shared = await this.#prepare(count);
    for (const side of order) {
      const own =
        side === 'textbook' ? await this.#prepare(Math.ceil(count / TEXTBOOK_SHARE)) : shared;
      this.#results.get(side)?.push(await this.#send(side, own, { connections }));
    }
  }

  async #prepare(count: number): Promise<Prepared> {
    const documents = newDocuments(this.#stage, count);
    return { documents, callbacks: await visits(this.#stage, documents) };
  }

  async #send(
    side: Side,
    { documents, callbacks }: Prepared,
    how: { readonly connections: number } | { readonly perSecond: number },
  ): Promise<LoadResult> {
    this.#stage.signal.throwIfAborted();
    const url = this.#doors.get(side)?.url ?? '';
    const result = await this.#stage.send({ url, callbacks, ...how });
    this.#failures.notAnswered200 += unansweredOf(result, callbacks.length);
    if (side === 'countersign' || side === 'textbook') {
      const limitMs = ARRIVAL_MIN_MS + callbacks.length * ARRIVAL_MS;
      this.#failures.notArrived += await untilArrived(this.#stage, documents, limitMs);
    }
    return result;
  }

  async #openLoop(): Promise<LoadResult> {
    const { rate, seconds } = this.#settings;
    const prepared = await this.#prepare(Math.ceil((rate * seconds) / SIGNERS));
    return this.#send('countersign', prepared, { perSecond: rate });
  }

  async #meanGroup(): Promise<number> {
    const door = this.#doors.get('countersign');
    if (!door) return NaN;
    const name = 'countersign_callback_group_size';
    const sum = await this.#stage.metric(door, `${name}_sum`);
    return sum / (await this.#stage.metric(door, `${name}_count`));
  }

  #rates(side: Side): number[] {
    return (this.#results.get(side) ?? []).map(rateOf);
  }

  #tell(slice: number): void {
    const rates = [...this.#doors.keys()].map((side) => {
      return `${side} ${(this.#rates(side)[slice] ?? NaN).toFixed(0)}/s`;
    });
    this.#onProgress(`slice ${slice + 1} of ${this.#settings.slices}: ${rates.join(', ')}`);
  }

  #report(open: LoadResult, meanGroup: number, skipped: AckResult['skipped']): AckResult {
    const sides = [...this.#doors.keys()];
    const ours = this.#rates('countersign');
    const others = sides.filter((side) => side !== 'countersign');
    const ratios = Object.fromEntries(
      others.map((side) => [side, ratioOf(ours, this.#rates(side))] as const),
    ) as AckResult['ratios'];
    const openLoop = answerTimesOf([open]);
    return {
      benchmark: 'ack',
      definition: DEFINITION,
      settings: this.#settings,
      machine: machineOf(),
      failures: { ...this.#failures, total: totalOf(this.#failures) },
      rates: Object.fromEntries(sides.map((side) => [side, spread(this.#rates(side))])),
      ratios,
      closedLoop: answerTimesOf(this.#results.get('countersign') ?? []),
      openLoop,
      meanGroup,
      verdicts: [
        atLeast('acknowledged / bare', ratios.bare?.median ?? NaN, 0.8),
        atLeast('acknowledged / textbook', ratios.textbook?.median ?? NaN, 15),
        ...(ratios.inbox ? [atLeast('acknowledged / inbox', ratios.inbox.median, 1)] : []),
        atMost('p99 of the open loop, ms', openLoop.p99Ms, 50),
      ],
      skipped,
    };
  }
}

function ackText(result: AckResult): string {
  const { settings, machine, rates, ratios, closedLoop, openLoop, meanGroup, skipped } = result;
  const { callbacks, connections, rate } = settings;
  const times = (name: string, { p50Ms, p99Ms, maxMs }: AnswerTimes): string[] => {
    return [name, ...[p50Ms, p99Ms, maxMs].map((ms) => ms.toFixed(1))];
  };
  const sides = Object.entries(rates);
  return [
    `ack: ${callbacks} callbacks over ${connections} connections, Node ${machine.node}, ${machine.cores} cores`,
    failureLines(result.failures).join('\n'),
    table([
      ['acknowledged/s', 'median', 'min', 'max'],
      ...sides.map(([side, all]) => spreadRow(side, all)),
      ...Object.entries(ratios).map(([side, all]) => spreadRow(`countersign / ${side}`, all, 2)),
    ]).join('\n'),
    table([
      ['answered within, ms', 'p50', 'p99', 'max'],
      times(`${connections} connections`, closedLoop),
      times(`open loop, ${rate}/s`, openLoop),
    ]).join('\n'),
    `callbacks per shared write: ${meanGroup.toFixed(1)}`,
    verdictLines(result.verdicts).join('\n'),
    ...Object.entries(skipped).map(([side, reason]) => `${side} is not there: ${reason}`),
    DEFINITION,
  ].join('\n\n');
}
