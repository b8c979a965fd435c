import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeRecord, readRecords, type SpoolRecord } from '../webhook/spool/record-format.js';

const KEY = randomBytes(32);

function recordsOf(payloads: readonly string[]): SpoolRecord[] {
  return payloads.map((payload, index) => ({
    sequence: index + 1,
    arrivedAtMs: 1_900_000_000_000 + index,
    payload: Buffer.from(payload),
  }));
}

function fileOf(records: readonly SpoolRecord[], key = KEY): Buffer {
  return Buffer.concat(records.map((record) => encodeRecord(record, key)));
}

function textsIn(bytes: Buffer, key = KEY): string[] {
  return readRecords(bytes, key, 0).records.map(({ payload }) => payload.toString());
}

const anyPayloads = fc.array(fc.string({ unit: 'binary', maxLength: 300 }), {
  minLength: 1,
  maxLength: 8,
});

test('records are read as they were written', () => {
  fc.assert(
    fc.property(anyPayloads, (payloads) => {
      const records = recordsOf(payloads);
      const found = readRecords(fileOf(records), KEY, 0);
      assert.deepEqual(found, { records, damages: [], tornBytes: 0 });
    }),
  );
});

test('of a file that is cut anywhere, the whole records are read and the rest is torn', () => {
  fc.assert(
    fc.property(anyPayloads, fc.nat(), (payloads, cut) => {
      const records = recordsOf(payloads);
      const file = fileOf(records);
      const cutAt = cut % (file.length + 1);
      const found = readRecords(file.subarray(0, cutAt), KEY, 0);
      const whole = found.records.length;
      assert.deepEqual(found.records, records.slice(0, whole));
      assert.deepEqual(found.damages, []);
      assert.equal(fileOf(records.slice(0, whole)).length + found.tornBytes, cutAt);
      assert.ok(
        whole === records.length ||
          found.tornBytes < fileOf(records.slice(whole, whole + 1)).length,
      );
    }),
  );
});

test('a changed bit costs the record that it is in, and no other', () => {
  fc.assert(
    fc.property(anyPayloads, fc.nat(), fc.nat({ max: 7 }), (payloads, place, bit) => {
      const records = recordsOf(payloads);
      const file = fileOf(records);
      const at = place % file.length;
      file[at] = (file[at] ?? 0) ^ (1 << bit);
      const hit = records.findIndex((_, index) => fileOf(records.slice(0, index + 1)).length > at);
      const found = readRecords(file, KEY, 0);
      assert.deepEqual(found.records, records.toSpliced(hit, 1));
      // A last record that claims more than there is looks like one that is torn.
      const damaged = found.damages.reduce((bytes, { length }) => bytes + length, 0);
      assert.equal(damaged + found.tornBytes, fileOf(records.slice(hit, hit + 1)).length);
      if (hit < records.length - 1) assert.equal(found.tornBytes, 0);
    }),
  );
});

test('whatever else stands before, between and behind, only what was written is read', () => {
  const anyBytes = fc.uint8Array({ maxLength: 100 });
  fc.assert(
    fc.property(anyPayloads, anyBytes, anyBytes, (payloads, before, between) => {
      const records = recordsOf(payloads);
      const [first, others] = [records.slice(0, 1), records.slice(1)];
      const file = [before, fileOf(first), between, fileOf(others), before];
      assert.deepEqual(textsIn(Buffer.concat(file)), payloads.map(roundTrip));
    }),
  );
});

/** Lone surrogates have no UTF-8. */
function roundTrip(text: string): string {
  return Buffer.from(text).toString();
}

test('records of another key are damage', () => {
  const file = fileOf(recordsOf(['a', 'b']), randomBytes(32));
  const found = readRecords(file, KEY, 0);
  assert.deepEqual(found.records, []);
  assert.deepEqual(found.damages, [{ offset: 0, length: file.length }]);
});

test('a record that is there twice, or comes after a later one, is read once', () => {
  const [a, b, c] = recordsOf(['a', 'b', 'c']) as [SpoolRecord, SpoolRecord, SpoolRecord];
  assert.deepEqual(textsIn(fileOf([a, a, b, a, c])), ['a', 'b', 'c']);
  assert.equal(readRecords(fileOf([a, b]), KEY, 1).records.length, 1);
});

test('the time and the place of a record are vouched for, too', () => {
  const [record] = recordsOf(['a']) as [SpoolRecord];
  for (const offset of [4, 8, 13, 14, 19, 20, 51]) {
    const file = fileOf([record, { ...record, sequence: 2 }]);
    file[offset] = (file[offset] ?? 0) ^ 1;
    assert.equal(readRecords(file, KEY, 0).records.length, 1, `offset ${offset}`);
  }
});

test('zeros at the end, as a file system leaves them after a crash, are a torn append', () => {
  const file = Buffer.concat([fileOf(recordsOf(['a'])), Buffer.alloc(4096)]);
  const { records, damages, tornBytes } = readRecords(file, KEY, 0);
  assert.deepEqual([records.length, damages.length, tornBytes], [1, 0, 4096]);
});

test('a record of another key inside a damaged one does not come in with it', () => {
  const inner = fileOf(recordsOf(['smuggled']), randomBytes(32));
  const outer = encodeRecord({ sequence: 1, arrivedAtMs: 0, payload: inner }, KEY);
  outer[30] = (outer[30] ?? 0) ^ 1;
  assert.deepEqual(textsIn(Buffer.concat([outer, fileOf(recordsOf(['x', 'y']).slice(1))])), ['y']);
});
