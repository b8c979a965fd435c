import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { request as forward, type IncomingMessage, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createArchiveFiles } from '../activities/archive-files.js';
import { openArchive } from '../activities/archive/open-archive.js';
import { createProviderClient } from '../provider/provider-client.js';
import { FAILURE_TYPES, type ArchiveReceipt } from '../workflows/contract.js';
import { freshId, pdfBytes, startStage } from './support/provider-stage.js';
import { openS3ServerForFile } from './support/s3-server.js';

const MEGABYTE = 1024 * 1024;

const { requirement, server } = await openS3ServerForFile();

/** Where the way to S3 breaks: before a request arrives, or before its answer does. */
interface Break {
  readonly atRequest: number;
  readonly isAnswerLost: boolean;
  /** From then on nothing passes any more, as after a crash. */
  readonly isForGood: boolean;
}

/** A way to the server that can break; its numbers of requests count from 1. */
class Way {
  readonly #server: URL;
  #breaks: Break | undefined;
  /** What was asked so far, as `METHOD key`. */
  asked: string[] = [];

  constructor(endpoint: string) {
    this.#server = new URL(endpoint);
  }

  breakAt(breaks: Break | undefined): void {
    this.#breaks = breaks;
    this.asked = [];
  }

  readonly listener: RequestListener = (request, response) => {
    const { method = '', url = '', headers } = request;
    this.asked.push(`${method} ${url.replace(/^\/[^/]+\/|\?.*$/g, '')}`);
    const number = this.asked.length;
    const { atRequest = 0, isAnswerLost, isForGood } = this.#breaks ?? {};
    const isHere = number === atRequest;
    if ((isHere && !isAnswerLost) || (isForGood && number > atRequest)) {
      request.socket.destroy();
      return;
    }
    const { hostname: host, port } = this.#server;
    const onward = forward(
      { host, port, method, path: url, headers },
      (answer: IncomingMessage) => {
        if (isHere) {
          answer.resume();
          request.socket.destroy();
          return;
        }
        response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
        answer.pipe(response);
      },
    );
    onward.on('error', () => request.socket.destroy());
    request.pipe(onward);
  };
}

interface Scene {
  readonly way: Way;
  /** Archives it into an archive of its own, as a worker that knows nothing of other attempts. */
  readonly archiveOne: (documentId: string) => Promise<ArchiveReceipt>;
  /** Nothing, or a receipt whose every object is there byte by byte. */
  readonly standing: (documentId: string) => Promise<ArchiveReceipt | undefined>;
}

async function scene(t: TestContext, pdf: Buffer): Promise<Scene> {
  const bucket = await server.createBucket();
  const way = new Way(server.endpoint);
  const wayServer = await startStage(way.listener);
  let logs = 0;
  // An audit log that is drawn up anew for every download, as a provider may do.
  const provider = await startStage((request, response) => {
    const isLog = request.url?.includes('auditlog') === true;
    response.end(isLog ? pdfBytes(1_000 + ++logs, `log ${logs}`) : pdf);
  });
  t.after(async () => {
    await wayServer.close();
    await provider.close();
  });
  const providerHash = createHash('sha256').update(pdf).digest('hex');
  return {
    way,
    async archiveOne(documentId) {
      const archive = openArchive(`s3://${bucket}/of-${documentId}`, {
        s3: { endpoint: wayServer.origin },
      });
      const apiUrl = `${provider.origin}/api/v1`;
      const client = createProviderClient({ apiUrl, apiKey: 'a:b', timeoutMs: 10_000 });
      const activity = createArchiveFiles({ provider: client, archive });
      const workflow = { workflowId: `document:${documentId}`, firstExecutionRunId: 'run' };
      try {
        const receipt: ArchiveReceipt = await new MockActivityEnvironment().run(activity, {
          ...{ documentId, providerHash, changes: [], workflow },
        });
        return receipt;
      } finally {
        client.close();
      }
    },
    async standing(documentId) {
      const folder = `of-${documentId}/${documentId}`;
      const keys = await server.keysIn(bucket);
      if (!keys.includes(`${folder}/receipt.json`)) return undefined;
      const text = await server.read(bucket, `${folder}/receipt.json`);
      const receipt = JSON.parse(text.toString()) as ArchiveReceipt;
      assert.equal(receipt.files.length, 2);
      for (const { name, sha256 } of receipt.files) {
        const content = await server.read(bucket, `${folder}/${name}`);
        assert.equal(createHash('sha256').update(content).digest('hex'), sha256, name);
      }
      return receipt;
    },
  };
}

for (const [what, bytes, expected] of [
  ['one request', 200_000, 8],
  ['parts', 9 * MEGABYTE, 12],
] as const) {
  test(
    `A crash before or after any request leaves nothing half, and is made good, in ${what}`,
    requirement,
    async (t) => {
      process.env['AWS_MAX_ATTEMPTS'] = '1';
      const { way, archiveOne, standing } = await scene(t, pdfBytes(bytes));
      way.breakAt(undefined);
      await archiveOne(freshId());
      const requests = way.asked.length;
      t.diagnostic(way.asked.map((line) => line.replace(/\S*\//, '')).join(', '));
      assert.equal(requests, expected);
      for (let atRequest = 1; atRequest <= requests; atRequest += 1) {
        for (const isAnswerLost of [false, true]) {
          const documentId = freshId();
          way.breakAt({ atRequest, isAnswerLost, isForGood: true });
          const crashed = archiveOne(documentId);
          await assert.rejects(crashed, { type: FAILURE_TYPES.unavailable });
          const left = await standing(documentId);
          way.breakAt(undefined);
          const receipt = await archiveOne(documentId);
          if (left !== undefined) assert.deepEqual(receipt, left);
          assert.deepEqual(await standing(documentId), receipt);
        }
      }
    },
  );
}

test(
  'An answer lost once is asked for again, and the same attempt succeeds',
  requirement,
  async (t) => {
    process.env['AWS_MAX_ATTEMPTS'] = '3';
    const { way, archiveOne, standing } = await scene(t, pdfBytes(200_000));
    way.breakAt(undefined);
    await archiveOne(freshId());
    const requests = way.asked.length;
    for (let atRequest = 1; atRequest <= requests; atRequest += 1) {
      const documentId = freshId();
      way.breakAt({ atRequest, isAnswerLost: true, isForGood: false });
      const receipt = await archiveOne(documentId);
      assert.deepEqual(await standing(documentId), receipt);
    }
  },
);

const CHILD = `
import { openArchive } from '../activities/archive/open-archive.js';
async function* endless() {
  for (let sent = 0; ; sent += 1) {
    yield Buffer.alloc(65_536, '%PDF-1.7');
    if (sent === 20) process.kill(process.pid, 'SIGKILL');
  }
}
const [url, endpoint, documentId] = process.argv.slice(-3);
const attempt = await openArchive(url, { s3: { endpoint } }).begin(documentId);
await attempt.writeFile('document.pdf', endless());
`;

test(
  'A worker killed while it downloads leaves no file of anybody’s document',
  requirement,
  async (t) => {
    const bucket = await server.createBucket();
    const spoolFolder = await mkdtemp(join(tmpdir(), 'countersign-spool-'));
    t.after(() => rm(spoolFolder, { recursive: true }));
    const parameters = [`s3://${bucket}`, server.endpoint, freshId()];
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', CHILD, '--', ...parameters],
      {
        cwd: new URL('.', import.meta.url),
        env: { ...process.env, TMPDIR: spoolFolder },
        stdio: ['ignore', 'inherit', 'inherit'],
      },
    );
    const [, signal] = (await once(child, 'close')) as [number | null, string | null];
    assert.equal(signal, 'SIGKILL');
    assert.deepEqual(
      (await readdir(spoolFolder)).filter((name) => name.startsWith('countersign-')),
      [],
    );
    assert.deepEqual(await server.keysIn(bucket), ['about.txt']);
  },
);
