/** Every command, in the order of the help. */
import type { Command } from '../command.js';
import { reconcile } from './reconcile.js';
import { up } from './up.js';

export const COMMANDS: readonly Command[] = [up, reconcile];
