/** package.json says with which flags node runs a process; what else starts one says the same. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { startFlags } from '../bench/start-flags.js';

const read = (path: string): Promise<string> =>
  readFile(new URL(`../${path}`, import.meta.url), 'utf8');

/** The words of each command that ends in the entry, without the quotes of its file's format. */
function flagsBefore(entry: string, text: string): string[][] {
  const words = text.split(/[\s",'[\]]+/);
  return words.flatMap((word, index) => {
    if (word !== entry) return [];
    const began = words.lastIndexOf('node', index);
    return [words.slice(began + 1, index)];
  });
}

for (const [script, entry, files] of [
  ['start:worker', 'build/worker/main.js', ['Dockerfile', 'deploy/kubernetes.yaml']],
  [
    'start:webhook',
    'build/webhook/main.js',
    ['Dockerfile', 'compose.yaml', 'deploy/kubernetes.yaml'],
  ],
] as const) {
  test(`${script} has the same flags wherever it is started`, async () => {
    const flags = startFlags(script);
    assert.ok(flags.length > 0);
    for (const file of files) {
      const commands = flagsBefore(entry, await read(file));
      assert.ok(commands.length > 0, file);
      for (const command of commands) assert.deepEqual(command, flags, file);
    }
  });
}
