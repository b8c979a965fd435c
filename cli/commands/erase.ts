import type { Action } from '../command.js';

/** Takes a document out of the archive and out of Temporal. */
export const erase: Action = {
  name: 'erase',
  summary: 'removes a document’s archive and histories for good; a tombstone stays',
  description:
    'The histories of its workflow, and of the callbacks that name it alone. The tombstone says when\n' +
    'it was erased, and the hashes. Runs with the worker’s settings.',
  usage: '<document>',
  options: {
    'dry-run': { type: 'boolean', help: 'only lists what would go' },
    'leave-unreadable': {
      type: 'boolean',
      help: 'also where callbacks are encrypted under a key that nobody has',
    },
    'without-provider': {
      type: 'boolean',
      help: 'does not ask the provider whether the document is still open there',
    },
    yes: { type: 'boolean', help: 'asks no questions' },
  },
  json: '{"documentId", "isErased", "files", "histories", "shared", "unreadable"}',
  example: 'countersign erase 0f8b1c52-7d0e-4a55-9c3f-1f3b8f6f2a10 --dry-run',
  run: async (call) => (await import('../erasing.js')).runErase(call),
};
