/** A process that runs one file and talks by messages: it has an event loop to itself. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startFlags } from './start-flags.js';

/** One that runs. */
export interface Forked {
  readonly child: ChildProcess;
  /** Sends an order and resolves with the answer. @throws where the process ends instead */
  ask(order: object): Promise<unknown>;
  /** Tells it to end, and resolves once it has. */
  end(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts the file of that name beside this one. */
export function forkBeside(file: string): Forked {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child = fork(path, [], {
    // Those of the webhook, with which the others are compared.
    execArgv: [...startFlags('start:webhook'), '--import', 'tsx'],
    // Buffers stay what they are.
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit');
  return {
    child,
    async ask(order) {
      const answer = once(child, 'message') as Promise<[unknown]>;
      child.send(order);
      const gone = exited.then(() => Promise.reject(new Error(`${file} ended by itself`)));
      const [message] = await Promise.race([answer, gone]);
      return message;
    },
    async end(signal = 'SIGTERM') {
      // A process that has ended stays so.
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await exited;
    },
  };
}
