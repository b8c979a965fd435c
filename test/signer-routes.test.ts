import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSignerRoutes } from '../activities/signer-routes.js';
import { createProviderClient } from '../provider/provider-client.js';
import { freshId, json, startStage } from './support/provider-stage.js';
import { withSilentStage } from './support/reconciling.js';
import { until } from './support/until.js';

const DELIVERIES = 30;
const SIGNERS = 20;

test('deliveries that ask for thousands of signers let other calls to the provider through', async () => {
  const asked: string[] = [];
  const slow = await startStage((request, response) => {
    const { url = '' } = request;
    asked.push(url);
    const id = url.split('/').at(-2) ?? '';
    const answer = { uuid: id, status: 10, document: `/api/v1/document/${id}/` };
    setTimeout(() => {
      json(answer)(request, response);
    }, 20);
  });
  const apiUrl = `${slow.origin}/api/v1`;
  const provider = createProviderClient({ apiUrl, apiKey: 'a:b', timeoutMs: 20_000 });
  await withSilentStage({}, async ({ client }) => {
    const routes = createSignerRoutes(client, provider);
    const options = {
      askProvider: true,
      signal: new AbortController().signal,
      onProgress: () => undefined,
    };
    const deliveries = Array.from({ length: DELIVERIES }, () =>
      routes.route(Array.from({ length: SIGNERS }, freshId), options),
    );
    await until(() => asked.length > 100);
    const before = asked.length;
    const documentId = freshId();
    await provider.getDocument(documentId);
    const ahead = asked.findIndex((url) => url.includes(documentId)) - before;
    const routings = await Promise.all(deliveries);
    for (const { documents } of routings) assert.equal(documents.size, SIGNERS);
    assert.ok(ahead <= 20, `${ahead} signers were asked for first`);
  });
  provider.close();
  await slow.close();
});
