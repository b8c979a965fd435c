import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openStage, type Stage } from './support/stage.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../', import.meta.url));

/** Building, packing and installing take half a minute where npm's cache is warm. */
const INSTALL_LIMIT_MS = 240_000;
const RUN_LIMIT_MS = 60_000;

let stage: Stage;
let folder: string;
/** The sources, built, without a development tool's reach. */
let clone: string;
/** An empty project that has installed the package. */
let project: string;

before(
  async () => {
    stage = await openStage();
    folder = await mkdtemp(join(tmpdir(), 'countersign-package-'));
    clone = await cloneSources(join(folder, 'clone'));
    const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], {
      cwd: clone,
      timeout: INSTALL_LIMIT_MS,
    });
    const tarball = /"filename": "([^"]+\.tgz)"/.exec(stdout)?.[1] ?? assert.fail(stdout);
    project = await install(join(folder, 'project'), join(folder, tarball));
  },
  { timeout: 2 * INSTALL_LIMIT_MS },
);

after(async () => {
  await stage.close();
  await rm(folder, { recursive: true, force: true });
});

/** Another folder, so that the build here is nobody's who tests at the same time. */
async function cloneSources(to: string): Promise<string> {
  const left = new Set(['node_modules', 'build', '.git', '.countersign', 'test', 'bench']);
  await cp(root, to, {
    recursive: true,
    filter: (source) => !left.has(relative(root, source).split('/')[0] ?? ''),
  });
  await symlink(join(root, 'node_modules'), join(to, 'node_modules'));
  return to;
}

async function install(to: string, tarball: string): Promise<string> {
  await mkdir(to);
  await writeFile(join(to, 'package.json'), JSON.stringify({ type: 'module', private: true }));
  const packages = [tarball, 'typescript@~6.0.3', '@types/node@20'];
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', ...packages], {
    cwd: to,
    timeout: INSTALL_LIMIT_MS,
    maxBuffer: 64 * 1024 * 1024,
  });
  return to;
}

async function readmeExample(): Promise<string> {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  return /```js\n(.*?)```/s.exec(readme)?.[1] ?? assert.fail('the README has no example');
}

/** The blocks of docs/library.md, in their order. */
async function libraryExamples(): Promise<string[]> {
  const text = await readFile(join(root, 'docs', 'library.md'), 'utf8');
  return [...text.matchAll(/```ts\n(.*?)```/gs)].map(([, block = '']) => block);
}

/** Runs it in the folder, and signs its document once it is out. */
async function assertSigns(cwd: string, file: string): Promise<void> {
  const running = run(process.execPath, [file], {
    cwd,
    env: { ...process.env, ...stage.environment },
    timeout: RUN_LIMIT_MS,
  });
  running.child.stdout?.on('data', (chunk: string) => {
    const documentId = /document (\S+) is out for signature/.exec(chunk)?.[1];
    if (documentId !== undefined) void stage.sandbox.completeDocument(documentId);
  });
  const { stdout } = await running;
  const documentId = /document (\S+) is out/.exec(stdout)?.[1] ?? assert.fail(stdout);
  assert.match(stdout, new RegExp(`completed ${stage.sandbox.document(documentId).hash}`));
}

async function compile(cwd: string, ...files: string[]): Promise<void> {
  // Temporal's own declarations do not pass a check of libraries.
  const options = ['--strict', '--skipLibCheck', '--types', 'node'];
  const modules = ['--module', 'nodenext', '--target', 'es2023'];
  try {
    await run(
      process.execPath,
      ['node_modules/typescript/bin/tsc', ...options, ...modules, ...files],
      {
        cwd,
        timeout: RUN_LIMIT_MS,
      },
    );
  } catch (error) {
    assert.fail((error as { stdout?: string }).stdout);
  }
}

test("the README's example runs as written in a built clone", async () => {
  await writeFile(join(clone, 'example.mjs'), await readmeExample());
  await assertSigns(clone, 'example.mjs');
});

test("the README's example runs as JavaScript in an empty project with the package", async () => {
  await writeFile(join(project, 'example.mjs'), await readmeExample());
  await assertSigns(project, 'example.mjs');
});

test('and as strict TypeScript', async () => {
  await writeFile(join(project, 'typed.mts'), await readmeExample());
  await compile(project, 'typed.mts');
  await assertSigns(project, 'typed.mjs');
});

test('the examples of docs/library.md compile against the package', async () => {
  const blocks = await libraryExamples();
  assert.ok(blocks.length >= 3);
  const files = blocks.map((_, index) => `library-${index}.mts`);
  for (const [index, file] of files.entries()) {
    await writeFile(join(project, file), blocks[index] ?? '');
  }
  await compile(project, ...files);
});

test('the package holds what it needs and no tests, sources or maps', async () => {
  const { stdout } = await run('npm', ['pack', '--json', '--dry-run', '--ignore-scripts'], {
    cwd: clone,
    timeout: RUN_LIMIT_MS,
  });
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  const paths = files.map(({ path }) => path);
  for (const path of ['build/workflow-bundle.js', 'build/sandbox/page/index.html', 'LICENSE']) {
    assert.ok(paths.includes(path), path);
  }
  const odd = paths.filter((path) => /\.map$|\.test\.|(?<!\.d)\.ts$/.test(path));
  assert.deepEqual(odd, []);
});
