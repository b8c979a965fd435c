import assert from 'node:assert/strict';
import { constants, createSign, generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeBase64,
  decodeEither,
  decodeHex,
  matchesToken,
  SIGNATURE_MAX_LENGTH,
  verifyHmac,
  verifyRsa,
} from '../webhook/signatures.js';
import { hmac } from './support/webhook-signing.js';

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
const data = Buffer.from('[{"timestamp":"2018-03-20T07:09:52","name":"status","value":"40"}]');

function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  const index = bit >> 3;
  copy[index] = (copy[index] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

for (const digest of ['sha1', 'sha256'] as const) {
  const signature = sign(digest, data, privateKey);

  test(`an RSA signature with ${digest} verifies by any of several keys`, async () => {
    assert.ok(await verifyRsa(digest, data, signature, [other.publicKey, publicKey]));
    assert.ok(!(await verifyRsa(digest, data, signature, [other.publicKey])));
    assert.ok(!(await verifyRsa(digest, data, signature, [])));
  });

  test(`any single bit changed in the data is refused under ${digest}`, () => {
    return fc.assert(
      fc.asyncProperty(fc.nat(data.length * 8 - 1), async (bit) => {
        assert.ok(!(await verifyRsa(digest, flipped(data, bit), signature, [publicKey])));
      }),
    );
  });

  test(`any single bit changed in the signature is refused under ${digest}`, () => {
    return fc.assert(
      fc.asyncProperty(fc.nat(signature.length * 8 - 1), async (bit) => {
        assert.ok(!(await verifyRsa(digest, data, flipped(signature, bit), [publicKey])));
      }),
    );
  });

  test(`signatures of any other length are refused under ${digest}, and never throw`, () => {
    return fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 600 }), async (bytes) => {
        assert.ok(!(await verifyRsa(digest, data, Buffer.from(bytes), [publicKey])));
      }),
    );
  });
}

test('the digest is part of the question', async () => {
  assert.ok(!(await verifyRsa('sha256', data, sign('sha1', data, privateKey), [publicKey])));
  assert.ok(!(await verifyRsa('sha1', data, sign('sha256', data, privateKey), [publicKey])));
});

test('an RSA-PSS signature is refused: the provider signs with PKCS#1 v1.5', async () => {
  const key = { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING };
  assert.ok(
    !(await verifyRsa('sha256', data, createSign('sha256').update(data).sign(key), [publicKey])),
  );
});

test('any single bit changed in data or MAC is refused', () => {
  const mac = Buffer.from(hmac('secret', data), 'hex');
  assert.ok(verifyHmac(data, mac, ['another', 'secret', 'third']));
  fc.assert(
    fc.property(fc.nat(mac.length * 8 - 1), fc.nat(data.length * 8 - 1), (macBit, dataBit) => {
      assert.ok(!verifyHmac(data, flipped(mac, macBit), ['secret']));
      assert.ok(!verifyHmac(flipped(data, dataBit), mac, ['secret']));
    }),
  );
});

test('a MAC is refused without secrets, and when it is cut or lengthened', () => {
  const mac = Buffer.from(hmac('secret', data), 'hex');
  assert.ok(!verifyHmac(data, mac, []));
  assert.ok(!verifyHmac(data, mac.subarray(0, 31), ['secret']));
  assert.ok(!verifyHmac(data, Buffer.concat([mac, Buffer.alloc(1)]), ['secret']));
  assert.ok(!verifyHmac(data, Buffer.alloc(0), ['secret']));
});

test('a token matches whole and exactly', () => {
  const tokens = ['first', 'second'];
  assert.ok(matchesToken('first', tokens) && matchesToken('second', tokens));
  for (const wrong of ['', 'firs', 'firstt', 'First', 'first,second', 'third']) {
    assert.ok(!matchesToken(wrong, tokens), wrong);
  }
  assert.ok(!matchesToken('first', []));
});

test('base64 of any bytes is decoded, also with lost plus signs and in lines', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (array) => {
      const bytes = Buffer.from(array);
      const text = bytes.toString('base64');
      assert.deepEqual(decodeBase64(text), bytes);
      assert.deepEqual(decodeBase64(text.replaceAll('+', ' ')), bytes);
      assert.deepEqual(decodeBase64(`${text.replace(/.{76}/g, '$&\r\n')}\n`), bytes);
    }),
  );
});

for (const bad of [
  '',
  '\n',
  '=',
  'A',
  'AA',
  'AAA',
  'AB==',
  'AA=A',
  'AA==AA==',
  'AA-_',
  'A\tAA',
  'é',
]) {
  test(`${JSON.stringify(bad)} is not canonical base64`, () => {
    assert.equal(decodeBase64(bad), undefined);
  });
}

for (const bad of ['', 'a', 'abc', 'aB', 'gg', '0x00', '00 00', '00\n']) {
  test(`${JSON.stringify(bad)} is not hex of one case`, () => {
    assert.equal(decodeHex(bad), undefined);
  });
}

test('a text longer than any signature is not decoded, of whatever it is made', () => {
  const longest = 'A'.repeat(SIGNATURE_MAX_LENGTH);
  assert.equal(decodeBase64(longest)?.length, (SIGNATURE_MAX_LENGTH / 4) * 3);
  assert.equal(decodeHex(longest)?.length, SIGNATURE_MAX_LENGTH / 2);
  for (const more of ['AAAA', '\n', ' ']) {
    assert.deepEqual(decodeEither(longest + more), [], JSON.stringify(more));
  }
  assert.equal(decodeBase64('+\n'.repeat(8_000_000)), undefined);
});

test('what may be hex or base64 is decoded as both', () => {
  assert.deepEqual(decodeEither('abcd'), [
    Buffer.from('abcd', 'hex'),
    Buffer.from('abcd', 'base64'),
  ]);
  assert.deepEqual(decodeEither('?'), []);
});
