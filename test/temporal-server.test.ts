import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import {
  startTemporalServer,
  TemporalServerError,
  type TemporalServer,
  type TemporalServerOptions,
} from '../cli/temporal-server.js';
import { findTestBinary, startTestServer } from './support/temporal.js';
import { until } from './support/until.js';

const OWNER = fileURLToPath(new URL('support/temporal-owner.ts', import.meta.url));

let binary: string;
let folder: string;

before(async () => {
  binary = await findTestBinary();
  folder = await mkdtemp(join(tmpdir(), 'countersign-test-'));
});

after(() => rm(folder, { recursive: true, force: true }));

test('a server serves workflows and its UI, and is gone once stopped', async () => {
  const server = await start({ uiPort: 0, namespace: 'own' });
  try {
    await startWorkflow(server, randomUUID());
    await startWorkflow(server, randomUUID(), 'own');
    const page = await fetch(server.uiUrl ?? 'no UI');
    assert.equal(page.status, 200);
  } finally {
    await server.stop();
  }
  assert.equal(isAlive(server.pid), false);
  await server.stop();
});

test('what was written to the database file is there after a restart', async () => {
  const databaseFile = join(folder, 'made-on-demand', 'kept.db');
  const workflowId = randomUUID();
  const first = await start({ databaseFile });
  try {
    await startWorkflow(first, workflowId);
  } finally {
    await first.stop();
  }
  assert.deepEqual(await first.exited, { code: 0, signal: null });
  const second = await start({ databaseFile });
  try {
    const found = await withClient(second, (client) =>
      client.workflow.getHandle(workflowId).describe(),
    );
    assert.equal(found.status.name, 'RUNNING');
  } finally {
    await second.stop();
  }
});

test('search attributes and dynamic configuration reach the server', async () => {
  const server = await start({
    searchAttributes: { SignerIds: 'KeywordList' },
    dynamicConfig: { 'limit.maxIDLength': 40 },
  });
  try {
    const attributes = await withClient(server, (client) =>
      client.connection.operatorService.listSearchAttributes({ namespace: 'default' }),
    );
    assert.ok('SignerIds' in attributes.customAttributes);
    await assert.rejects(startWorkflow(server, 'x'.repeat(41)), (error: Error) =>
      String(error.cause).includes('exceeds maximum allowed length'),
    );
  } finally {
    await server.stop();
  }
});

test('ports in use are named, both, with the variables that change them', async () => {
  const taken = createServer();
  taken.listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  try {
    await assert.rejects(start({ port, uiPort: port }), (error: Error) => {
      assert.ok(error instanceof TemporalServerError);
      assert.match(error.message, new RegExp(`port ${port} .*in use.*COUNTERSIGN_TEMPORAL_PORT`));
      assert.match(error.message, /in use.*COUNTERSIGN_TEMPORAL_UI_PORT/);
      return true;
    });
  } finally {
    taken.close();
  }
});

test('a database file of garbage is refused in one line that names the file', async () => {
  const databaseFile = join(folder, 'garbage.db');
  await writeFile(databaseFile, 'this is no database. '.repeat(1000));
  await assert.rejects(start({ databaseFile }), (error: Error) => {
    assert.ok(error instanceof TemporalServerError);
    assert.ok(error.message.includes(databaseFile), error.message);
    assert.match(error.message, /not a database/);
    assert.equal(error.message.split('\n').length, 1);
    return true;
  });
});

test('a second server on the same database file is refused', async () => {
  const databaseFile = join(folder, 'shared.db');
  const first = await start({ databaseFile });
  try {
    await assert.rejects(start({ databaseFile }), /shared\.db.*locked/);
    await startWorkflow(first, randomUUID());
  } finally {
    await first.stop();
  }
});

test('a binary that ends at once is reported with the end of its log', async () => {
  const logFile = join(folder, 'broken.log');
  const broken = await script('broken', 'echo some words; echo the reason >&2; exit 3');
  await assert.rejects(
    start({ binary: broken, logFile }),
    /ended with exit code 3 before it served \| some words \| the reason/,
  );
  assert.equal(await readFile(logFile, 'utf8'), 'some words\nthe reason\n');
});

test('a binary that is not there is reported by its path', async () => {
  const binary = join(folder, 'nowhere');
  await assert.rejects(start({ binary }), /nowhere cannot be run/);
});

test('a start that is given up ends the server that does not serve yet', async () => {
  const pidFile = join(folder, 'slow.pid');
  const slow = await script(
    'slow',
    `echo $$ > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; exec sleep 600`,
  );
  const giveUp = new AbortController();
  const starting = start({ binary: slow, signal: giveUp.signal });
  const refused = assert.rejects(starting, /changed my mind/);
  await until(() => existsSync(pidFile));
  const pid = Number(await readFile(pidFile, 'utf8'));
  assert.equal(isAlive(pid), true);
  giveUp.abort(new Error('changed my mind'));
  await refused;
  assert.equal(isAlive(pid), false);
});

test('a server that ends unasked is announced, one that was stopped is not', async () => {
  const reasons: string[] = [];
  const onExit = (reason: string): void => {
    reasons.push(reason);
  };
  const stopped = await start({ onExit });
  await stopped.stop();
  assert.deepEqual(reasons, []);
  const killed = await start({ onExit });
  process.kill(killed.pid, 'SIGKILL');
  await killed.stop();
  assert.equal(reasons.length, 0, 'stop was called before the end was known');
  const crashed = await start({ onExit });
  process.kill(crashed.pid, 'SIGKILL');
  assert.deepEqual(await crashed.exited, { code: null, signal: 'SIGKILL' });
  await crashed.stop();
  assert.match(reasons.join(), /^the Temporal server was ended by SIGKILL/);
});

test('a server is spared the interrupt of its owner and ends when the owner is killed', async () => {
  const owner = spawn(process.execPath, ['--import', 'tsx', OWNER], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface(owner.stdout)[Symbol.asyncIterator]();
  const said = async (): Promise<string> => String((await lines.next()).value);
  const server = JSON.parse(await said()) as Pick<TemporalServer, 'pid' | 'address'>;
  try {
    process.kill(-Number(owner.pid), 'SIGINT');
    assert.equal(await said(), 'interrupted');
    await startWorkflow(server, randomUUID());
  } finally {
    owner.kill('SIGKILL');
  }
  await until(() => !isAlive(server.pid));
});

test('the test server takes a workflow and stops', async () => {
  const server = await startTestServer();
  try {
    await startWorkflow(server, randomUUID());
  } finally {
    await server.stop();
  }
});

function start(options: Partial<TemporalServerOptions>): Promise<TemporalServer> {
  const onExit = (reason: string): void => {
    throw new Error(reason);
  };
  return startTemporalServer({ binary, port: 0, onExit, ...options });
}

async function withClient<Answer>(
  { address }: Pick<TemporalServer, 'address'>,
  ask: (client: Client & { connection: Connection }) => Promise<Answer>,
  namespace = 'default',
): Promise<Answer> {
  const connection = await Connection.connect({ address });
  try {
    const client = new Client({ connection, namespace });
    return await ask(Object.assign(client, { connection }));
  } finally {
    await connection.close();
  }
}

async function startWorkflow(
  server: Pick<TemporalServer, 'address'>,
  workflowId: string,
  namespace?: string,
): Promise<void> {
  await withClient(
    server,
    (client) => client.workflow.start('nobodyRunsIt', { taskQueue: 'none', workflowId }),
    namespace,
  );
}

/** A stand-in for the binary, which answers to `--help` with nothing. */
async function script(name: string, commands: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n[ "$3" = --help ] && exit 0\n${commands}\n`);
  await chmod(path, 0o755);
  return path;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
