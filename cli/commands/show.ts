import { EXIT_CODES } from '../command.js';
import type { Action } from '../command.js';
import { ANSWER_LIMIT, withCountersign } from '../countersign-connection.js';
import { documentIdOf } from '../document-id.js';
import { documentLines } from '../document-text.js';
import { workflowLink } from '../workflow-link.js';

/** Everything that its workflow knows of one document. No names: the workflow has none. */
export const show: Action = {
  name: 'show',
  summary: 'shows one document: signers, timeline, archive, announcements, what it waits for',
  usage: '<document>',
  options: {},
  json: '{"documentId", "revision", "status", "number", "group"?, "tag"?, "deadline"?, "signers", "timeline", "outcome"?, "attention"?, "announcements"?, "workflowUrl"?}',
  example: 'countersign show 0f8b1c52-7d0e-4a55-9c3f-1f3b8f6f2a10',
  run: async (call) => {
    const { positionals, terminal, json } = call;
    const documentId = documentIdOf(positionals[0]);
    return withCountersign(call, async (countersign, { temporalUiUrl, namespace }) => {
      const view = await countersign.progress(documentId, ANSWER_LIMIT);
      const workflowUrl = workflowLink(temporalUiUrl, namespace)?.(view.documentId);
      if (json) terminal.print(JSON.stringify({ ...view, workflowUrl }, null, 2));
      else for (const line of documentLines(view, workflowUrl, terminal)) terminal.print(line);
      return EXIT_CODES.ok;
    });
  },
};
