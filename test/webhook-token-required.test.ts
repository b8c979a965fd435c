import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { startTestWebhook, type TestWebhook } from './support/webhook-harness.js';
import {
  batchRequest,
  CALLBACKS,
  createTestSigner,
  documentEvent,
  entry,
  hintRequest,
  jsonRequest,
  noticeRequest,
  type TestRequest,
} from './support/webhook-signing.js';

const signer = createTestSigner();
const TOKEN = 'a-token-of-ours-alone';
const trust = {
  publicKeys: [signer.publicKey],
  hmacSecrets: ['a-shared-secret'],
  tokens: [TOKEN],
  requiresToken: true,
};

let webhook: TestWebhook;
before(async () => {
  webhook = await startTestWebhook({ trust });
});
after(() => webhook.close());

const at = (path: string, request: TestRequest): TestRequest => ({ ...request, path });

const SIGNED: Readonly<Record<string, () => TestRequest>> = {
  'a batch': () => batchRequest(signer, JSON.stringify([entry('signer', randomUUID(), '40')])),
  'a notice': () => {
    const uuid = randomUUID();
    const content = { resource_uri: `/api/v1/document/${uuid}/`, uuid, group: '', name: '' };
    return noticeRequest(signer, JSON.stringify(content));
  },
  'a realtime event': () => {
    const body = Buffer.from(JSON.stringify(documentEvent(randomUUID())));
    return jsonRequest(body, {
      'x-signed-sha256': signer.signature('sha256', body),
    });
  },
};

describe('where a token is required', () => {
  for (const [what, request] of Object.entries(SIGNED)) {
    test(`${what} that is signed is taken with it, and refused without, with another, in the query`, async () => {
      const before = webhook.stored.length;
      const refused = [
        [CALLBACKS, 'tokenMissing'],
        [`${CALLBACKS}?token=${TOKEN}`, 'tokenMissing'],
        [`${CALLBACKS}/another-token-of-theirs`, 'tokenWrong'],
      ] as const;
      for (const [path, reason] of refused) {
        const answer = await webhook.send(at(path, request()));
        assert.deepEqual([answer.status, answer.json['error']], [401, reason]);
      }
      assert.equal(webhook.stored.length, before);
      const taken = await webhook.send(at(`${CALLBACKS}/${TOKEN}`, request()));
      assert.equal(taken.status, 200, taken.text);
      assert.equal(webhook.stored.length, before + 1);
    });
  }

  test('a token alone still makes no more than a hint', async () => {
    const answer = await webhook.send(hintRequest(randomUUID(), TOKEN));
    assert.equal(answer.status, 200, answer.text);
    assert.equal(webhook.stored.at(-1)?.kind, 'hint');
  });
});
