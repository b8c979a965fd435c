import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { COMMANDS } from '../cli/commands/all-commands.js';
import { readInvocation } from '../cli/invocation.js';
import { addressesOf, makePlace, startChild, type Place } from './support/all-in-one-child.js';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const CLI = join(ROOT, 'cli', 'countersign.js');

/** Programs that the documents name and that are not ours, with the reason why none is run here. */
const NOT_RUN = new Map([
  ['docker', 'needs a Docker engine'],
  ['kubectl', 'needs a Kubernetes cluster'],
  ['openssl', 'the reader may use any source of random numbers'],
  ['temporal', "Temporal's own command line: run where it is tested, in test/codec*.test.ts"],
  ['curl', 'asks routes that test/webhook-http.test.ts asks'],
  ['mc', "MinIO's command line"],
  ['aws', "Amazon's command line"],
  ['jq', 'reads the JSON that test/cli-commands.test.ts reads'],
  ['node', 'the example: run in test/package.test.ts'],
]);

interface Block {
  readonly file: string;
  readonly lines: readonly string[];
}

function blocks(): Block[] {
  const docs = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'));
  return ['README.md', 'SECURITY.md', ...docs.map((name) => `docs/${name}`)].flatMap((file) => {
    const text = readFileSync(join(ROOT, file), 'utf8');
    return [...text.matchAll(/```(?:sh|bash)\n(.*?)```/gs)].map(([, block = '']) => ({
      file,
      lines: block.replaceAll('\\\n', ' ').split('\n').map(withoutComment).filter(Boolean),
    }));
  });
}

function withoutComment(line: string): string {
  return line.replace(/(^|\s)#.*$/, '').trim();
}

/** Words as a shell makes them, as far as the documents need it. */
function wordsOf(command: string): string[] {
  return [...command.matchAll(/(?:'[^']*'|"[^"]*"|<[^>]*>|[^\s'"])+/g)].map(([word]) =>
    word.replace(/^(['"])(.*)\1$/s, '$2').replace(/'/g, ''),
  );
}

/** `A=1 npx countersign list | jq` is two commands. */
function commandsOf(line: string): string[][] {
  return line
    .split(/\s(?:&&|\|\||\||;)\s|\w+=\$\(|\)$|\s&$/)
    .map((command) => wordsOf(command.replace(/\s>+\s*\S+/g, '')))
    .map((words) => words.slice(words.findIndex((word) => !/^(export$|\w+=)/.test(word))))
    .filter((words) => words.length > 0 && !/^(export$|\w+=)/.test(words[0] ?? ''));
}

const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};

function problemOf([program = '', ...rest]: readonly string[]): string | undefined {
  if (program === 'npx' && rest[0] === 'countersign') return problemOf(rest);
  if (program === 'countersign') {
    try {
      const words = rest.map((word) => word.replace(/^\$(DOCUMENT|id)$|^<(document|id)>$/, ID));
      readInvocation(words, COMMANDS);
      return undefined;
    } catch (error) {
      return String(error);
    }
  }
  if (program === 'npm') {
    const script = rest.filter((word) => !word.startsWith('-'));
    if (script[0] === 'run')
      return script[1] !== undefined && script[1] in scripts ? undefined : 'no such script';
    return ['ci', 'start', 'test', 'pack', 'install', 'audit'].includes(script[0] ?? '')
      ? undefined
      : 'unknown to npm';
  }
  return NOT_RUN.has(program) ? undefined : 'nothing runs it, and NOT_RUN does not say why';
}

const ID = '0f8b1c52-7d0e-4a55-9c3f-1f3b8f6f2a10';

test('every command in README and docs is one that there is, called as it wants to be', () => {
  const all = blocks();
  assert.ok(all.length >= 10, String(all.length));
  const problems = all.flatMap(({ file, lines }) =>
    lines.flatMap(commandsOf).flatMap((words) => {
      const problem = problemOf(words);
      return problem === undefined ? [] : [`${file}: ${words.join(' ')}: ${problem}`];
    }),
  );
  assert.deepEqual(problems, []);
});

/** As a reader in a second terminal, whose ports are other ones. */
async function follow(place: Place, line: string, documentId: string): Promise<string> {
  const { environment, folder } = place;
  const at = (name: string): string => environment[name] ?? '';
  const here = line
    .replaceAll('127.0.0.1:3001', `127.0.0.1:${at('SANDBOX_PORT')}`)
    .replaceAll('.countersign/', `${join(folder, 'data')}/`)
    .replaceAll('npx countersign', `node ${CLI}`);
  const { stdout } = await promisify(execFile)('bash', ['-c', `set -eu\n${here}`], {
    cwd: ROOT,
    timeout: 90_000,
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      ...environment,
      LEGALESIGN_API_URL: `http://127.0.0.1:${at('SANDBOX_PORT')}/api/v1`,
      LEGALESIGN_API_KEY: 'any:key',
      TEMPORAL_ADDRESS: `127.0.0.1:${at('COUNTERSIGN_TEMPORAL_PORT')}`,
      DOCUMENT: documentId,
    },
  });
  return stdout;
}

test('the tour leads where it says, in under five minutes', { timeout: 300_000 }, async (t) => {
  const place = await makePlace(t);
  const child = startChild(place);
  await addressesOf(child);
  await child.line(/^ready in/);
  const tour = blocks().filter(({ file }) => file === 'docs/tour.md');
  const told = new Map<string, string>();
  let documentId = '';
  for (const line of tour.slice(1).flatMap(({ lines }) => lines)) {
    const output = await follow(place, line, documentId);
    told.set(line, output);
    if (line.includes('countersign create ')) {
      documentId = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(output)?.[0] ?? '';
    }
  }
  const outputOf = (part: string): string =>
    [...told].find(([line]) => line.includes(part))?.[1] ?? assert.fail(part);
  assert.match(outputOf('list --open'), new RegExp(documentId));
  assert.match(outputOf('wait'), /completed/);
  assert.match(outputOf('show'), /archive/i);
  assert.match(outputOf('countersign reconcile'), /adopted +1/);
});
