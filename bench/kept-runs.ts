/** Reports that stay: one file per run, with where and when; the page shows them. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BenchmarkReport } from './benchmark.js';
import type { RunDescription } from './machine.js';
import { resultsPage } from './results-page.js';

/** Where kept runs are. */
export const RESULTS_FOLDER = fileURLToPath(new URL('./results', import.meta.url));

/** One run, as its file holds it. */
export interface KeptRun {
  readonly benchmark: string;
  readonly settings: Readonly<Record<string, number>>;
  readonly run: RunDescription;
  readonly failures: number;
  /** What the page plots, by name and unit. */
  readonly figures: Readonly<Record<string, number>>;
  readonly report: object;
}

/**
 * Writes a run's file, and the page anew.
 * @returns the file's path
 */
export async function keepRun(
  name: string,
  settings: KeptRun['settings'],
  { json, failures, figures }: BenchmarkReport,
  run: RunDescription,
  folder = RESULTS_FOLDER,
): Promise<string> {
  const kept: KeptRun = {
    ...{ benchmark: name, settings, run, failures },
    figures: figures ?? plainFigures(json),
    report: json,
  };
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${run.date.replace(/[:.]/g, '-')}-${name}.json`);
  // Never over another run's.
  await writeFile(path, `${JSON.stringify(kept, null, 2)}\n`, { flag: 'wx' });
  await writePage(folder);
  return path;
}

/** Writes `index.html` from all kept runs. @returns its path */
export async function writePage(folder = RESULTS_FOLDER): Promise<string> {
  const path = join(folder, 'index.html');
  await writeFile(path, resultsPage(await readRuns(folder)));
  return path;
}

/** The oldest first. @throws for a file that is not JSON */
export async function readRuns(folder = RESULTS_FOLDER): Promise<KeptRun[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort();
  return Promise.all(
    names.map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8')) as KeptRun),
  );
}

/** Where a benchmark names no figures of its own: the numbers on its report's first two levels. */
export function plainFigures(report: object): Readonly<Record<string, number>> {
  const skipped = new Set(['settings', 'machine', 'failures']);
  const figures = Object.entries(report).flatMap(([name, value]: [string, unknown]) => {
    if (typeof value === 'number') return [[name, value] as const];
    if (skipped.has(name) || !isPlain(value)) return [];
    return Object.entries(value).flatMap(([inner, number]) =>
      typeof number === 'number' ? [[`${name}.${inner}`, number] as const] : [],
    );
  });
  return Object.fromEntries(figures);
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
