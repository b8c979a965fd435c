import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import { test } from 'node:test';
import { ApplicationFailure } from '@temporalio/common';
import { isBusy, toApplicationFailure } from '../activities/failures.js';
import { ProviderError, type ProviderErrorKind } from '../provider/provider-error.js';

const asked = 'GET /document/x/';

for (const [kind, type, nonRetryable, delayMs] of [
  ['throttled', 'Throttled', false, 30_000],
  ['unavailable', 'Unavailable', false, undefined],
  ['unreadable', 'Unavailable', false, undefined],
  ['credentialsRefused', 'CredentialsRefused', false, 300_000],
  ['refused', 'RequestRefused', true, undefined],
  ['ambiguous', 'RequestRefused', true, undefined],
] as const satisfies readonly (readonly [ProviderErrorKind, string, boolean, unknown])[]) {
  test(`A provider's ${kind} is ${type}, ${nonRetryable ? 'for good' : 'for now'}`, () => {
    const error = new ProviderError({ kind, asked, came: 'was answered 4xx', reason: 'why' });
    const failure = toApplicationFailure(error);
    assert.equal(failure.type, type);
    assert.equal(failure.nonRetryable ?? false, nonRetryable);
    assert.equal(failure.nextRetryDelay ?? undefined, delayMs);
    assert.match(failure.message, /^GET \/document\/x\/ was answered 4xx: why\. /);
  });
}

test('A told wait is kept, and never makes a final failure retryable', () => {
  const of = (kind: ProviderErrorKind): ApplicationFailure =>
    toApplicationFailure(new ProviderError({ kind, asked, came: 'x', retryAfterMs: 7 }));
  assert.equal(of('throttled').nextRetryDelay, 7);
  assert.equal(of('unavailable').nextRetryDelay, 7);
  assert.equal(of('refused').nextRetryDelay, undefined);
  assert.equal(of('refused').nonRetryable, true);
});

test('A failure passes as it is', () => {
  const failure = ApplicationFailure.nonRetryable('no', 'Own');
  assert.equal(toApplicationFailure(failure), failure);
});

test('An error of the disk is Unavailable and keeps its words', async () => {
  const error: unknown = await open('/nowhere/at/all').catch((thrown: unknown) => thrown);
  const failure = toApplicationFailure(error);
  assert.equal(failure.type, 'Unavailable');
  assert.equal(failure.nonRetryable, false);
  assert.match(failure.message, /ENOENT/);
});

test('A mistake in a program keeps its own name and is retried', () => {
  const failure = toApplicationFailure(new TypeError('x is not a function'));
  assert.equal(failure.type, 'TypeError');
  assert.notEqual(failure.nonRetryable, true);
  assert.equal(toApplicationFailure('text').message, 'text');
});

test('Temporal is busy where a call ran out of time, however the server saw that', () => {
  const answered = (code: number): Error =>
    Object.assign(new Error('no'), { code, details: '', metadata: {} });
  const asked = [1, 4, 8, 14, 2, 3, 5, 7].map((code) =>
    isBusy(new Error('x', { cause: answered(code) })),
  );
  assert.deepEqual(asked, [true, true, true, true, false, false, false, false]);
});
