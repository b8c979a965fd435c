import { CHASING_OPTIONS, chasingTermsOf } from '../chasing-options.js';
import { EXIT_CODES } from '../command.js';
import type { Action } from '../command.js';
import { documentIdOf } from '../document-id.js';
import { withCountersign } from '../countersign-connection.js';

/** Starts the workflow of a document that exists at the provider. */
export const track: Action = {
  name: 'track',
  summary: 'follows a document that exists at the provider already',
  description: 'Any number of times; of a document that has its outcome nothing is done again.',
  usage: '<document>',
  options: {
    group: { type: 'string', value: '<slug>', help: 'the group that it belongs to' },
    tag: { type: 'string', value: '<tag>', help: 'its tag' },
    ...CHASING_OPTIONS,
  },
  json: '{"documentId"}',
  example: 'countersign track 0f8b1c52-7d0e-4a55-9c3f-1f3b8f6f2a10 --tag lease-12',
  run: (call) => {
    const { values, positionals, terminal, json } = call;
    const documentId = documentIdOf(positionals[0]);
    return withCountersign(call, async (countersign) => {
      const names = ['group', 'tag'];
      const given = names.map((name) => [name, values.text(name)] as const);
      await countersign.trackDocument(documentId, {
        ...Object.fromEntries(given.filter(([, text]) => text !== undefined)),
        ...chasingTermsOf(values),
      });
      terminal.print(json ? JSON.stringify({ documentId }) : `document ${documentId} is tracked`);
      return EXIT_CODES.ok;
    });
  },
};
