import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openStage, type Stage } from './support/stage.js';

const root = new URL('../', import.meta.url);
let stage: Stage;

before(async () => {
  stage = await openStage();
});

after(() => stage.close());

test("the README's example runs as written, and prints the archived hash", async () => {
  const readme = await readFile(new URL('README.md', root), 'utf8');
  const example = /```ts\n(.*?)```/s.exec(readme)?.[1] ?? assert.fail('no example');
  const file = fileURLToPath(new URL(`example-${process.pid}.mts`, root));
  await writeFile(file, example);
  try {
    const running = promisify(execFile)(process.execPath, ['--import', 'tsx', file], {
      cwd: fileURLToPath(root),
      env: { ...process.env, ...stage.environment },
      timeout: 60_000,
    });
    running.child.stdout?.on('data', (chunk: string) => {
      const documentId = /document (\S+) is out for signature/.exec(chunk)?.[1];
      if (documentId !== undefined) void stage.sandbox.completeDocument(documentId);
    });
    const { stdout } = await running;
    const documentId = /document (\S+) is out/.exec(stdout)?.[1] ?? '';
    assert.match(stdout, new RegExp(`completed ${stage.sandbox.document(documentId).hash}`));
  } finally {
    await rm(file);
  }
});
