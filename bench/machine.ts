/** On what a benchmark ran: a figure without it says nothing. */
import { execFile } from 'node:child_process';
import { cpus, platform, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** What every report says of its machine. */
export interface MachineDescription {
  readonly node: string;
  readonly cores: number;
}

/** What is kept beside a report. */
export interface RunDescription extends MachineDescription {
  readonly cpu: string;
  readonly memoryGiB: number;
  readonly system: string;
  /** ISO 8601 UTC. */
  readonly date: string;
  /** Of the sources; `+` behind it where they had changes that are in no commit. */
  readonly commit: string;
  readonly version: string;
  /** Runnable processes per core over the last minute, before the run: others' load. */
  readonly loadBefore: number;
}

/** Node's version and the number of cores. */
export function describeMachine(): MachineDescription {
  return { node: process.version, cores: cpus().length };
}

/**
 * Everything about where and when.
 * @param loadBefore `os.loadavg()[0]`, taken before the run
 */
export async function describeRun(version: string, loadBefore: number): Promise<RunDescription> {
  return {
    ...describeMachine(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()}`,
    date: new Date().toISOString(),
    commit: await commit(),
    version,
    loadBefore: Math.round((loadBefore / cpus().length) * 100) / 100,
  };
}

async function commit(): Promise<string> {
  const git = async (...words: string[]): Promise<string> =>
    (await run('git', words, { cwd: ROOT })).stdout.trim();
  try {
    const changes = await git('status', '--porcelain', '--untracked-files=no');
    return `${await git('rev-parse', '--short=10', 'HEAD')}${changes === '' ? '' : '+'}`;
  } catch {
    // Sources without a repository, an archive say: the version is all there is.
    return 'unknown';
  }
}
