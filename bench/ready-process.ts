/** Processes that are waited for, measured and ended; what they say is kept in a file. */
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { lastLines, openLog } from '../cli/process-log.js';
import { spawnTied } from '../cli/tied-process.js';

/** What to run, and how to tell that it does. */
export interface ProcessOrder {
  /** For people. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
  readonly logFile: string;
  /** Asked again and again; a rejection is a no. */
  readonly isReady: () => Promise<boolean>;
  /** Which signal ends it in order; SIGTERM unless told. */
  readonly endSignal?: NodeJS.Signals;
  readonly signal: AbortSignal;
}

/** A process that was ready once. */
export interface MeasuredProcess {
  readonly name: string;
  readonly pid: number;
  hasEnded(): boolean;
  /** The last lines that it wrote. */
  lastWords(): Promise<string[]>;
  /** Ends it, in order unless told, and resolves when it is gone; SIGKILL after half a minute. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

const READY_LIMIT_MS = 120_000;
const READY_POLL_MS = 100;
const END_LIMIT_MS = 30_000;
const LAST_WORDS = 10;

/** @throws with the end of its log when it ends or takes too long before it is ready */
export async function startProcess(order: ProcessOrder): Promise<MeasuredProcess> {
  const { name, command, args, environment, logFile, endSignal = 'SIGTERM' } = order;
  const log = await openLog(logFile);
  const process = await spawnTied(command, args, log.fd, environment ? { env: environment } : {});
  let hasEnded = false;
  void process.exited.then(() => (hasEnded = true));
  const stop = async (signal = endSignal): Promise<void> => {
    process.kill(signal);
    const limit = setTimeout(() => {
      process.kill('SIGKILL');
    }, END_LIMIT_MS);
    await process.exited;
    clearTimeout(limit);
    await log.close();
  };
  try {
    await untilReady(order, () => hasEnded);
  } catch (error) {
    const lines = await lastLines(log, LAST_WORDS);
    await stop();
    throw new Error([`${name} did not come up: ${String(error)}`, ...lines].join('\n  '), {
      cause: error,
    });
  }
  const lastWords = (): Promise<string[]> => lastLines(log, LAST_WORDS);
  return { name, pid: process.pid, hasEnded: () => hasEnded, lastWords, stop };
}

async function untilReady(
  { isReady, signal }: ProcessOrder,
  hasEnded: () => boolean,
): Promise<void> {
  const deadlineMs = Date.now() + READY_LIMIT_MS;
  let lastNo: unknown = 'it was not ready';
  const ask = (): Promise<boolean> =>
    isReady().catch((error: unknown) => {
      lastNo = error;
      return false;
    });
  while (!(await ask())) {
    signal.throwIfAborted();
    if (hasEnded()) throw new Error('it ended');
    if (Date.now() > deadlineMs) {
      throw new Error(`not ready within ${READY_LIMIT_MS} ms: ${String(lastNo)}`);
    }
    await delay(READY_POLL_MS);
  }
}

/** What a process has used so far. */
export interface Usage {
  /** User and system time, its children's included. */
  readonly cpuMs: number;
  /** Resident set, without children's. */
  readonly rssBytes: number;
}

/** Of Linux's /proc, in all its kernels on our platforms: clock ticks per second and page size. */
const TICK_MS = 10;
const PAGE_BYTES = 4_096;

/** Reads /proc. @returns undefined where there is none, or no such process */
export async function usageOf(pid: number): Promise<Usage | undefined> {
  const own = await statOf(pid);
  if (!own) return undefined;
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const all = await Promise.all(names.map((name) => statOf(Number(name))));
  const children = all.filter((each) => each?.parent === pid);
  const cpuMs = [own, ...children].reduce((sum, each) => sum + (each?.cpuMs ?? 0), 0);
  return { cpuMs, rssBytes: own.rssBytes };
}

interface Stat extends Usage {
  readonly parent: number;
}

async function statOf(pid: number): Promise<Stat | undefined> {
  try {
    const line = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The name, in brackets, may hold anything; fields are counted from behind it (proc(5)).
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    const field = (number: number): number => Number(fields[number - 3]);
    const ticks = field(14) + field(15) + field(16) + field(17);
    return { parent: field(4), cpuMs: ticks * TICK_MS, rssBytes: field(24) * PAGE_BYTES };
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (['ENOENT', 'ESRCH'].includes(code)) return undefined;
    throw error;
  }
}
