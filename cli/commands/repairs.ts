/** What operations tell an open document. */
import { CHASING_OPTIONS, chasingTermsOf } from '../chasing-options.js';
import { EXIT_CODES } from '../command.js';
import type { Action, CommandCall } from '../command.js';
import { ANSWER_LIMIT, withCountersign } from '../countersign-connection.js';
import { documentIdOf } from '../document-id.js';
import { shownFailure, UsageError } from '../failures.js';

const EXAMPLE_ID = '0f8b1c52-7d0e-4a55-9c3f-1f3b8f6f2a10';

/** The signal `retry`. */
export const retry: Action = {
  name: 'retry',
  summary: 'tells documents that wait for someone that the cause is mended: they try again',
  description: 'Which ones wait: countersign list --attention',
  usage: '<document>...',
  options: {},
  json: '{"retried": [documentId]}',
  example: `countersign retry ${EXAMPLE_ID}`,
  run: (call) => tellEach(call, 'retry', 'retried', 'tries again'),
};

/** The signal `refresh`. */
export const refresh: Action = {
  name: 'refresh',
  summary: 'has the provider asked now what became of documents',
  usage: '<document>...',
  options: {},
  json: '{"refreshed": [documentId]}',
  example: `countersign refresh ${EXAMPLE_ID}`,
  run: (call) => tellEach(call, 'refresh', 'refreshed', 'asks the provider'),
};

/** The signal `stop`. */
export const stop: Action = {
  name: 'stop',
  summary: 'gives up following a document; nothing happens to it at the provider',
  description: 'It is announced as document.stopped. countersign track begins anew.',
  usage: '<document>',
  options: { reason: { type: 'string', value: '<text>', help: 'why; it is announced' } },
  json: '{"stopped": documentId}',
  example: `countersign stop ${EXAMPLE_ID} --reason 'signed on paper'`,
  run: (call) => {
    const documentId = documentIdOf(call.positionals[0]);
    const reason = call.values.text('reason');
    if (reason === undefined) throw new UsageError("say why: --reason 'signed on paper'");
    return withCountersign(call, async (countersign) => {
      await countersign.stop(documentId, reason);
      say(call, { stopped: documentId }, [`document ${documentId} is given up`]);
      return EXIT_CODES.ok;
    });
  },
};

/** The Update `changeTerms`. */
export const chase: Action = {
  name: 'chase',
  summary: 'changes deadline, reminders or the word that nothing moves, of a running document',
  usage: '<document>',
  options: CHASING_OPTIONS,
  json: "the document's progress, as countersign show has it",
  example: `countersign chase ${EXAMPLE_ID} --reminders 3d,7d --stalled 14d`,
  run: (call) => {
    const documentId = documentIdOf(call.positionals[0]);
    const terms = chasingTermsOf(call.values);
    if (Object.keys(terms).length === 0) {
      throw new UsageError('say what is to change: --deadline, --reminders or --stalled');
    }
    return withCountersign(call, async (countersign) => {
      const view = await countersign.changeTerms(documentId, terms, ANSWER_LIMIT);
      const changed = Object.entries(terms).map(
        ([name, value]: [string, string | readonly string[] | null]) => `${name} ${inWords(value)}`,
      );
      say(call, view, [`document ${documentId}: ${changed.join('; ')}`]);
      return EXIT_CODES.ok;
    });
  },
};

function inWords(value: string | readonly string[] | null): string {
  return value === null || value.length === 0 ? 'none' : value.toString();
}

async function tellEach(
  call: CommandCall,
  signal: 'retry' | 'refresh',
  name: string,
  what: string,
): Promise<number> {
  // All of them first: a wrong call changes nothing.
  const documentIds = call.positionals.map(documentIdOf);
  return withCountersign(call, async (countersign) => {
    const told: string[] = [];
    const failures: unknown[] = [];
    // One that has closed meanwhile must not keep the others waiting.
    for (const documentId of documentIds) {
      await countersign[signal](documentId).then(
        () => told.push(documentId),
        (error: unknown) => failures.push(error),
      );
    }
    const lines = told.map((documentId) => `document ${documentId} ${what}`);
    if (told.length > 0) say(call, { [name]: told }, lines);
    const [first, ...others] = failures;
    for (const error of others) call.terminal.note(shownFailure(error).lines.join('\n'));
    if (failures.length > 0) throw first;
    return EXIT_CODES.ok;
  });
}

function say({ json, terminal }: CommandCall, value: object, lines: readonly string[]): void {
  if (json) terminal.print(JSON.stringify(value));
  else for (const line of lines) terminal.print(line);
}
