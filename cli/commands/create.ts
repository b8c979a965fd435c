import { CHASING_OPTIONS, chasingTermsOf } from '../chasing-options.js';
import type { DocumentRequest, TrackingTerms } from '../../client/index.js';
import { EXIT_CODES } from '../command.js';
import type { Action, CommandCall } from '../command.js';
import { withCountersign } from '../countersign-connection.js';
import { documentRequest } from '../document-request.js';
import { UsageError } from '../failures.js';
import { noteStandIn } from '../installation.js';
import { namedFile } from '../named-file.js';
import { workflowLink } from '../workflow-link.js';

/** A document, sent for signing and tracked. */
export const create: Action = {
  name: 'create',
  summary: 'sends a document for signing and follows it',
  description:
    'From options, from a file with the JSON body of the provider’s POST /document/, or from both:\n' +
    'options stand above the file; - is stdin. It is sent once and never repeated: where that is unclear, it says so.',
  usage: '[file]',
  options: {
    name: { type: 'string', value: '<text>', help: "the document's name" },
    group: { type: 'string', value: '<slug>', help: 'the group that it belongs to' },
    tag: { type: 'string', value: '<tag>', help: 'a tag of yours, such as lease-12' },
    template: { type: 'string', value: '<id>', help: 'PDF template: its ID or resource URI' },
    text: { type: 'string', value: '<html>', help: 'the agreement itself, in place of a template' },
    signer: {
      type: 'string',
      short: 's',
      value: "'First Last <mail>'",
      multiple: true,
      help: 'who signs, in this order',
    },
    ...CHASING_OPTIONS,
  },
  json: '{"documentId", "workflowUrl"?}',
  example:
    "countersign create --name Lease --group sales --template 6f1f5a2e-3a52-4c3e-9f0d-2f6a1f0c9b11 --signer 'Ada Tenant <ada@example.com>'",
  run: async (call) => {
    const request = documentRequest(await fileBody(call), call.values);
    return send(call, request, chasingTermsOf(call.values));
  },
};

async function send(
  call: CommandCall,
  request: DocumentRequest,
  terms: TrackingTerms,
): Promise<number> {
  const { terminal, json } = call;
  return withCountersign(call, async (countersign, installation) => {
    noteStandIn(installation, terminal);
    const { temporalUiUrl, namespace } = installation;
    const { documentId } = await countersign.createDocument(request, terms);
    const workflowUrl = workflowLink(temporalUiUrl, namespace)?.(documentId);
    if (json) terminal.print(JSON.stringify({ documentId, workflowUrl }));
    else terminal.print(documentId);
    if (!json && workflowUrl !== undefined) terminal.note(`its workflow: ${workflowUrl}`);
    return EXIT_CODES.ok;
  });
}

async function fileBody({ positionals, readInput }: CommandCall): Promise<unknown> {
  const [file] = positionals;
  if (file === undefined) return {};
  const text = file === '-' ? await readInput() : await namedFile(file);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const where = file === '-' ? 'stdin' : file;
    throw new UsageError(`${where} holds no JSON: ${String(error)}`, { cause: error });
  }
}
