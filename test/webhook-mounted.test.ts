import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import Koa from 'koa';
import { documentWorkflowId } from '../workflows/contract.js';
import {
  CALLBACK_PATH,
  openWebhook,
  readConfiguration,
  type OpenWebhook,
} from '../webhook/index.js';
import { openStage, type Stage } from './support/stage.js';

let stage: Stage;
let webhook: OpenWebhook;

before(async () => {
  stage = await openStage({ subscribes: false });
  webhook = await openWebhook(readConfiguration({ ...stage.environment, WEBHOOK_SPOOL: 'off' }), {
    client: stage.client,
  });
});

after(async () => {
  await webhook.close();
  await stage.close();
});

/** Somebody's app with the middleware in it. */
async function withApp(
  build: (app: Koa) => void,
  use: (url: string) => Promise<void>,
): Promise<void> {
  const app = new Koa();
  app.silent = true;
  build(app);
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test("mounted in somebody's app, it takes callbacks and hands every other path on", async () => {
  const statuses: number[] = [];
  await withApp(
    (app) =>
      app
        .use(async (context, next) => {
          await next();
          statuses.push(context.status);
        })
        .use(webhook.middleware)
        .use((context) => {
          context.body = `theirs: ${context.path}`;
        }),
    async (url) => {
      assert.equal(await (await fetch(`${url}/callbacks`)).text(), 'theirs: /callbacks');
      assert.equal(await (await fetch(`${url}/metrics`)).text(), 'theirs: /metrics');
      const forged = { method: 'POST', body: new URLSearchParams({ data: '[]', signed: 'AA==' }) };
      assert.equal((await fetch(`${url}${CALLBACK_PATH}`, forged)).status, 401);
      assert.deepEqual(statuses, [200, 200, 401]);
      stage.sandbox.subscribe({ url: `${url}${CALLBACK_PATH}`, notify: 'realtime' });
      const [created] = stage.sandbox.createDocuments(1, { signers: 1 });
      await stage.sandbox.completeDocument(created?.id ?? '');
      const handle = stage.client.workflow.getHandle(documentWorkflowId(created?.id ?? ''));
      const outcome = await stage.countersign.waitForOutcome(created?.id ?? '');
      assert.equal(outcome.kind, 'completed');
      assert.equal((await handle.describe()).type, 'documentSigning');
      await stage.sandbox.idle();
    },
  );
});

test('behind a body parser it says what is wrong, and takes nothing', async () => {
  const errors: unknown[] = [];
  await withApp(
    (app) => {
      app.on('error', (error: unknown) => errors.push(error));
      app.use(async (context, next) => {
        context.req.resume();
        await once(context.req, 'end');
        await next();
      });
      app.use(webhook.middleware);
    },
    async (url) => {
      const response = await fetch(`${url}${CALLBACK_PATH}`, { method: 'POST', body: 'data=1' });
      assert.equal(response.status, 500);
      assert.match(String(errors[0]), /before any body parser/);
    },
  );
});
