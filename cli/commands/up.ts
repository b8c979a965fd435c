import type { Action } from '../command.js';

/** `npm start`. */
export const up: Action = {
  name: 'up',
  summary: 'starts everything in one process tree: Temporal, worker, webhook, sandbox',
  description:
    'A Temporal development server unless TEMPORAL_ADDRESS or a profile names one, and the sandbox\n' +
    'unless LEGALESIGN_API_KEY is set. Ctrl-C ends all in order; state stays in COUNTERSIGN_DATA.',
  usage: '',
  options: {},
  example: 'countersign up',
  endsInOrder: true,
  run: async (call) => (await import('../up.js')).startUp(call),
};
