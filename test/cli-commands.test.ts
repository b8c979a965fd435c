import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { NoAnswerError } from '../client/index.js';
import type { ListedDocument, ProgressView, SigningOutcome } from '../client/index.js';
import { withCountersign } from '../cli/countersign-connection.js';
import { UnreachableError } from '../cli/failures.js';
import type { Environment } from '../configuration/settings.js';
import { runCli } from './support/cli.js';
import type { CliEnding, CliOptions } from './support/cli.js';
import { openStage, type Stage } from './support/stage.js';
import { until } from './support/until.js';

const LAUNCHER = fileURLToPath(new URL('../cli/countersign.js', import.meta.url));

let stage: Stage;
let environment: Environment;

before(async () => {
  stage = await openStage();
  const { hostname, port } = new URL(stage.sandbox.url);
  environment = {
    ...stage.environment,
    ...{ SANDBOX_HOST: hostname, SANDBOX_PORT: port },
    TEMPORAL_UI_URL: 'http://ui.example.com/',
  };
});

after(() => stage.close());

function cli(words: readonly string[], options: CliOptions = {}): Promise<CliEnding> {
  return runCli(words, { environment, ...options });
}

/** What `--json` prints, of a call that succeeds. */
async function json<Answer>(...words: string[]): Promise<Answer> {
  const { code, out, notes } = await cli([...words, '--json']);
  assert.equal(code, 0, notes.join('\n'));
  return JSON.parse(out.join('\n')) as Answer;
}

/** A document that is tracked; its tag is its own. */
async function created(): Promise<{ documentId: string; tag: string }> {
  const tag = `cli-${randomUUID()}`;
  const { documentId } = await json<{ documentId: string }>(
    ...['create', '--name', 'Lease', '--group', 'sales', '--tag', tag, '--text', '<p>Lease</p>'],
    ...['--signer', 'Ada Tenant <ada@example.com>', '--signer', 'Ben Tenant <ben@example.com>'],
  );
  return { documentId, tag };
}

/** Visibility lags behind. */
function listed(tag: string, ...filter: string[]): Promise<ListedDocument> {
  return until(async () => (await json<ListedDocument[]>('list', '--tag', tag, ...filter))[0]);
}

describe('one document', () => {
  test('is created, listed, shown and waited for', async () => {
    const { documentId, tag } = await created();
    const before = await listed(tag, '--open', '--group', 'sales', '--since', '1h');
    assert.deepEqual([before.documentId, before.workflow], [documentId, 'running']);

    const waiting = cli(['wait', documentId]);
    await json('sandbox', 'complete', documentId);
    assert.deepEqual(await waiting, { code: 0, out: ['completed'], notes: [] });

    const done = await listed(tag, '--outcome', 'completed', '--closed');
    assert.equal(done.documentId, documentId);
    const view = await json<ProgressView & { workflowUrl: string }>('show', documentId);
    assert.equal(view.outcome?.archive?.providerHash, stage.sandbox.document(documentId).hash);
    assert.deepEqual(view.announcements, [{ event: 'document.completed', owedTo: [] }]);
    const url = `http://ui.example.com/namespaces/default/workflows/document%3A${documentId}`;
    assert.equal(view.workflowUrl, url);

    const shown = (await cli(['show', documentId])).out.join('\n');
    for (const part of ['Signers', 'Timeline', 'Archive', 'document.completed', url]) {
      assert.ok(shown.includes(part), part);
    }
    assert.ok(!shown.includes('example.com>') && !shown.includes('Tenant'));
    const table = (await cli(['list', '--tag', tag])).out;
    assert.match(table[1] ?? '', new RegExp(`^${documentId} .* completed .* sales .* ${tag}$`));
  });

  test('that is rejected is no success, and the wait says so', async () => {
    const { documentId } = await created();
    const [signer] = stage.sandbox.document(documentId).signers;
    await json('sandbox', 'reject', signer?.id ?? '', '--reason', 'wrong rent');
    await json('sandbox', 'flush');
    const { code, out } = await cli(['wait', documentId, '--json']);
    assert.equal(code, 1);
    const outcome = JSON.parse(out.join('\n')) as SigningOutcome;
    assert.deepEqual(outcome.rejection, { signerId: signer?.id, reason: 'wrong rent' });
  });

  test('is not waited for longer than told', async () => {
    const { documentId } = await created();
    const { code, out, notes } = await cli(['wait', documentId, '--timeout', '50ms']);
    assert.deepEqual({ code, out, notes }, { code: 1, out: [], notes: ['no outcome within 50ms'] });
  });

  test('is created from JSON on stdin, and followed from its own track', async () => {
    const body = { name: 'Lease', group: 'sales', text: 'x', signers: [] };
    const { code, out } = await cli(['create', '-', '-s', 'Ada L <ada@example.com>'], {
      input: JSON.stringify(body),
    });
    assert.equal(code, 0);
    assert.equal(stage.sandbox.document(out[0] ?? '').name, 'Lease');
    const elsewhere = stage.sandbox.createDocument({ muted: 1 }).id;
    const unknown = await cli(['show', elsewhere]);
    assert.equal(unknown.code, 1);
    assert.match(unknown.notes.join(), new RegExp(`not tracked: countersign track ${elsewhere}`));
    await json('track', elsewhere);
    assert.equal((await cli(['show', elsewhere])).code, 0);
  });

  test('is watched change by change to its outcome', async () => {
    const { documentId } = await created();
    const views: ProgressView[] = [];
    const watching = cli(['watch', documentId, '--json'], {
      onLine: (line) => views.push(JSON.parse(line) as ProgressView),
    });
    await until(() => views.length > 0);
    const [signer] = stage.sandbox.document(documentId).signers;
    await json('sandbox', 'advance', signer?.id ?? '', '--to', 'visited');
    await until(() => views.at(-1)?.signers.some(({ status }) => status === 'visited'));
    await json('sandbox', 'complete', documentId);
    assert.equal((await watching).code, 0);
    assert.equal(views.at(-1)?.outcome?.kind, 'completed');
    const { out } = await cli(['watch', documentId]);
    assert.match(out.join('\n'), /signer \S+ {2}signed \(40\)/);
    assert.equal(out.at(-1), 'outcome: completed');
  });

  test('that failed for good waits, is listed so, and goes on with retry', async () => {
    const { documentId, tag } = await created();
    await json('sandbox', 'faults', 'wrongPdf=always');
    await json('sandbox', 'complete', documentId);
    const waits = await listed(tag, '--attention');
    assert.equal(waits.attention, 'IntegrityFailed');
    assert.match((await cli(['show', documentId])).out.join('\n'), /ATTENTION .*IntegrityFailed/);
    await json('sandbox', 'faults', '--clear');
    assert.deepEqual(await json('retry', documentId), { retried: [documentId] });
    assert.equal((await cli(['wait', documentId])).code, 0);
    await until(async () => (await cli(['retry', documentId])).code === 1);
    const { notes } = await cli(['retry', documentId]);
    assert.match(notes.join(), /is closed \(completed\): nothing is done about it any more/);
    const never = await cli(['retry', randomUUID()]);
    assert.match(never.notes.join(), /is not tracked/);
  });
});

test('all documents are watched until Ctrl-C', async () => {
  const stopping = new AbortController();
  const seen: ListedDocument[] = [];
  const notes: string[] = [];
  const watching = cli(['watch', '--json'], {
    signal: stopping.signal,
    onLine: (line) => seen.push(JSON.parse(line) as ListedDocument),
    onNote: (line) => notes.push(line),
  });
  await until(() => notes.length > 0);
  const { documentId } = await created();
  await until(() => seen.some((each) => each.documentId === documentId));
  await json('sandbox', 'complete', documentId);
  await until(() =>
    seen.some((each) => each.documentId === documentId && each.outcome === 'completed'),
  );
  stopping.abort(new Error('ended by SIGINT'));
  assert.equal((await watching).code, 130);
});

test('a document is asked for, chased otherwise, and given up', async () => {
  const { documentId } = await created();
  assert.deepEqual(await json('refresh', documentId), { refreshed: [documentId] });
  const terms = ['--reminders', '3d,7d', '--deadline', 'none'];
  const { out } = await cli(['chase', documentId, ...terms]);
  assert.match(out.join(), /deadline none; reminders 3d,7d/);
  assert.equal((await cli(['chase', documentId])).code, 2);
  const wrong = await cli(['chase', documentId, '--stalled', 'soon']);
  assert.deepEqual([wrong.code, wrong.notes.join().includes('no duration')], [1, true]);
  assert.equal((await cli(['stop', documentId])).code, 2);
  const stopped = await json('stop', documentId, '--reason', 'signed on paper');
  assert.deepEqual(stopped, { stopped: documentId });
  const { code, notes } = await cli(['stop', randomUUID(), '--reason', 'x']);
  assert.deepEqual([code, notes.join().includes('is not tracked')], [1, true]);
});

test('of several documents those are told that can be, and the others named', async () => {
  const { documentId } = await created();
  const unread = await cli(['refresh', documentId, '../x']);
  assert.deepEqual([unread.code, unread.out], [2, []]);
  const [one, two] = [randomUUID(), randomUUID()];
  const { code, out, notes } = await cli(['refresh', one, documentId, two, '--json']);
  assert.deepEqual([code, out], [1, [JSON.stringify({ refreshed: [documentId] })]]);
  for (const id of [one, two]) assert.match(notes.join(), new RegExp(`${id} is not tracked`));
});

test('a document is named as everything spells it, however it was typed', async () => {
  const { documentId } = await created();
  const typed = documentId.toUpperCase();
  assert.deepEqual(await json('track', typed), { documentId });
  assert.deepEqual(await json('refresh', typed, typed), { refreshed: [documentId, documentId] });
  const reason = ['--reason', 'signed on paper'];
  assert.deepEqual(await json('stop', typed, ...reason), { stopped: documentId });
});

test('callbacks are subscribed to, compared with what should be, and removed', async () => {
  const url = 'http://127.0.0.1:9/callbacks/legalesign/a-token-that-is-long';
  await json('subscribe', url, '--notify', 'rejected', '--notify', 'realtime');
  const wanted = ['--url', url, '--full'];
  const { code, out } = await cli(['subscriptions', ...wanted, '--json']);
  const marks = (JSON.parse(out.join('\n')) as { url: string; notify: string; mark: string }[])
    .filter((each) => each.url === url)
    .map(({ notify, mark }) => `${notify} ${mark}`);
  assert.deepEqual(
    [code, marks.includes('realtime ok'), marks.includes('all missing')],
    [1, true, true],
  );
  const cut = (await cli(['subscriptions'])).out.join('\n');
  assert.ok(cut.includes('/callbacks/legalesign/…') && !cut.includes('a-token-that'));
  assert.deepEqual(await json('unsubscribe', url), { url, removed: 2 });
  assert.equal((await cli(['unsubscribe', url])).code, 1);
});

test('without a key of the provider the sandbox stands in, and is named', async () => {
  const { LEGALESIGN_API_KEY: _key, LEGALESIGN_API_URL: _url, ...rest } = environment;
  const { code, notes } = await cli(['subscriptions'], { environment: rest });
  assert.equal(code, 0);
  assert.match(notes.join(), new RegExp(`this is the sandbox at ${stage.sandbox.url}`));
});

test('a reconciliation prints its report, and again with --report', async () => {
  const { documentId } = await created();
  const report = await json<{ documents: number }>('reconcile', '--document', documentId);
  assert.equal(typeof report.documents, 'number');
  const { code, out } = await cli(['reconcile', '--report']);
  assert.equal(code, 0);
  assert.match(out.join('\n'), /^missed by callbacks .*%\)$/m);
});

test('what is no callback is not shown as one', async () => {
  const { code, notes } = await cli(['callbacks', 'show', `document:${randomUUID()}`]);
  assert.equal(code, 2);
  assert.match(notes.join(), /document:\S+ is no callback's ID/);
});

test('a reconciliation of what is no group says so', async () => {
  const { code, notes } = await cli(['reconcile', '--group', "a'b"]);
  assert.equal(code, 1);
  assert.match(notes.join(), /no group's slug: a'b/);
});

test('where nobody answers in time the worker is thought of, not Temporal', async () => {
  const late = Object.assign(new Error('late'), { code: 4, details: 'Deadline exceeded' });
  const asking = withCountersign({ environment }, () => {
    throw new Error('Failed to query Workflow', { cause: late });
  });
  await assert.rejects(asking, (error) => {
    assert.ok(error instanceof UnreachableError);
    assert.match(error.message, /answer only while a worker runs/);
    return true;
  });
});

test('where no worker runs, whoever asks a document soon hears so, and on which task queue', async () => {
  const { documentId } = await created();
  await stage.stopWorker();
  const { countersign, taskQueue } = stage;
  const limit = { limitMs: 100 };
  for (const ask of [
    () => countersign.progress(documentId, limit),
    () => countersign.changeTerms(documentId, { stalledAfter: '3d' }, limit),
  ]) {
    await assert.rejects(ask, (error) => {
      assert.ok(error instanceof NoAnswerError, String(error));
      assert.deepEqual([error.documentId, error.taskQueue], [documentId, taskQueue]);
      return true;
    });
  }
  const calls = [['show'], ['chase', '--stalled', '3d']];
  const heard: string[] = [];
  const onNote = (line: string): void => void heard.push(line);
  const waiting = cli(['wait', documentId], { onNote });
  const endings = await Promise.all(calls.map((words) => cli([...words, documentId])));
  await until(() => heard.length > 0);
  await stage.startWorker();
  await stage.sandbox.completeDocument(documentId);
  assert.deepEqual((await waiting).out, ['completed']);
  assert.match(heard.join('\n'), /no worker answered on .* within 10 s: it is waited for/);
  for (const { code, notes } of endings) {
    assert.match(notes.join('\n'), /no worker answered on the task queue countersign within 10 s/);
    assert.match(notes.join('\n'), /npm run start:worker/);
    assert.equal(code, 3);
  }
});

test('Ctrl-C ends the waiting for a reconciliation that nobody carries out, with 130', async () => {
  await stage.stopWorker();
  const stopping = new AbortController();
  const heard: string[] = [];
  const reconciling = cli(['reconcile', '--group', 'nobody'], {
    signal: stopping.signal,
    onNote: (line) => void heard.push(line),
  });
  await until(() => heard.length === 2);
  stopping.abort(new Error('ended by SIGINT'));
  const { code, out, notes } = await reconciling;
  assert.deepEqual([code, out], [130, []]);
  const [workflowId = ''] = /\S+-on-demand-\S+/.exec(notes[0] ?? '') ?? [];
  assert.deepEqual(notes, [
    `reconciliation ${workflowId} begun`,
    'no worker on the task queue countersign says how far it is',
    `${workflowId} goes on; its report: reconcile --report`,
  ]);
  await stage.startWorker();
  await stage.client.workflow.getHandle(workflowId).result();
});

test('a reconciliation shows on a terminal how far it is', async () => {
  stage.sandbox.createDocuments(1_200, { signers: 1 });
  stage.sandbox.changeFaults({ slowListingMs: 1_500 });
  const { out } = await cli(['reconcile'], { terminal: { isInteractive: true } });
  stage.sandbox.changeFaults({ slowListingMs: 0 });
  const rows = out.map((text) => Number(/\[#+-*\] (\d+) of \d+ compared; /.exec(text)?.[1] ?? 0));
  assert.ok(
    rows.some((read) => read >= 500),
    out.join('\n'),
  );
});

test('the process itself: JSON alone on stdout, and Ctrl-C ends a wait with 130', async () => {
  const { documentId } = await created();
  const child = spawn(process.execPath, [LAUNCHER, 'watch', documentId, '--json'], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const told = text(child.stderr);
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (out += piece));
  await until(() => out.includes('\n'));
  child.kill('SIGINT');
  const [code] = (await once(child, 'exit')) as [number | null];
  assert.deepEqual([code, await told], [130, '']);
  assert.equal((JSON.parse(out) as ProgressView).documentId, documentId);
});
