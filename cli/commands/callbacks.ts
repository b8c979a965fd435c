import { EXIT_CODES } from '../command.js';
import type { Action, CommandCall, CommandGroup } from '../command.js';
import { UsageError } from '../failures.js';
import { pairLines, tableLines } from '../table.js';
import { plainLine } from '../terminal.js';
import type { StoredCallback, StoredCallbacks } from '../stored-callbacks.js';

const DEFAULT_COUNT = 20;

const list: Action = {
  name: 'list',
  summary: 'lists the batches and hints that the webhook has stored, the latest first',
  usage: '',
  options: {
    count: { type: 'string', value: '<n>', help: `how many; ${DEFAULT_COUNT} unless told` },
    'set-aside': { type: 'boolean', help: 'only those that ended with entries set aside' },
  },
  json: 'an array of objects with workflowId, state, source, receivedAt and counts, or unreadable: why',
  example: 'countersign callbacks list --set-aside',
  run: (call) =>
    withCallbacks(call, async (callbacks) => {
      const found = await callbacks.list({
        count: call.values.count('count') ?? DEFAULT_COUNT,
        onlySetAside: call.values.flag('set-aside'),
      });
      if (call.json) call.terminal.print(JSON.stringify(found, null, 2));
      else for (const line of listLines(found, call)) call.terminal.print(line);
      noteUnreadable(found, call);
    }),
};

function listLines(found: readonly StoredCallback[], { terminal }: CommandCall): readonly string[] {
  if (found.length === 0) return ['no callbacks are stored, or none like that'];
  return tableLines<StoredCallback>(
    [
      { title: 'received', text: ({ receivedAt }) => receivedAt },
      { title: 'source', text: ({ source }) => source },
      { title: 'state', text: ({ state }) => state },
      { title: 'changes', text: ({ changes }) => changes, isNumber: true },
      { title: 'delivered', text: ({ delivered }) => delivered, isNumber: true },
      {
        title: 'set aside',
        text: ({ setAside }) => setAside,
        isNumber: true,
        colour: ({ setAside = 0 }) => (setAside > 0 ? 'yellow' : undefined),
      },
      { title: 'id', text: ({ workflowId }) => workflowId },
    ],
    found,
    terminal,
  );
}

function isCallbackId(text: string): boolean {
  return text.startsWith('callback:');
}

/** Each reason once: where a key is missing, all callbacks of a time have the same. */
function noteUnreadable(found: readonly StoredCallback[], { terminal }: CommandCall): void {
  const reasons = found.flatMap(({ unreadable }) => unreadable ?? []);
  for (const reason of new Set(reasons)) {
    const count = reasons.filter((each) => each === reason).length;
    terminal.note(plainLine(`${count} cannot be read: ${reason}`));
  }
}

const show: Action = {
  name: 'show',
  summary: 'shows a stored callback: its entries, and what became of them',
  usage: '<id>',
  options: {},
  json: 'one object: workflowId, state, input and, once ended, result',
  example: 'countersign callbacks show callback:0f3a…',
  run: (call) => {
    const [id = ''] = call.positionals;
    if (!isCallbackId(id)) throw new UsageError(`${id} is no callback's ID`);
    return withCallbacks(call, async (callbacks) => {
      const { input, result, ...about } = await callbacks.show(id);
      const { terminal } = call;
      if (call.json) {
        terminal.print(JSON.stringify({ ...about, input, result }, null, 2));
        return;
      }
      const lines = pairLines(
        [
          ['id', about.workflowId],
          ['state', about.state],
          ['source', input.source],
          ['received', input.receivedAt],
          ['held', input.held],
          ...input.changes.map(
            ({ subject, id, status, at }) =>
              [subject, `${id} ${status} at ${at}`] as [string, string],
          ),
          ...(input.hints ?? []).map((id) => ['hint', id] as [string, string]),
          ['delivered', result && `${result.delivered} to ${result.documents} documents`],
          ...(result?.setAside ?? []).map(
            ({ reason, count }) => ['set aside', `${count}: ${reason}`] as [string, string],
          ),
        ],
        terminal,
      );
      for (const line of lines) terminal.print(line);
    });
  },
};

const replay: Action = {
  name: 'replay',
  summary: 'delivers a stored callback once more, or POSTs a captured one from a file',
  description:
    'With the ID of a stored callback: its changes are delivered again by a workflow of its own,\n' +
    '<id>:replay:<n>; what the documents know already changes nothing. With --to: the argument is a\n' +
    'file with a captured request, {"headers": {…}, "body": "…"} or "bodyBase64", which is POSTed as\n' +
    'it is; its signature still has to be right.',
  usage: '<callback>',
  options: {
    to: { type: 'string', value: '<url>', help: 'POSTs the file to this webhook' },
    held: { type: 'boolean', help: 'also one that was held because it was too old' },
  },
  json: 'one object: workflowId; or status and body of the answer',
  example:
    'countersign callbacks replay captured.json --to http://127.0.0.1:3000/callbacks/legalesign',
  run: async (call) => {
    const [what = ''] = call.positionals;
    const to = call.values.text('to');
    if (to !== undefined) return postFile(call, what, to);
    if (!isCallbackId(what)) {
      throw new UsageError(`${what} is no callback's ID; to send a file, say where: --to <url>`);
    }
    return withCallbacks(call, async (callbacks) => {
      const workflowId = await callbacks.replay(what, { releasesHeld: call.values.flag('held') });
      const line = `delivered once more by ${workflowId}`;
      call.terminal.print(call.json ? JSON.stringify({ workflowId }) : line);
    });
  },
};

async function postFile(call: CommandCall, path: string, url: string): Promise<number> {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw new UsageError(`--to is no http:// or https:// URL: ${url}`);
  }
  const { postCaptured } = await import('../captured-callback.js');
  const { status, body } = await postCaptured(path, url, call.signal);
  call.terminal.print(
    call.json ? JSON.stringify({ status, body }) : plainLine(`${status} ${body}`),
  );
  return status === 200 ? EXIT_CODES.ok : EXIT_CODES.failed;
}

async function withCallbacks(
  call: CommandCall,
  use: (callbacks: StoredCallbacks) => Promise<void>,
): Promise<number> {
  const { withStoredCallbacks } = await import('../stored-callbacks.js');
  await withStoredCallbacks(call.environment, use);
  return EXIT_CODES.ok;
}

/** What the webhook has stored. */
export const callbacks: CommandGroup = {
  name: 'callbacks',
  summary: 'lists, shows and replays what the webhook has stored',
  example: 'countersign callbacks list',
  subcommands: [list, show, replay],
};
