/** Every command, in the order of the help. */
import type { Command } from '../command.js';
import { archive } from './archive.js';
import { callbacks } from './callbacks.js';
import { doctor } from './doctor.js';
import { completion } from './completion.js';
import { create } from './create.js';
import { erase } from './erase.js';
import { list } from './list.js';
import { reconcile } from './reconcile.js';
import { chase, refresh, retry, stop } from './repairs.js';
import { sandbox } from './sandbox.js';
import { show } from './show.js';
import { subscribe, subscriptions, unsubscribe } from './subscriptions.js';
import { track } from './track.js';
import { up } from './up.js';
import { wait } from './wait.js';
import { watch } from './watch.js';

export const COMMANDS: readonly Command[] = [
  up,
  create,
  track,
  list,
  show,
  watch,
  wait,
  retry,
  refresh,
  stop,
  chase,
  reconcile,
  subscribe,
  unsubscribe,
  subscriptions,
  archive,
  erase,
  callbacks,
  doctor,
  sandbox,
  completion,
];
