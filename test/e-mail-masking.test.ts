/** What must not show a signer's address: reasons of the provider, and entries set aside. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maskedLine, maskEmailAddresses, reasonOf } from '../provider/error-reason.js';
import { showEntry } from '../webhook/show-entry.js';

const MASK = '[e-mail address]';

for (const address of [
  'canary@example.com',
  'Canary.L+x@sub.example.co.uk',
  "mary.canaryo'hara@example.com",
  'a=canary/b@example.com',
  '"canary"@example.com',
  '"canary quoted"@example.com',
  'canary@[192.0.2.1]',
  'canary@localhost',
  'canäry@exämple.com',
  'canary＠example.com',
  'canary﹫example.com',
  'canary.person%40example.com',
  'canary.person%2540example.com',
  'canary.person&#64;example.com',
  'canary.person&#064;example.com',
  'canary.person&#x40;example.com',
  'canary.person&#X40;example.com',
  'canary.person&commat;example.com',
  'canary.person\\u0040example.com',
]) {
  test(`${address} is masked in a reason, and in an entry that is set aside`, () => {
    const text = `No signer with ${address} is known`;
    assert.equal(maskEmailAddresses(text), `No signer with ${MASK} is known`);
    assert.equal(reasonOf(JSON.stringify({ error: text })), `No signer with ${MASK} is known`);
    const shown = showEntry({ name: 'note', value: text, [address]: 1 });
    assert.doesNotMatch(shown, /can|quoted|example/i);
    assert.match(shown, /^\{"name":"note","value":"No signer with .*\[e-mail\].* is known",/);
  });
}

test('what stands beside an address and touches it is masked with it, and nothing else is', () => {
  for (const [text, masked] of [
    ['to <canary@example.com>, today', `to <${MASK}>, today`],
    ['mailto:canary@example.com?subject=x is wrong', `${MASK} is wrong`],
    ['a@example.com b@example.com', `${MASK} ${MASK}`],
    ['the "Lease" of "Ada" costs 40% & more; #64', 'the "Lease" of "Ada" costs 40% & more; #64'],
  ] as const) {
    assert.equal(maskEmailAddresses(text), masked);
  }
});

test('an address is masked wherever a long reason is cut', () => {
  for (let spaces = 0; spaces < 3000; spaces += 1) {
    const line = maskedLine(`Ask${' '.repeat(spaces)} canary@example.com`, 100);
    assert.equal(line, `Ask ${MASK}`);
  }
});

/** Far more than any reason has; what is not read once, but once per character, takes minutes. */
const LENGTH = 2_000_000;
/** In ms, on a busy machine. */
const PATIENCE = { timeout: 20_000 };

for (const piece of [
  'a',
  '@',
  '"',
  '\\"',
  '"@',
  '"a ',
  'a@',
  '%25',
  '&#0',
  '&#x0',
  '<',
  '<title',
  '<script',
  '<style>',
  ' ',
]) {
  test(`two million characters of ${JSON.stringify(piece)} are masked at once`, PATIENCE, () => {
    const text = piece.repeat(LENGTH / piece.length);
    for (const hostile of [text, `<html>${text}`, JSON.stringify({ error: text })]) {
      assert.ok(reasonOf(hostile).length <= 300);
    }
    assert.ok(maskEmailAddresses(text).length <= 16 * LENGTH);
    assert.ok(showEntry([text]).length <= 300);
  });
}
