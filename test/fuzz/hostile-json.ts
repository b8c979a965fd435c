/** JSON as text, since what is hostile about it is often lost in a value: see each generator. */
import fc from 'fast-check';

/** Names that mean something to JavaScript, and one that breaks naive concatenation. */
const KEYS = ['__proto__', 'constructor', 'prototype', 'toString', 'length', 'then', '', '\0'];

const NUMBERS = ['9007199254740993', '1e999', '-1e999', '-0', '1e-400', '0.1', '99999999999999999'];

/** What climbs out of a folder or a URL, or looks as if; none may be taken for an ID. */
export const HOSTILE_IDS: readonly string[] = [
  '..',
  '../..',
  '../../etc/passwd',
  '%2e%2e',
  '%2e%2e%2f%2e%2e%2f',
  '..%2f',
  '..\\..\\x',
  '/etc/passwd',
  'a\0b',
  'a%00b',
  '\u2024\u2024',
  '\uff0e\uff0e\uff0f',
  '.staging',
  '-rf',
  'a b',
  'a\nb',
  "a' OR '1'='1",
  '__proto__',
  'x'.repeat(65),
  'x'.repeat(10_000),
  '',
];

const loneSurrogate = fc
  .integer({ min: 0xd800, max: 0xdfff })
  .map((code) => `"a\\u${code.toString(16)}b"`);

const nested = fc
  .tuple(fc.constantFrom('[', '{"a":'), fc.constantFrom(3, 100, 2000, 20_000))
  .map(([open, depth]) => {
    const close = open === '[' ? ']' : '}';
    return `${open.repeat(depth)}1${close.repeat(depth)}`;
  });

const huge = fc
  .tuple(
    fc.constantFrom('a', '@', '\u00e9', '/', ' ', '0'),
    fc.constantFrom(300, 1000, 5000, 100_000),
  )
  .map(([character, times]) => JSON.stringify(character.repeat(times)));

const proto = fc
  .tuple(fc.constantFrom(...KEYS), fc.constantFrom('1', '{"x":1}', '[]', 'null'))
  .map(([key, value]) => `{${JSON.stringify(key)}:${value}}`);

const plain = fc
  .oneof(fc.jsonValue({ maxDepth: 3 }), fc.string({ unit: 'binary' }), fc.string())
  .map((value) => JSON.stringify(value));

/** Any JSON that a sender could mean ill with. */
export const hostileJson: fc.Arbitrary<string> = fc.oneof(
  { weight: 8, arbitrary: plain },
  { weight: 3, arbitrary: fc.constantFrom(...NUMBERS, 'null', 'true', '""', '[]', '{}') },
  { weight: 2, arbitrary: proto },
  { weight: 1, arbitrary: loneSurrogate },
  { weight: 1, arbitrary: nested },
  { weight: 1, arbitrary: huge },
);

/** An object as text: any field may be hostile, missing, doubled or joined by a strange one. */
export function hostileObject(
  fields: Readonly<Record<string, fc.Arbitrary<string>>>,
): fc.Arbitrary<string> {
  const named = Object.entries(fields).map(([name, good]) =>
    fc
      .tuple(
        good,
        hostileJson,
        fc.oneof(
          { weight: 30, arbitrary: fc.constant('good') },
          { weight: 3, arbitrary: fc.constant('bad') },
          { weight: 1, arbitrary: fc.constantFrom('missing', 'doubled') },
        ),
      )
      .map(([value, bad, how]) => {
        const key = JSON.stringify(name);
        if (how === 'missing') return [];
        if (how === 'doubled') return [`${key}:${bad}`, `${key}:${value}`];
        return [`${key}:${how === 'good' ? value : bad}`];
      }),
  );
  const pair = fc
    .tuple(fc.constantFrom(...KEYS), hostileJson)
    .map(([key, value]) => [`${JSON.stringify(key)}:${value}`]);
  const strange = fc.oneof({ weight: 7, arbitrary: fc.constant<string[]>([]) }, pair);
  return fc.tuple(strange, ...named).map((pairs) => `{${pairs.flat().join(',')}}`);
}

/** An ID as JSON text: now and then none. */
export const someId: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.uuid() },
  // What JavaScript knows by name and our pattern takes for an ID.
  { weight: 1, arbitrary: fc.constantFrom('constructor', 'toString', 'valueOf') },
  { weight: 1, arbitrary: fc.constantFrom(...HOSTILE_IDS) },
);

/** A resource URI as JSON text. */
export function someUri(kind: string): fc.Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom(kind, kind, kind, 'signers', 'group', '..'), someId)
    .map(([name, id]) => JSON.stringify(`/api/v1/${name}/${id}/`));
}

/** Values as JSON text. */
export function oneOf(...values: readonly unknown[]): fc.Arbitrary<string> {
  return fc.constantFrom(...values.map((value) => JSON.stringify(value)));
}
