/** What every benchmark is to the command line. */

/** A whole number that a benchmark is told, `--<name> <number>`. */
export interface Flag {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  /** For `--help`: what it means, in a few words. */
  readonly help: string;
}

/** What a benchmark says while it runs, and how it is told to give up. */
export interface Surroundings {
  /** Takes one line for people; never to stdout. */
  readonly onProgress: (line: string) => void;
  /** Gives up: everything started is ended, and the run rejects with the signal's reason. */
  readonly signal: AbortSignal;
}

/** What a run comes to. */
export interface BenchmarkReport {
  /** For programs: one JSON object. */
  readonly json: object;
  /** For people: tables. */
  readonly text: string;
  /** Everything that was not as it must be, counted; 0 is success. */
  readonly failures: number;
  /**
   * What kept runs are compared by over versions, by name and unit (`documents/s`).
   * Without it, the numbers on the report's first two levels.
   */
  readonly figures?: Readonly<Record<string, number>>;
}

/** One named benchmark; `Name` are its flags. */
export interface Benchmark<Name extends string = string> {
  /** For `--help`: what it measures, in a line. */
  readonly summary: string;
  readonly flags: Readonly<Record<Name, Flag>>;
  /** Runs on real parts of its own and takes them down again. */
  run(settings: Readonly<Record<Name, number>>, around: Surroundings): Promise<BenchmarkReport>;
}
