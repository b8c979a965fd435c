import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import type { RequestListener } from 'node:http';
import { createRemindSigners } from '../activities/remind-signers.js';
import { createProviderClient } from '../provider/provider-client.js';
import { FAILURE_TYPES } from '../workflows/contract.js';
import type {
  DocumentStatus,
  RemindSignersInput,
  RemindSignersResult,
  SignerSnapshot,
} from '../workflows/contract.js';
import { bodyOf, freshId, json, routes, startStage } from './support/provider-stage.js';

const ALL_DAY = { fromMinute: 0, untilMinute: 1440, timeZone: 'UTC' };

interface Asked {
  readonly texts: string[];
  readonly remind: (hours?: typeof ALL_DAY) => Promise<RemindSignersResult>;
}

interface Circumstances {
  readonly callsPerMinute?: number;
  readonly patienceMs?: number;
  /** The document's, by the provider's word. */
  readonly status?: DocumentStatus;
}

async function stageWith(
  t: TestContext,
  signers: readonly SignerSnapshot[],
  answers: readonly RequestListener[],
  { callsPerMinute, patienceMs, status = 'created' }: Circumstances = {},
): Promise<Asked> {
  const texts: string[] = [];
  const waiting = [...answers];
  const table = signers.map(({ id }): [string, RequestListener] => [
    `POST /signer/${id}/send-reminder/`,
    (request, response) => {
      void bodyOf(request).then((body) => {
        texts.push((JSON.parse(body) as { text: string }).text);
        waiting.shift()?.(request, response);
      });
    },
  ]);
  const stage = await startStage(routes(Object.fromEntries(table)));
  const provider = createProviderClient({
    apiUrl: stage.origin,
    apiKey: 'user:key',
    timeoutMs: 5_000,
    callsPerMinute,
  });
  t.after(async () => {
    provider.close();
    await stage.close();
  });
  const documentId = freshId();
  const shown = { documentId, status, finalPdf: false, modified: '', signers } as const;
  const policy = { lingerMs: 1, channels: ['log'] } as const;
  return {
    texts,
    remind: (hours = ALL_DAY) => {
      const activity = createRemindSigners({
        lookUpDocument: () => Promise.resolve({ snapshot: shown, policy }),
        provider,
        reminders: { hours, text: 'Please sign.' },
        ...(patienceMs !== undefined && { patienceMs }),
      });
      const input = { documentId, signerIds: signers.map(({ id }) => id) };
      const environment = new MockActivityEnvironment();
      return environment.run<[RemindSignersInput], RemindSignersResult, typeof activity>(
        activity,
        input,
      );
    },
  };
}

function invited(): SignerSnapshot {
  return { id: freshId(), status: 'sent' };
}

test('every signer is reminded with the configured text, and the answer comes along', async (t) => {
  const signers = [invited(), invited()];
  const { remind, texts } = await stageWith(t, signers, [json({}), json({})]);
  const { results, lookUp, notBefore } = await remind();
  assert.deepEqual(
    results,
    signers.map(({ id }) => ({ signerId: id, kind: 'sent' })),
  );
  assert.equal(lookUp?.snapshot?.status, 'created');
  assert.equal(notBefore, undefined);
  assert.deepEqual(texts, ['Please sign.', 'Please sign.']);
});

test('who has signed meanwhile, by the provider’s word, is left in peace', async (t) => {
  const signer: SignerSnapshot = { id: freshId(), status: 'signed' };
  const { remind, texts } = await stageWith(t, [signer], []);
  assert.deepEqual((await remind()).results, [{ signerId: signer.id, kind: 'notNeeded' }]);
  assert.deepEqual(texts, []);
});

for (const status of ['rejected', 'removed', 'signed'] as const) {
  test(`nobody is reminded to sign a document that is ${status} by the provider’s word`, async (t) => {
    const signer = invited();
    const { remind, texts } = await stageWith(t, [signer], [json({})], { status });
    const { results, lookUp } = await remind();
    assert.deepEqual(results, [{ signerId: signer.id, kind: 'notNeeded' }]);
    assert.equal(lookUp?.snapshot?.status, status);
    assert.deepEqual(texts, []);
  });
}

test('"failed to send" is a result with its reason, no failure', async (t) => {
  const signer = invited();
  const { remind } = await stageWith(t, [signer], [json({ error: 'failed to send' }, 401)]);
  assert.deepEqual((await remind()).results, [
    { signerId: signer.id, kind: 'refused', reason: 'failed to send' },
  ]);
});

test('any other 401 is about the key, and tried again', async (t) => {
  const { remind } = await stageWith(t, [invited()], [json({ error: 'Unauthorized' }, 401)]);
  await assert.rejects(remind(), (error) => {
    assert.ok(error instanceof ApplicationFailure);
    assert.equal(error.type, FAILURE_TYPES.credentialsRefused);
    assert.ok(!error.nonRetryable);
    return true;
  });
});

test('a failure after the first reminder leaves the rest for later, and repeats nobody’s', async (t) => {
  const signers = [invited(), invited()];
  const { remind, texts } = await stageWith(t, signers, [json({}), json({}, 503)]);
  const { results, notBefore } = await remind();
  assert.deepEqual(results, [{ signerId: signers[0]?.id, kind: 'sent' }]);
  assert.ok(Date.parse(notBefore ?? '') > Date.now());
  assert.equal(texts.length, 2);
});

test('who has no turn at the provider in time is left for later, and nobody is reminded twice', async (t) => {
  const signers = [invited(), invited(), invited()];
  const limits = { callsPerMinute: 2, patienceMs: 500 };
  const { remind, texts } = await stageWith(t, signers, [json({}), json({})], limits);
  const { results, notBefore } = await remind();
  assert.deepEqual(
    results.map(({ signerId }) => signerId),
    signers.slice(0, 2).map(({ id }) => id),
  );
  assert.ok(Date.parse(notBefore ?? '') > Date.now());
  assert.equal(texts.length, 2);
});

test('a reminder that is not answered in time is not sent again: it may have arrived', async (t) => {
  const signers = [invited(), invited()];
  const unanswered: RequestListener = () => undefined;
  const limits = { patienceMs: 500 };
  const { remind, texts } = await stageWith(t, signers, [json({}), unanswered], limits);
  const { results, notBefore } = await remind();
  assert.deepEqual(
    results.map(({ kind }) => kind),
    ['sent', 'refused'],
  );
  assert.match(results[1]?.reason ?? '', /no full answer.*may have been carried out/);
  assert.equal(notBefore, undefined);
  assert.equal(texts.length, 2);
});

test('outside the hours nobody is asked: it says from when on', async (t) => {
  const { remind, texts } = await stageWith(t, [invited()], []);
  const minute = new Date().getUTCHours() * 60 + new Date().getUTCMinutes();
  const fromMinute = (minute + 60) % 1440;
  const untilMinute = (minute + 120) % 1440;
  const { results, notBefore, lookUp } = await remind({
    fromMinute,
    untilMinute,
    timeZone: 'UTC',
  });
  assert.deepEqual([results, lookUp, texts], [[], undefined, []]);
  const aheadMs = Date.parse(notBefore ?? '') - Date.now();
  assert.ok(aheadMs > 50 * 60_000 && aheadMs <= 61 * 60_000, notBefore);
});
