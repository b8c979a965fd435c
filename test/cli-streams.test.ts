/** The command line as a process: what becomes of its output where a pipe is slow, or closed. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { EXIT_CODES } from '../cli/command.js';
import { answerTo } from '../cli/erasing.js';
import type { Environment } from '../configuration/settings.js';
import { freshId } from './support/provider-stage.js';

/** Enough of them that what is said of them fits into no pipe (64 KiB). */
const DOCUMENTS = 800;

let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-streams-'));
  for (let count = 0; count < DOCUMENTS; count += 1) {
    const document = join(folder, freshId());
    await mkdir(document);
    await writeFile(join(document, 'document.pdf'), 'without a receipt');
  }
});

after(async () => {
  await rm(folder, { recursive: true });
});

const COUNTERSIGN = `'${process.execPath}' --import tsx cli/run-process.ts`;

/** Runs a line of bash, whose pipes are as small as a pipe is. @returns its stdout and exit code */
async function bash(line: string, environment: Environment): Promise<[string, number | null]> {
  const { PATH } = process.env;
  const child = spawn('bash', ['-c', `set -o pipefail\n${line}`], {
    env: { PATH, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close') as Promise<[code: number | null]>;
  return [await text(child.stdout), (await ended)[0]];
}

test('a reader that takes its time gets all that was printed', async () => {
  const [out, code] = await bash(`${COUNTERSIGN} archive verify --json | (sleep 1; cat)`, {
    ARCHIVE_URL: pathToFileURL(folder).href,
  });
  const { flawed } = JSON.parse(out) as { flawed: unknown[] };
  assert.equal(flawed.length, DOCUMENTS);
  assert.equal(code, 1);
});

test('a stderr that is closed ends no command', async () => {
  // What it notes of the sandbox comes before it asks it; nothing listens there.
  const line = `${COUNTERSIGN} subscriptions 2> >(exec true)`;
  const [, code] = await bash(line, { SANDBOX_PORT: '1' });
  assert.equal(code, EXIT_CODES.unreachable);
});

test('a question that Ctrl-D ends has no answer', async () => {
  const input = new PassThrough();
  input.end();
  assert.equal(await answerTo('Sure? ', { input, output: new PassThrough() }), '');
  const typed = Readable.from(['yes\n']);
  assert.equal(await answerTo('Sure? ', { input: typed, output: new PassThrough() }), 'yes');
});
