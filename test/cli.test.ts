import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import type { Action } from '../cli/command.js';
import { COMMANDS } from '../cli/commands/all-commands.js';
import { markedSubscriptions } from '../cli/commands/subscriptions.js';
import { completionScript, SHELLS } from '../cli/completion-script.js';
import { FILTER_OPTIONS } from '../cli/document-filter.js';
import { documentRequest, signerOf } from '../cli/document-request.js';
import { changeLine } from '../cli/document-text.js';
import { textOf } from '../cli/erasing.js';
import { shownFailure, UsageError } from '../cli/failures.js';
import { isGroup, optionsOf, readInvocation } from '../cli/invocation.js';
import { OptionValues } from '../cli/option-values.js';
import { withReference } from '../cli/reference.js';
import { tableLines } from '../cli/table.js';
import { compareSubscriptions } from '../provider/subscription-plan.js';
import { OUTCOME_KINDS } from '../workflows/contract.js';
import { runCli } from './support/cli.js';

interface Named {
  readonly path: readonly string[];
  readonly action: Action;
}

const actions: readonly Named[] = COMMANDS.flatMap((command) =>
  isGroup(command)
    ? command.subcommands.map((action) => ({ path: [command.name, action.name], action }))
    : [{ path: [command.name], action: command }],
);

/** The words of a shell's line, quotes taken away, as far as the examples need it. */
function wordsOf(line: string): string[] {
  const command = line.replace(/ [>|] .*$/, '');
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
}

describe('the help', () => {
  test('lists every command, and ends with 0', async () => {
    const { code, out } = await runCli(['--help']);
    assert.equal(code, 0);
    for (const { name, summary } of COMMANDS) {
      assert.match(out.join('\n'), new RegExp(`^  ${name} +${summary.slice(0, 20)}`, 'm'));
    }
    assert.deepEqual((await runCli([])).out, out);
    assert.deepEqual((await runCli(['help'])).out, out);
  });

  for (const { path, action } of actions) {
    test(`of ${path.join(' ')} has its options and an example that means this command`, async () => {
      const { code, out } = await runCli([...path, '--help']);
      assert.equal(code, 0);
      assert.ok(out.join('\n').includes(`Example: ${action.example}\n`));
      for (const name of Object.keys(optionsOf(action))) {
        assert.ok(out.join('\n').includes(`--${name}`), name);
      }
      const [program, ...words] = wordsOf(action.example);
      assert.equal(program, 'countersign');
      const invocation = readInvocation(words, COMMANDS);
      assert.equal(invocation.kind, 'run');
      assert.deepEqual(invocation.path, path);
    });
  }

  test('in docs/cli.md is what the definitions say', async () => {
    const page = await readFile(new URL('../docs/cli.md', import.meta.url), 'utf8');
    assert.equal(page, withReference(page, COMMANDS), 'run: npm run cli-reference');
    for (const { path } of actions)
      assert.match(page, new RegExp(`^##+ ${path.join(' ')}\\b`, 'm'));
  });
});

describe('a wrong call', () => {
  const wrong: [words: string[], note: RegExp][] = [
    [['lst'], /no command lst; did you mean list\?/],
    [['nonsense'], /no command nonsense; it has up, create,/],
    [['sandbox', 'adv'], /countersign sandbox has no command adv; did you mean advance\?/],
    [['list', '--stauts', 'signed'], /unknown option --stauts; did you mean --status\?/],
    [['list', '--status', 'sigend'], /--status takes created, .*; did you mean signed\?/],
    [['list', '--limit', '0'], /--limit is no whole number from 1 on: 0/],
    [['list', '--limit'], /argument missing/],
    [['list', '--since', 'tuesday'], /--since is no time such as/],
    [['list', '--since', '999999999d'], /--since is no time such as/],
    [['wait', 'x', '--timeout', '30d'], /--timeout is 24d at most/],
    [['list', '--open', '--closed'], /exclude each other/],
    [['list', 'document'], /countersign list takes no further argument: document/],
    [['show'], /countersign show needs <document>/],
    [['track', '../x'], /not a document's ID: \.\.\/x/],
    [['retry', 'x', '../x'], /not a document's ID: \.\.\/x/],
    [['show', '../x'], /not a document's ID: \.\.\/x/],
    [['wait', '../x'], /not a document's ID: \.\.\/x/],
    [['watch', '../x'], /not a document's ID: \.\.\/x/],
    [['erase', '../x', '--yes'], /not a document's ID: \.\.\/x/],
    [['reconcile', '--document', '../x'], /not a document's ID: \.\.\/x/],
    [['reconcile', '--document', 'x', '--group', 'y'], /--document stands alone/],
    [['reconcile', '--report', '--group', 'y'], /--report shows the last run/],
    [['stop', 'x'], /say why/],
    [['chase', 'x'], /say what is to change/],
    [['callbacks', 'show', 'x'], /x is no callback's ID/],
    [['completion', 'tcsh'], /takes bash, zsh, fish, not tcsh/],
    [['watch', 'x', '--group', 'y'], /leave the filters out/],
    [['create', '-'], /stdin holds no JSON/],
    [['create', '/nowhere/x.json'], /cannot be read \(ENOENT\)/],
    [['create', '--name', 'Lease'], /a document needs --group, --signer .*, --template or --text/],
    [['subscribe', 'localhost'], /not an http:\/\/ or https:\/\/ URL/],
    [['sandbox', 'faults', 'dropCallbacks'], /name=value/],
    [['--vresion'], /unknown option --vresion; did you mean --version\?/],
  ];
  for (const [words, note] of wrong) {
    test(`countersign ${words.join(' ')} ends with 2 and says what would be right`, async () => {
      const { code, out, notes } = await runCli(words);
      assert.match(notes.join('\n'), note);
      assert.deepEqual([code, out], [2, []]);
    });
  }

  test('of a group without a command shows what there is', async () => {
    const { code, out } = await runCli(['sandbox']);
    assert.equal(code, 0);
    assert.match(out.join('\n'), /advance <signer>/);
  });
});

test('a sandbox that does not answer is exit code 3, with what to do', async () => {
  const environment = { SANDBOX_PORT: '1' };
  const { code, notes } = await runCli(['sandbox', 'status'], { environment });
  assert.equal(code, 3);
  assert.match(notes.join('\n'), /no sandbox answers at http:\/\/127.0.0.1:1\..*countersign up/s);
});

test('every command looks for Temporal where countersign up starts it', async () => {
  const environment = { COUNTERSIGN_TEMPORAL_PORT: '1', LEGALESIGN_API_KEY: 'user:key' };
  const id = '0f8b1c52-7d0e-4a55-9c3f-1f3b8f6f2a10';
  const calls = [['list'], ['callbacks', 'list'], ['erase', id, '--dry-run']];
  const endings = await Promise.all(calls.map((words) => runCli(words, { environment })));
  for (const { code, notes } of endings) {
    assert.match(notes.join(), /^Temporal cannot be reached at 127\.0\.0\.1:1\b/);
    assert.equal(code, 3);
  }
});

test('a setting that is wrong is named before anything is reached', async () => {
  const environment = { LEGALESIGN_API_KEY: 'not a key', TEMPORAL_ADDRESS: '127.0.0.1:1' };
  const { code, notes } = await runCli(['list'], { environment });
  assert.equal(code, 1);
  assert.match(notes.join('\n'), /LEGALESIGN_API_KEY is neither/);
});

test('documents are listed by any outcome that there is', () => {
  assert.deepEqual(FILTER_OPTIONS['outcome']?.values, OUTCOME_KINDS);
});

test('options are read as times, durations and counts', () => {
  const values = new OptionValues({ since: '2h', at: '2030-01-31', limit: '7', timeout: '90s' });
  const nowMs = Date.parse('2030-01-31T12:00:00Z');
  assert.equal(values.time('since', nowMs), '2030-01-31T10:00:00.000Z');
  assert.equal(values.time('at'), '2030-01-31T00:00:00.000Z');
  assert.equal(values.count('limit'), 7);
  assert.equal(values.durationMs('timeout'), 90_000);
  assert.throws(() => values.durationMs('limit'), UsageError);
});

describe('the request of a document', () => {
  test('is read from options', () => {
    const values = new OptionValues({
      ...{ name: 'Lease', group: 'sales', template: 'abc', tag: 'lease-12' },
      signer: ['Ada van Lovelace <ada@example.com>'],
    });
    assert.deepEqual(documentRequest({}, values), {
      ...{ name: 'Lease', group: 'sales', tag: 'lease-12', do_email: true },
      templatepdf: '/api/v1/templatepdf/abc/',
      signers: [{ firstname: 'Ada van', lastname: 'Lovelace', email: 'ada@example.com' }],
    });
  });

  test('keeps what a file says, under the options', () => {
    const signers = [{ firstname: 'Ada', lastname: 'L', email: 'ada@example.com', order: 1 }];
    const file = { name: 'Old', group: 'sales', text: '<p>x</p>', signers, do_email: false };
    const request = documentRequest(file, new OptionValues({ name: 'New' }));
    assert.deepEqual(request, { ...file, name: 'New' });
  });

  for (const text of ['ada@example.com', 'Ada <ada@example.com>', 'Ada Lovelace <ada>', '']) {
    test(`takes no signer such as "${text}"`, () => {
      assert.throws(() => signerOf(text), /--signer is not as 'Ada Lovelace/);
    });
  }
});

describe('a table', () => {
  const columns = [
    { title: 'id', text: (row: string) => row, colour: () => 'red' as const },
    { title: 'rest', text: (row: string) => `${row}-`.repeat(8) },
  ];

  test('is whole and without colours where nobody looks', () => {
    const terminal = { isInteractive: false, hasColour: false, width: 10 };
    assert.deepEqual(tableLines(columns, ['a', 'bcd'], terminal), [
      'ID   REST',
      'a    a-a-a-a-a-a-a-a-',
      'bcd  bcd-bcd-bcd-bcd-bcd-bcd-bcd-bcd-',
    ]);
  });

  test('is cut to a terminal, and coloured there', () => {
    const terminal = { isInteractive: true, hasColour: true, width: 15 };
    const [, line] = tableLines(columns, ['abc'], terminal);
    assert.equal(line, '\u001b[31mabc\u001b[0m  abc-abc-a…');
  });

  test('shows text from outside without its control characters', () => {
    const terminal = { isInteractive: false, hasColour: false, width: 80 };
    const [, line] = tableLines([columns[0] ?? assert.fail()], ['a\u001b[2Jb\nc'], terminal);
    assert.equal(line, 'a [2Jb c');
  });
});

describe('control characters from outside reach no terminal', () => {
  const hostile = 'a\u001b[2J\u0007\u009bb';

  test('in what is said of a failure', async () => {
    const calls = [[hostile], ['list', `--${hostile}`], ['list', '--since', hostile]];
    for (const words of calls) {
      const { code, notes } = await runCli(words);
      assert.equal(code, 2);
      assert.match(notes.join(), /a \[2J b/);
    }
    const { lines } = shownFailure(new Error(`the first\n  ${hostile}`));
    assert.deepEqual(lines, ['the first', '  a [2J b']);
  });

  test('in what an erasure lists', () => {
    const plan = {
      files: [hostile],
      histories: [{ workflowId: hostile, runId: 'run' }],
      ...{ shared: [hostile], unreadable: [hostile] },
    };
    assert.deepEqual(textOf(plan).split('\n'), [
      'file      a [2J b',
      'history   a [2J b run',
      'stays     a [2J b: names others too, until its retention ends',
      'stays     1 callbacks that cannot be read, as a [2J b',
    ]);
  });

  test('in what is watched', () => {
    const at = '2030-01-31T12:00:00Z';
    const change = { at, subject: 'signer', id: hostile, status: 'signed', number: 40 } as const;
    const line = changeLine({ ...change, sources: ['batch'] }, { hasColour: false });
    assert.equal(line, '2030-01-31 12:00:00  signer a [2J b  signed (40)  batch');
  });
});

test('subscriptions are marked by what should be registered', () => {
  const ours = 'https://a.example.com/callbacks/legalesign';
  const registered = [
    { url: ours, notify: 'all', active: true },
    { url: ours, notify: 'all', active: true },
    { url: ours, notify: 'signed', active: false },
    { url: 'https://b.example.com/x', notify: 'all', active: true },
  ] as const;
  const plan = compareSubscriptions(
    { url: ours, kinds: ['all', 'signed', 'realtime'] },
    registered,
  );
  assert.deepEqual(
    markedSubscriptions(registered, plan, ours).map(({ mark }) => mark),
    ['ok', 'duplicate', 'inactive', 'stranger', 'missing'],
  );
});

describe('completion', () => {
  /** What bash offers after these words; the last one is being typed. */
  function offered(...typed: string[]): string[] {
    const words = ['countersign', ...typed].map((word) => `'${word}'`).join(' ');
    const script = [
      completionScript('bash', COMMANDS),
      `COMP_WORDS=(${words}); COMP_CWORD=${typed.length}; _countersign`,
      'printf "%s\\n" "${COMPREPLY[@]}"',
    ].join('\n');
    const { stdout, stderr, status } = spawnSync('bash', ['--norc', '-c', script], {
      encoding: 'utf8',
    });
    assert.deepEqual([status, stderr], [0, '']);
    return stdout.split('\n').filter((line) => line !== '');
  }

  test('in bash offers every command, and what is begun', () => {
    const names = COMMANDS.map(({ name }) => name);
    assert.deepEqual(offered(''), [...names, '--help', '--version', '--no-color']);
    assert.deepEqual(offered('subs'), ['subscribe', 'subscriptions']);
  });

  test('in bash offers commands of a group, options, their values and the words of arguments', () => {
    assert.deepEqual(offered('sandbox', 're'), ['reject', 'resend']);
    assert.deepEqual(offered('list', '--s'), ['--status', '--since']);
    assert.deepEqual(offered('--no-color', 'list', '--outcome', 're'), ['rejected', 'removed']);
    assert.deepEqual(offered('sandbox', 'advance', 'x', '--to', 'em'), ['emailOpened']);
    assert.deepEqual(offered('completion', 'z'), ['zsh']);
    assert.deepEqual(offered('list', '--group', ''), []);
  });

  for (const shell of SHELLS) {
    test(`in ${shell} knows every command and every option`, async () => {
      const { code, out } = await runCli(['completion', shell]);
      assert.equal(code, 0);
      for (const { path, action } of actions) {
        assert.match(out.join('\n'), new RegExp(`\\b${path.at(-1) ?? ''}\\b`));
        for (const name of Object.keys(action.options)) {
          assert.match(out.join('\n'), new RegExp(`(--|-l )${name}\\b`), name);
        }
      }
    });
  }

  /** A shell that is not on every machine. */
  function without(shell: string): string | false {
    return spawnSync(shell, ['--version']).error !== undefined && `no ${shell} here`;
  }

  test('in fish offers commands, options and their values', { skip: without('fish') }, () => {
    const ask = (line: string): string[] => {
      const script = `${completionScript('fish', COMMANDS)}\ncomplete -C '${line}'\n`;
      const { status, stdout, stderr } = spawnSync('fish', ['--no-config', '-c', script], {
        encoding: 'utf8',
      });
      assert.deepEqual([status, stderr], [0, '']);
      return [...stdout.matchAll(/^([^\t\n]+)/gm)].map(([word]) => word);
    };
    assert.deepEqual(ask('countersign subs'), ['subscribe', 'subscriptions']);
    assert.deepEqual(ask('countersign sandbox re'), ['reject', 'resend']);
    assert.deepEqual(ask('countersign list --o'), ['--open', '--outcome']);
    assert.deepEqual(ask('countersign list --outcome re'), ['rejected', 'removed']);
    assert.deepEqual(ask('countersign completion z'), ['zsh']);
  });

  test('in zsh completes what is typed at its prompt', { skip: without('zsh') }, () => {
    // Each read waits for what the key Tab adds to what was typed: without that it never ends.
    const script = [
      'zmodload zsh/zpty',
      'zpty shell zsh -f -i',
      `zpty -w shell "autoload -U compinit; compinit -D -u; source <(print -r -- \\$COMPLETION); PS1='R''EADY '"`,
      'zpty -r -m shell said "*READY*"',
      ...[
        ['countersign sandbox compl', 'ete'],
        ['countersign list --outc', 'ome'],
        ['countersign list --outcome expi', 'red'],
      ].flatMap(([typed = '', added = '']) => [
        `zpty -w -n shell "${typed}"$'\\t'`,
        `zpty -r -m shell said "*${typed}*${added}*" && print -n "${added} "`,
        "zpty -w -n shell $'\\C-u'",
      ]),
      'zpty -d shell',
    ].join('\n');
    const { status, stdout } = spawnSync('zsh', ['-f', '-c', script], {
      env: { ...process.env, COMPLETION: completionScript('zsh', COMMANDS), TERM: 'vt100' },
      encoding: 'utf8',
      timeout: 60_000,
      killSignal: 'SIGKILL',
    });
    assert.deepEqual([status, stdout], [0, 'ete ome red ']);
  });
});
