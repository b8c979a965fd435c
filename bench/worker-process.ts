/** Countersign's worker as a process that tells its parent when it polls, and ends with it. */
import { setPriority } from 'node:os';
import { pino } from 'pino';
import { readConfiguration } from '../worker/configuration.js';
import { installRuntime, startWorker } from '../worker/main.js';

/** Where callbacks come by the thousand it has cores of its own; here it leaves the door's. */
const NICE = 5;

setPriority(NICE);
process.once('disconnect', () => process.exit());
process.once('message', () => {
  const logger = pino({ level: 'error' }, pino.destination(2));
  installRuntime(logger);
  void startWorker(readConfiguration(), { logger }).then((worker) => {
    process.once('SIGTERM', () => void worker.close().finally(() => process.exit()));
    process.send?.({ polls: true });
  });
});
