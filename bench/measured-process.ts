/** A process of its own whose time or memory is measured, and how it is talked to. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ResourceBasedTuner, WorkerOptions } from '@temporalio/worker';
import type { Environment } from '../configuration/settings.js';
import { startFlags } from './start-flags.js';

const CHILD = fileURLToPath(new URL('./measured-child.ts', import.meta.url));

/** A page of the provider's listing. */
export interface PageAsked {
  readonly offset: number;
  readonly limit: number;
}

/** What the child is asked; each is answered with a number. */
export type Question =
  /** Fetches the pages, so many at a time, and answers in milliseconds. */
  | { readonly kind: 'fetch'; readonly pages: readonly PageAsked[]; readonly atOnce: number }
  /** Begins to watch its memory anew, and answers with what is resident now, in bytes. */
  | { readonly kind: 'watchRss' }
  /** Answers with the most that was resident since then, in bytes. */
  | { readonly kind: 'peakRss' };

/** A running child. */
export interface MeasuredProcess {
  readonly pid: number;
  ask(question: Question): Promise<number>;
  /** Ends it in order. */
  close(): Promise<void>;
}

/** What to run. */
export interface MeasuredOrder {
  readonly role: 'worker' | 'fetcher';
  readonly bundlePath: string;
  readonly environment: Environment;
  /** Of the worker, beside what its settings say. */
  readonly options?: MeasuredWorkerOptions;
}

/** Those that can be written as JSON. */
export type MeasuredWorkerOptions = Pick<
  WorkerOptions,
  | 'maxCachedWorkflows'
  | 'maxConcurrentWorkflowTaskExecutions'
  | 'maxConcurrentWorkflowTaskPolls'
  | 'workflowTaskPollerBehavior'
  | 'activityTaskPollerBehavior'
  | 'workflowThreadPoolSize'
> & { readonly tuner?: ResourceBasedTuner };

/** Starts a child; resolves when it is ready for work. */
export async function spawnMeasured(
  { role, bundlePath, environment, options = {} }: MeasuredOrder,
  signal: AbortSignal,
): Promise<MeasuredProcess> {
  const words = [role, bundlePath, JSON.stringify(options)];
  const child = spawn(
    process.execPath,
    [...startFlags('start:worker'), '--import', 'tsx', CHILD, ...words],
    {
      env: { ...process.env, ...environment },
      // stdout is the report's.
      stdio: ['ignore', 2, 2, 'ipc'],
    },
  );
  const exited = once(child, 'exit');
  const close = async (): Promise<void> => {
    if (child.connected) child.disconnect();
    await exited;
  };
  try {
    await answerOf(child, signal);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return {
    pid: child.pid ?? -1,
    ask: (question) => {
      child.send(question);
      return answerOf(child, signal);
    },
    close,
  };
}

/** One question at a time: the next message is its answer. */
async function answerOf(child: ChildProcess, signal: AbortSignal): Promise<number> {
  const answered = new AbortController();
  const either = AbortSignal.any([signal, answered.signal]);
  try {
    const answer = await Promise.race([
      once(child, 'message', { signal: either }),
      once(child, 'exit', { signal: either }).then(([code]) => {
        throw new Error(`a measured process ended by itself: ${String(code)}`);
      }),
    ]);
    return Number(answer[0]);
  } finally {
    answered.abort();
  }
}
