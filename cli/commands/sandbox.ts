/** What the sandbox's page does, for scripts. */
import { EXIT_CODES } from '../command.js';
import type { Action, CommandCall, CommandGroup, OptionSpec } from '../command.js';
import { UsageError } from '../failures.js';
import { callSandbox } from '../sandbox-calls.js';
import type { SandboxDocument, SandboxSigner, SandboxState } from '../sandbox-calls.js';
import { pairLines, tableLines } from '../table.js';
import { plainLine } from '../terminal.js';

const SANDBOX_OPTION = {
  sandbox: { type: 'string', value: '<url>', help: 'another than SANDBOX_HOST and SANDBOX_PORT' },
} as const satisfies Record<string, OptionSpec>;

const STEPS = ['sent', 'emailOpened', 'visited', 'fieldsCompleted', 'signed', 'downloaded'];

const EXAMPLE_ID = '0f8b1c52-7d0e-4a55-9c3f-1f3b8f6f2a10';

const status: Action = {
  name: 'status',
  summary: 'the newest documents, their signers, callbacks and faults',
  usage: '',
  options: SANDBOX_OPTION,
  json: 'the sandbox\'s state: {"totals", "documents", "subscriptions", "callbacks", "counters", "faults"}',
  example: 'countersign sandbox status',
  run: async (call) => {
    const state = await callSandbox<SandboxState>(call, 'GET', 'state');
    return answer(call, state, () => stateLines(state, call));
  },
};

function stateLines(state: SandboxState, { terminal }: CommandCall): readonly string[] {
  const { totals, documents, counters, faults } = state;
  const rows = documents.flatMap((document) =>
    document.signers.map((signer) => ({ document, signer })),
  );
  const active = Object.entries(faults).filter(
    ([, value]) => !['0', '', 'ok', 'both'].includes(String(value)),
  );
  return [
    ...pairLines(
      [
        ...Object.entries(totals),
        ...Object.entries(counters).map(([name, count]) => [`callbacks ${name}`, count] as const),
        ['faults', active.map(([name, value]) => `${name}=${String(value)}`).join(' ') || 'none'],
      ],
      terminal,
    ),
    '',
    ...tableLines(
      [
        { title: 'document', text: ({ document }) => document.id },
        { title: 'status', text: ({ document }) => document.statusText ?? document.status },
        { title: 'signer', text: ({ signer }) => signer.id },
        { title: 'status', text: ({ signer }) => signer.statusText ?? signer.status },
        { title: 'name', text: ({ signer }) => `${signer.firstname} ${signer.lastname}` },
      ],
      rows,
      terminal,
    ),
  ];
}

const create: Action = {
  name: 'create',
  summary: 'creates a document, as somebody at the provider would',
  description: 'Unlike countersign create nobody tracks it: its callbacks start its workflow.',
  usage: '',
  options: {
    ...SANDBOX_OPTION,
    name: { type: 'string', value: '<text>', help: "the document's name" },
    group: { type: 'string', value: '<slug>', help: 'sandbox unless told' },
    tag: { type: 'string', value: '<tag>', help: 'its tag' },
    signers: { type: 'string', value: '<count>', help: 'how many sign; 1 unless told' },
  },
  json: 'the document: {"id", "name", "status", "signers": [{"id", "status"}], …}',
  example: 'countersign sandbox create --signers 2 --tag lease-12',
  run: async (call) => {
    const { values } = call;
    const signers = values.count('signers');
    const given = ['name', 'group', 'tag'].map((name) => [name, values.text(name)] as const);
    const body = {
      ...Object.fromEntries(given.filter(([, text]) => text !== undefined)),
      ...(signers === undefined ? {} : { signers }),
    };
    const document = await callSandbox<SandboxDocument>(call, 'POST', 'documents', body);
    return answer(call, document, () => [
      `document ${document.id}`,
      ...document.signers.map(({ id, firstname }) => plainLine(`signer   ${id}  ${firstname}`)),
    ]);
  },
};

const advance: Action = {
  name: 'advance',
  summary: 'moves a signer to the next step, or to the one that is named',
  usage: '<signer>',
  options: {
    ...SANDBOX_OPTION,
    to: { type: 'string', value: '<status>', values: STEPS, help: 'this status' },
  },
  json: 'the signer: {"id", "status", …}',
  example: `countersign sandbox advance ${EXAMPLE_ID} --to signed`,
  run: (call) => {
    const to = call.values.text('to');
    return step(call, to === undefined ? {} : { status: to });
  },
};

const reject: Action = {
  name: 'reject',
  summary: 'lets a signer reject',
  usage: '<signer>',
  options: {
    ...SANDBOX_OPTION,
    reason: { type: 'string', value: '<text>', help: 'in their own words' },
  },
  json: 'the signer: {"id", "status", …}',
  example: `countersign sandbox reject ${EXAMPLE_ID} --reason 'wrong rent'`,
  run: (call) => {
    const reason = call.values.text('reason');
    return step(call, { status: 'rejected', ...(reason === undefined ? {} : { reason }) });
  },
};

async function step(call: CommandCall, body: unknown): Promise<number> {
  const id = encodeURIComponent(call.positionals[0] ?? '');
  const signer = await callSandbox<SandboxSigner>(call, 'POST', `signers/${id}/advance`, body);
  return answer(call, signer, () => [`signer ${signer.id} is at ${signer.status}`]);
}

const complete: Action = {
  name: 'complete',
  summary: 'lets everybody sign, and waits for the final PDF',
  usage: '<document>',
  options: SANDBOX_OPTION,
  json: 'the document: {"id", "status", "hash", …}',
  example: `countersign sandbox complete ${EXAMPLE_ID}`,
  run: async (call) => {
    const id = encodeURIComponent(call.positionals[0] ?? '');
    const path = `documents/${id}/complete`;
    const document = await callSandbox<SandboxDocument>(call, 'POST', path, { visit: true });
    return answer(call, document, () => [`document ${document.id} is signed by everybody`]);
  },
};

interface Flushed {
  readonly callbacks: readonly unknown[];
}

const flush: Action = {
  name: 'flush',
  summary: 'sends the callbacks that wait for the next batch now',
  usage: '',
  options: SANDBOX_OPTION,
  json: '{"callbacks": [callback]}',
  example: 'countersign sandbox flush',
  run: async (call) => {
    const flushed = await callSandbox<Flushed>(call, 'POST', 'callbacks/flush');
    return answer(call, flushed, () => [`${flushed.callbacks.length} callbacks were sent`]);
  },
};

const resend: Action = {
  name: 'resend',
  summary: "sends a callback's very bytes once more; which ones there are tells status --json",
  usage: '<callback>',
  options: SANDBOX_OPTION,
  json: 'the callback',
  example: `countersign sandbox resend ${EXAMPLE_ID}`,
  run: async (call) => {
    const id = encodeURIComponent(call.positionals[0] ?? '');
    const sent = await callSandbox<unknown>(call, 'POST', `callbacks/${id}/resend`);
    return answer(call, sent, () => ['sent once more']);
  },
};

const faults: Action = {
  name: 'faults',
  summary: 'shows the faults in force, changes those that are named, or ends all',
  description:
    'Shares from 0 to 1 (dropCallbacks=0.5), milliseconds (slowPdfMs=2000), counts or words.',
  usage: '[name=value]...',
  options: { ...SANDBOX_OPTION, clear: { type: 'boolean', help: 'ends all others first' } },
  json: 'all faults: {"dropCallbacks", "duplicateCallbacks", …}',
  example: 'countersign sandbox faults dropCallbacks=0.5 throttleApi=0.1',
  run: async (call) => {
    const changes = Object.fromEntries(call.positionals.map(faultOf));
    const doesClear = call.values.flag('clear');
    const isQuestion = call.positionals.length === 0 && !doesClear;
    const method = doesClear ? 'PUT' : 'PATCH';
    const inForce = await (isQuestion
      ? callSandbox<object>(call, 'GET', 'faults')
      : callSandbox<object>(call, method, 'faults', changes));
    return answer(call, inForce, () =>
      pairLines(
        Object.entries(inForce).map(([name, value]) => [name, String(value) || 'none'] as const),
        call.terminal,
      ),
    );
  },
};

/** @throws UsageError for what is not `name=value` */
function faultOf(text: string): readonly [string, unknown] {
  const [, name, value] = /^(\w+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new UsageError(`a fault is set as name=value, such as dropCallbacks=0.5, not ${text}`);
  }
  if (name === 'failPages') return [name, value.split(',').map(Number)];
  return [name, /^\d+(\.\d+)?$/.test(value) ? Number(value) : value];
}

function answer(
  { terminal, json }: CommandCall,
  value: unknown,
  lines: () => readonly string[],
): number {
  if (json) terminal.print(JSON.stringify(value, null, 2));
  else for (const line of lines()) terminal.print(line);
  return EXIT_CODES.ok;
}

/** The commands under `sandbox`. */
export const sandbox: CommandGroup = {
  name: 'sandbox',
  summary: "plays the signers, the provider's staff and its faults in the sandbox",
  example: 'countersign sandbox status',
  subcommands: [status, create, advance, reject, complete, flush, resend, faults],
};
