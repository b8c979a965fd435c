import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MalformedError } from '../webhook/errors.js';
import { parseForm } from '../webhook/form.js';
import { encodeForm } from './support/webhook-signing.js';

function valueOf(body: Buffer | string, name = 'data'): string | undefined {
  return parseForm(Buffer.from(body), [name]).get(name)?.value.toString('latin1');
}

const anyBytes = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes));

test('any bytes survive being encoded as a form', () => {
  fc.assert(
    fc.property(anyBytes, anyBytes, (first, second) => {
      const fields = parseForm(
        encodeForm([
          ['data', first],
          ['other', 'x'],
          ['signed', second],
        ]),
        ['data', 'signed'],
      );
      assert.deepEqual(fields.get('data')?.value, first);
      assert.deepEqual(fields.get('signed')?.value, second);
    }),
  );
});

test('any text survives being encoded by URLSearchParams', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const body = new URLSearchParams({ data: text }).toString();
      assert.equal(parseForm(Buffer.from(body), ['data']).get('data')?.value.toString(), text);
    }),
  );
});

test('arbitrary bytes are decoded or refused as malformed, and nothing else', () => {
  const fragments = fc.constantFrom('data', 'signed', '=', '&', '%', '+', '%2', '%zz', '%41', ';');
  const body = fc.oneof(
    anyBytes,
    fc.array(fragments).map((parts) => Buffer.from(parts.join(''))),
  );
  fc.assert(
    fc.property(body, (bytes) => {
      try {
        parseForm(bytes, ['data', 'signed']);
      } catch (error) {
        assert.ok(error instanceof MalformedError, String(error));
      }
    }),
  );
});

test('a field without an equals sign is empty, and one with two keeps the second', () => {
  assert.equal(valueOf('data'), '');
  assert.equal(valueOf('data=a=b'), 'a=b');
});

test('escaped names are recognised, and empty pairs skipped', () => {
  assert.equal(valueOf('&&d%61ta=1&&'), '1');
  assert.equal(valueOf(''), undefined);
});

test('bytes that are no UTF-8 are kept as they are', () => {
  assert.deepEqual(
    parseForm(Buffer.from([0x64, 0x3d, 0xff, 0x25, 0x46, 0x45]), ['d']).get('d')?.value,
    Buffer.from([0xff, 0xfe]),
  );
});

test('a literal plus is a space, and also kept as a plus for those who do not escape it', () => {
  const field = parseForm(Buffer.from('data=a+b%2Bc'), ['data']).get('data');
  assert.equal(field?.value.toString(), 'a b+c');
  assert.equal(field.withPlusKept?.toString(), 'a+b+c');
});

test('without a literal plus there is only one reading', () => {
  const field = parseForm(Buffer.from('data=a%2Bb'), ['data']).get('data');
  assert.equal(field?.withPlusKept, undefined);
});

for (const bad of ['data=%', 'data=%4', 'data=%4g', 'data=%+1', 'data=%%41', '%=1']) {
  test(`the form ${bad} is malformed`, () => {
    assert.throws(() => valueOf(bad), MalformedError);
  });
}

test('a bad percent sequence in a field nobody wants does not matter', () => {
  assert.equal(valueOf('other=%zz&data=1'), '1');
});

test('a wanted field given twice is malformed, even under an escaped name', () => {
  assert.throws(() => valueOf('data=1&dat%61=1'), MalformedError);
});

test('a form of a thousand fields is read, and one of more is malformed', () => {
  assert.equal(valueOf(`${'x=1&'.repeat(999)}data=1`), '1');
  assert.throws(() => valueOf(`${'x=1&'.repeat(1000)}data=1`), MalformedError);
});
