import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reasonOf, REASON_MAX_LENGTH } from '../provider/error-reason.js';
import {
  MAX_RETRY_AFTER_MS,
  MIN_RETRY_AFTER_MS,
  parseRetryAfter,
} from '../provider/retry-after.js';

const nowMs = Date.parse('2026-01-01T00:00:00Z');

test('Retry-After is read as seconds or as a date, within bounds', () => {
  assert.equal(parseRetryAfter('7', nowMs), 7_000);
  assert.equal(parseRetryAfter('Thu, 01 Jan 2026 00:01:00 GMT', nowMs), 60_000);
  assert.equal(parseRetryAfter('0', nowMs), MIN_RETRY_AFTER_MS);
  assert.equal(parseRetryAfter('Thu, 01 Jan 2025 00:01:00 GMT', nowMs), MIN_RETRY_AFTER_MS);
  assert.equal(parseRetryAfter('99999999', nowMs), MAX_RETRY_AFTER_MS);
});

test('A Retry-After that means nothing is none', () => {
  for (const header of [undefined, '', '-5', 'soon', ['1', '2'], '1e3', 'Thu']) {
    assert.equal(parseRetryAfter(header, nowMs), undefined, String(header));
  }
});

test('A reason is one bounded line, whatever the body', () => {
  assert.equal(reasonOf('{"error_message":"No\\n way","traceback":"File x"}'), 'No way');
  assert.equal(
    reasonOf('{"document":{"name":["too long"],"traceback":"File x"}}'),
    'document: name: too long',
  );
  assert.equal(reasonOf('plain  text'), 'plain text');
  assert.equal(reasonOf(''), '');
  assert.equal(reasonOf('null'), 'null');
  assert.equal(reasonOf('x'.repeat(10_000)).length, REASON_MAX_LENGTH);
  assert.equal(reasonOf('mail to Ada.L+x@sub.example.co.uk!'), 'mail to [e-mail address]');
});

test('A reason is whole characters, also where half of one was told or would be cut', () => {
  assert.equal(reasonOf('{"error":"no \\ud83d"}'), 'no \ufffd');
  const cut = reasonOf('😀'.repeat(REASON_MAX_LENGTH));
  assert.equal(cut, Buffer.from(cut).toString());
  assert.equal(cut.length, REASON_MAX_LENGTH);
});
