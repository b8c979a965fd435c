/** The worker as a process, before a namespace that it may not use: what it says, and its end. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { readConfiguration } from '../worker/configuration.js';
import { DATA_FORMAT, DATA_FORMAT_KEY } from '../worker/data-format.js';
import { startWorker } from '../worker/main.js';
import { program } from './support/build.js';
import { openGuardedTemporal, type GuardedTemporal } from './support/guarded-temporal.js';
import { startTestServer, type TestServer } from './support/temporal.js';
import { until } from './support/until.js';

const { INDEXED_VALUE_TYPE_INT } = proto.temporal.api.enums.v1.IndexedValueType;

/** The SDK itself gives up on refused polls after a minute. */
const END_LIMIT_MS = 30_000;

/** No reconciliation is scheduled: what is refused first is what the test refuses. */
const UNSCHEDULED = { LEGALESIGN_API_KEY: 'user:key', RECONCILE_CRON: 'off' };

let server: TestServer;
let door: GuardedTemporal;

before(async () => {
  server = await startTestServer();
  door = await openGuardedTemporal(server.address);
});

after(async () => {
  await door.close();
  await server.stop();
});

interface WorkerProcess {
  readonly stdout: Readable;
  /** All that it says on stderr. */
  readonly complaints: Promise<string>;
  readonly ended: Promise<[code: number | null, signal: string | null]>;
  kill(signal: 'SIGTERM' | 'SIGINT'): void;
}

function startProcess(environment: Readonly<Record<string, string>>): WorkerProcess {
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, program('worker/main'), {
    env: { PATH, HOME, TEMPORAL_ADDRESS: door.address, ...UNSCHEDULED, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 240_000,
    killSignal: 'SIGKILL',
  });
  const ended = once(child, 'close') as WorkerProcess['ended'];
  const kill = (signal: NodeJS.Signals): void => void child.kill(signal);
  return { stdout: child.stdout, complaints: text(child.stderr), ended, kill };
}

/** @returns the one line that it said, on stderr; asserts that it ended with 1, soon */
async function complaintOf(environment: Readonly<Record<string, string>>): Promise<string> {
  const began = performance.now();
  const child = startProcess(environment);
  const log = await text(child.stdout);
  const complaints = await child.complaints;
  assert.deepEqual(await child.ended, [1, null], `${log}${complaints}`);
  assert.ok(performance.now() - began < END_LIMIT_MS);
  assert.match(complaints, /^[^\n]+\n$/, 'one line, and no stack trace');
  assert.doesNotMatch(log, /"level":[56]0|"stack"|polls/);
  assert.ok(complaints.includes(door.address), complaints);
  return complaints;
}

test('a key that Temporal does not know: the process says where, and which setting to mend', async () => {
  door.refuse('GetSystemInfo');
  assert.match(
    await complaintOf({}),
    /^Temporal at \S+ does not let this worker in \(TEMPORAL_API_KEY.*unauthorized/,
  );
});

test('a signal to end while it waits for Temporal: the process ends in order, and at once', async () => {
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const worker = startProcess({ TEMPORAL_ADDRESS: `127.0.0.1:${port}` });
  await once(silent, 'connection');
  worker.kill('SIGTERM');
  assert.deepEqual(await worker.ended, [0, null]);
  silent.close();
});

test('a namespace that does not exist: the process says so, and how to make it', async () => {
  door.refuse();
  assert.match(
    await complaintOf({ TEMPORAL_NAMESPACE: 'absent' }),
    /Temporal has no namespace absent .*: create it \(temporal operator namespace create -n absent\), or set TEMPORAL_NAMESPACE/,
  );
});

test('a search attribute of another type: the process names it, both types and what to do', async () => {
  const connection = await Connection.connect({ address: server.address });
  try {
    const namespace = 'taken';
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    });
    // The server's cache of namespaces learns of a new one within seconds.
    await until(() =>
      connection.operatorService
        .addSearchAttributes({
          namespace,
          searchAttributes: { DocumentStatus: INDEXED_VALUE_TYPE_INT },
        })
        .then(
          () => true,
          () => false,
        ),
    );
    assert.match(
      await complaintOf({ TEMPORAL_NAMESPACE: namespace }),
      /attribute DocumentStatus of namespace taken is \w+_INT, but Countersign needs \w+_KEYWORD: remove or rename it, or use another namespace/,
    );
  } finally {
    await connection.close();
  }
});

test("a newer version's data: the process says which format it finds and what to deploy", async () => {
  door.refuse();
  const connection = await Connection.connect({ address: server.address });
  const note = (format: number): Promise<unknown> =>
    connection.workflowService.updateNamespace({
      namespace: 'default',
      updateInfo: { data: { [DATA_FORMAT_KEY]: String(format) } },
    });
  try {
    await note(DATA_FORMAT + 1);
    assert.match(
      await complaintOf({}),
      /data in namespace default have the format 2, .*understands formats up to 1: deploy the version/,
    );
  } finally {
    await note(DATA_FORMAT);
    await connection.close();
  }
});

test('no right to add search attributes: the process says how somebody else adds them', async () => {
  door.refuse('AddSearchAttributes');
  assert.match(
    await complaintOf({}),
    /missing in namespace default .*unauthorized.*temporal operator search-attribute create -n default --name DocumentStatus --type Keyword .*--name SignerIds --type KeywordList /,
  );
});

test('no right to poll: the process says so, instead of waiting for a minute', async () => {
  door.refuse('PollActivityTaskQueue');
  assert.match(
    await complaintOf({}),
    /does not let this worker poll for activities in namespace default .*unauthorized.*TEMPORAL_API_KEY/,
  );
});

test('a time of the reconciliation that is none: the process names the setting', async () => {
  door.refuse();
  const complaint = await complaintOf({ RECONCILE_CRON: '99 2 * * *' });
  assert.match(complaint, /RECONCILE_CRON or RECONCILE_TIME_ZONE is none: .*Minute/);
});

for (const [method, what] of [
  ['ListSearchAttributes', /does not let this worker list search attributes in namespace default/],
  ['CountWorkflowExecutions', /does not let this worker count workflows in namespace default/],
  ['DescribeNamespace', /does not let this worker read its data in namespace default/],
  ['DescribeSchedule', /does not let this worker keep its Schedule .*in namespace default/],
  ['CreateSchedule', /does not let this worker keep its Schedule .*in namespace default/],
  ['StartWorkflowExecution', /does not let this worker start workflows in namespace default/],
  [
    'PollWorkflowTaskQueue',
    /does not let this worker poll for workflow tasks in namespace default/,
  ],
] as const) {
  test(`a worker that ${method} is refused to does not start, and says which right it lacks`, async () => {
    door.refuse(method);
    const configuration = readConfiguration({
      LEGALESIGN_API_KEY: 'user:key',
      LOG_LEVEL: 'silent',
    });
    const { address } = door;
    await assert.rejects(startWorker(configuration, { address }), ({ message }: Error) => {
      assert.match(message, what);
      assert.match(message, /unauthorized.*TEMPORAL_API_KEY/);
      assert.ok(message.includes(address) && !message.includes('\n'), message);
      return true;
    });
    assert.ok((door.refused.get(method) ?? 0) > 0);
  });
}

/** The SDK tries for a minute before it gives up: too long for every run. */
const isFull = process.env['LIMITS_FULL'] === '1';
if (isFull) {
  test('a right to poll that is taken away while it runs ends the process too', async () => {
    door.refuse();
    const child = startProcess({});
    for await (const line of createInterface(child.stdout)) {
      if (line.includes('the worker polls')) door.refuse('PollActivityTaskQueue');
      else if (line.includes('Worker failed')) assert.match(line, /unauthorized/);
    }
    const [code] = await child.ended;
    assert.equal(code, 1);
    assert.match(await child.complaints, /^Temporal lets this worker poll no longer[^\n]*\n$/);
  });
}
