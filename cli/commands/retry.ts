import { EXIT_CODES } from '../command.js';
import type { Action } from '../command.js';
import { withCountersign } from '../countersign-connection.js';

/** The signal `retry`. */
export const retry: Action = {
  name: 'retry',
  summary: 'tells documents that wait for someone that the cause is mended: they try again',
  description: 'Which ones wait: countersign list --attention',
  usage: '<document>...',
  options: {},
  json: '{"retried": [documentId]}',
  example: 'countersign retry 0f8b1c52-7d0e-4a55-9c3f-1f3b8f6f2a10',
  run: (call) =>
    withCountersign(call, async (countersign) => {
      const { positionals, terminal, json } = call;
      for (const documentId of positionals) {
        await countersign.retry(documentId);
        if (!json) terminal.print(`document ${documentId} tries again`);
      }
      if (json) terminal.print(JSON.stringify({ retried: positionals }));
      return EXIT_CODES.ok;
    }),
};
