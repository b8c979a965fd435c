/**
 * The process of a side that Countersign is compared with: the smallest Koa app that reads a
 * callback's body, checks its signature, and makes it durable in the side's own way, or not at all.
 */
import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client, Connection } from '@temporalio/client';
import Koa from 'koa';
import pg from 'pg';
import rawBody from 'raw-body';
import { parseRealtime } from '../webhook/parse-realtime.js';
import { callbackWorkflowId, statusChangedSignal, WORKFLOW_TYPES } from '../workflows/contract.js';
import { documentStart } from '../workflows/document-start.js';

/** `bare` stores nothing. `textbook`: signalWithStart. `inbox`: an INSERT. `start`: of a batch. */
export type Peer = 'bare' | 'textbook' | 'inbox' | 'start';

/** How such a process is told what it is. */
export interface PeerOrder {
  readonly peer: Peer;
  readonly certificateFile: string;
  /** Of Temporal. */
  readonly address: string;
  readonly taskQueue: string;
  /** Folder of PostgreSQL's socket. */
  readonly postgres: string;
}

/** Makes a verified body durable. */
type Store = (body: Buffer) => Promise<void>;

/** Enough that PostgreSQL can commit many together; more only wait in its queue. */
const POOL_SIZE = 20;

async function openStore(order: PeerOrder): Promise<Store> {
  switch (order.peer) {
    case 'bare':
      return () => Promise.resolve();
    case 'textbook':
      return signalling(await connect(order), order.taskQueue);
    case 'start':
      return starting(await connect(order), order.taskQueue);
    case 'inbox':
      return inserting(order.postgres);
  }
}

async function connect({ address }: PeerOrder): Promise<Client> {
  return new Client({ connection: await Connection.connect({ address }) });
}

function signalling(client: Client, taskQueue: string): Store {
  return async (body) => {
    const news = parseRealtime(body, Date.now());
    if (news.kind !== 'report') throw new Error('no report');
    await client.workflow.signalWithStart(WORKFLOW_TYPES.documentSigning, {
      ...documentStart(news.document, news.report),
      taskQueue,
      signal: statusChangedSignal,
      signalArgs: [news.report],
    });
  };
}

/** As many bytes as the body has, to a task queue that nobody polls. */
function starting(client: Client, taskQueue: string): Store {
  return async (body) => {
    const workflowId = callbackWorkflowId(createHash('sha256').update(body).digest('hex'));
    const args = [body.toString('latin1')];
    await client.workflow.start('bare', { workflowId: `bare-${workflowId}`, taskQueue, args });
  };
}

async function inserting(host: string): Promise<Store> {
  const pool = new pg.Pool({ host, user: 'postgres', database: 'postgres', max: POOL_SIZE });
  await pool.query('CREATE TABLE IF NOT EXISTS inbox (hash bytea PRIMARY KEY, body bytea)');
  const text = 'INSERT INTO inbox (hash, body) VALUES ($1, $2) ON CONFLICT DO NOTHING';
  return async (body) => {
    const hash = createHash('sha256').update(body).digest();
    await pool.query({ name: 'insert', text, values: [hash, body] });
  };
}

async function open(order: PeerOrder): Promise<number> {
  const store = await openStore(order);
  const key = createPublicKey(readFileSync(order.certificateFile));
  const app = new Koa();
  app.use(async (context) => {
    const body = await rawBody(context.req, { limit: '16mb' });
    const signature = Buffer.from(context.get('X-Signed-Sha256'), 'base64');
    if (!verify('sha256', body, key, signature)) {
      context.status = 401;
      return;
    }
    await store(body);
    context.body = { result: 'stored' };
  });
  const handle = app.callback();
  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

process.once('disconnect', () => process.exit());
process.on('message', (order: PeerOrder) => {
  void open(order).then((port) => process.send?.({ port }));
});
