import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { MalformedError, TooLargeError } from '../webhook/errors.js';
import { parseBatch as parseBatchAt, type Batch } from '../webhook/parse-batch.js';
import { parseHint, parseNotice } from '../webhook/parse-notice.js';
import { parseRealtime as parseRealtimeAt, type RealtimeNews } from '../webhook/parse-realtime.js';
import { parseAnyTime, parseTimestamp } from '../webhook/timestamp.js';
import { documentEvent, recipientEvent } from './support/webhook-signing.js';

const DAY_MS = 86_400_000;

function parseBatch(bytes: Buffer): Batch {
  return parseBatchAt(bytes, Date.now());
}

function parseRealtime(bytes: Buffer): RealtimeNews {
  return parseRealtimeAt(bytes, Date.now());
}

function bytesOf(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

const status = (resourceUri: string, more: Record<string, unknown> = {}): unknown => ({
  timestamp: '2018-03-20T07:09:52',
  name: 'status',
  value: '40',
  resource_uri: resourceUri,
  ...more,
});

test("the provider's own example is read in order", () => {
  const list = [
    status('/api/v1/signer/s1/'),
    status('/api/v1/document/d1/', { value: '30' }),
    status('/api/v1/document/d1/', { value: 100 }),
  ];
  const at = '2018-03-20T07:09:52Z';
  assert.deepEqual(parseBatch(bytesOf(list)), {
    changes: [
      { subject: 'signer', id: 's1', status: 'signed', at, position: 0 },
      { subject: 'document', id: 'd1', status: 'signed', at, position: 1 },
      { subject: 'document', id: 'd1', status: 'finalised', at, position: 2 },
    ],
    setAside: [],
  });
});

for (const uri of [
  '/api/v1/signers/abc/',
  '/api/v1/signer/abc',
  'https://eu-api.legalesign.com/api/v1/signer/abc/',
]) {
  test(`${uri} names the signer abc`, () => {
    const [change] = parseBatch(bytesOf([status(uri)])).changes;
    assert.deepEqual([change?.subject, change?.id], ['signer', 'abc']);
  });
}

const strange: [name: string, entry: unknown, reason: RegExp][] = [
  ['null', null, /without a name/],
  ['a number', 5, /without a name/],
  ['a list', [], /without a name/],
  ['of another name', status('/api/v1/document/d/', { name: 'colour' }), /unknown name/],
  ['of a numeric name', status('/api/v1/document/d/', { name: 4 }), /without a name/],
  ['of a template', status('/api/v1/template/d/'), /kind of resource/],
  ['of another version', status('/api/v2/document/d/'), /kind of resource/],
  ['of a group', status('/api/v1/group/d/'), /kind of resource/],
  ['of a path', status('/api/v1/document/../'), /kind of resource/],
  ['of a deeper resource', status('/api/v1/document/d/x/'), /kind of resource/],
  ['of an overlong ID', status(`/api/v1/document/${'x'.repeat(65)}/`), /kind of resource/],
  ['without a resource', status('/', { resource_uri: undefined }), /resource_uri is missing/],
  ['without a value', status('/api/v1/document/d/', { value: undefined }), /value is missing/],
  ['of a blank value', status('/api/v1/document/d/', { value: ' ' }), /value is missing/],
  ['of a nested value', status('/api/v1/document/d/', { value: ['40'] }), /value is missing/],
  ['of no time', status('/api/v1/document/d/', { timestamp: null }), /timestamp is missing/],
  ['of an odd time', status('/api/v1/document/d/', { timestamp: 'soon' }), /unreadable timestamp/],
  [
    'with its name in the prototype',
    JSON.parse('{"__proto__":{"name":"status"}}'),
    /without a name/,
  ],
];
for (const [name, entry, reason] of strange) {
  test(`an entry ${name} is set aside, and its neighbours keep their places`, () => {
    const list = [status('/api/v1/document/a/'), entry, status('/api/v1/document/b/')];
    const { changes, setAside } = parseBatch(bytesOf(list));
    assert.deepEqual(
      changes.map(({ id, position }) => [id, position]),
      [
        ['a', 0],
        ['b', 2],
      ],
    );
    assert.equal(setAside.length, 1);
    assert.match(setAside[0]?.reason ?? '', reason);
  });
}

test('what is set aside is shown cut, and without e-mail addresses', () => {
  const entry = { name: 'mail', to: ['jane.doe@example.com', 'Joe <joe@x.org>'], at: 'a%40b.c' };
  const [shown] = parseBatch(bytesOf([{ ...entry, rest: 'x'.repeat(1000) }])).setAside;
  assert.equal(shown?.entry.length, 300);
  assert.doesNotMatch(shown.entry, /@|%40|jane|joe/);
  assert.match(shown.entry, /"name":"mail"/);
});

test('an address at the cut is not shown in half', () => {
  for (let length = 250; length < 300; length += 1) {
    const [shown] = parseBatch(
      bytesOf([{ x: 'y '.repeat(length / 2), z: 'janedoe@x.org' }]),
    ).setAside;
    assert.doesNotMatch(shown?.entry ?? 'jane', /jane/);
  }
});

test('an entry nested beyond the stack is set aside', () => {
  const deep = `[${'['.repeat(50_000)}${']'.repeat(50_000)}]`;
  const { setAside } = parseBatch(Buffer.from(deep));
  assert.equal(setAside.length, 1);
});

const times: [text: string, iso: string | undefined][] = [
  ['2018-03-20T07:09:52', '2018-03-20T07:09:52Z'],
  ['2018-03-20 07:09:52', '2018-03-20T07:09:52Z'],
  ['2018-03-20T07:09:52Z', '2018-03-20T07:09:52Z'],
  ['2018-03-20T07:09:52.000Z', '2018-03-20T07:09:52Z'],
  ['2018-03-20T07:09:52.125', '2018-03-20T07:09:52.125Z'],
  ['2018-03-20T07:09:52.123456', '2018-03-20T07:09:52.123Z'],
  ['2018-03-20T07:09:52+02:00', '2018-03-20T05:09:52Z'],
  ['2018-03-20T07:09:52-0130', '2018-03-20T08:39:52Z'],
  ['2020-02-29T00:00:00', '2020-02-29T00:00:00Z'],
  ['2018-02-30T00:00:00', undefined],
  ['2018-13-01T00:00:00', undefined],
  ['2018-03-20T25:00:00', undefined],
  ['2018-03-20T24:00:00', undefined],
  ['2018-03-20T07:09:60', undefined],
  ['9999-12-31T23:59:59-01:00', undefined],
  ['0000-01-01T00:00:00+01:00', undefined],
  ['2018-03-20T07:09:52+99:00', undefined],
  ['2018-03-20', undefined],
  ['20180320T070952', undefined],
  ['1521529792', undefined],
  ['', undefined],
];
for (const [text, iso] of times) {
  test(`the time ${JSON.stringify(text)} is ${iso ?? 'unreadable'}`, () => {
    assert.equal(parseTimestamp(text), iso);
  });
}

function reportOf(event: unknown): Extract<RealtimeNews, { kind: 'report' }> {
  const news = parseRealtime(bytesOf(event));
  assert.equal(news.kind, 'report');
  return news;
}

const documentEvents: [event: string, data: Record<string, unknown>, status: string][] = [
  ['document.finalPdfCreated', {}, 'finalised'],
  ['document.rejected', { status: 10 }, 'rejected'],
  ['document.created', { status: undefined }, 'created'],
  ['document.created', { status: '20' }, 'fieldsCompleted'],
  ['document.created', { status: 'odd' }, 'created'],
  ['document.painted', { status: 40 }, 'removed'],
  ['document.painted', { status: 77 }, 'unknown-77'],
  ['document.painted', { status: 1e300 }, 'unknown-1e_300'],
];
for (const [event, data, word] of documentEvents) {
  test(`${event} with the status ${JSON.stringify(data['status'])} means ${word}`, () => {
    const { report } = reportOf(documentEvent(randomUUID(), event, data));
    assert.equal(report.changes[0]?.status, word);
    assert.equal(report.snapshot?.status, word);
    assert.equal(report.snapshot.finalPdf, event === 'document.finalPdfCreated');
  });
}

const recipientEvents: [event: string, data: Record<string, unknown>, status: string][] = [
  ['recipient.completed', {}, 'signed'],
  ['recipient.rejected', {}, 'rejected'],
  ['recipient.emailOpened', {}, 'emailOpened'],
  ['recipient.visiting', {}, 'visited'],
  ['recipient.completed', { status: 50 }, 'downloaded'],
  ['recipient.bounced', { status: '10' }, 'sent'],
  ['recipient.danced', { status: 99 }, 'unknown-99'],
];
for (const [event, data, word] of recipientEvents) {
  test(`${event} with the status ${JSON.stringify(data['status'])} means ${word}`, () => {
    const { report } = reportOf(recipientEvent(randomUUID(), event, data));
    assert.deepEqual(
      report.changes.map(({ subject, status: read }) => [subject, read]),
      [['signer', word]],
    );
    assert.equal(report.snapshot, undefined);
  });
}

test('a bounce is news of its signer also where it names no status', () => {
  const { report, document } = reportOf(recipientEvent('d-1', 'recipient.bounced'));
  assert.deepEqual(report.changes, []);
  assert.equal(report.bounces?.length, 1);
  assert.equal(document.documentId, 'd-1');
});

test('a bounce whose document is not named is set aside, to be seen', () => {
  const event = recipientEvent('', 'recipient.bounced', { documentResourceUri: undefined });
  const news = parseRealtime(bytesOf(event));
  assert.equal(news.kind, 'setAside');
  assert.match(news.entry.reason, /without its document/);
});

test('created is in seconds, as a number or as digits', () => {
  for (const created of [1_521_529_792, '1521529792']) {
    const { report } = reportOf({ ...documentEvent('d'), created });
    assert.equal(report.changes[0]?.at, '2018-03-20T07:09:52Z');
    assert.equal(report.snapshot?.modified, '2018-03-20T07:09:52Z');
  }
});

const SECOND = '2018-03-20T07:09:52Z';
const anyTimes: [value: unknown, iso: string | undefined][] = [
  [1_521_529_792.9, SECOND],
  ['1521529792.9', SECOND],
  [' 1521529792 ', SECOND],
  [1_521_529_792_000, SECOND],
  ['1521529792000', SECOND],
  [1_521_529_792_125.5, '2018-03-20T07:09:52.125Z'],
  ['2018-03-20T09:09:52+02:00', SECOND],
  [1e11, '5138-11-16T09:46:40Z'],
  [1e11 + 1, '1973-03-03T09:46:40.001Z'],
  [253_402_300_799_999, '9999-12-31T23:59:59.999Z'],
  [253_402_300_800_000, undefined],
  [1e300, undefined],
  [0, undefined],
  [0.5, undefined],
  [-1, undefined],
  ['-1521529792', undefined],
  ['soon', undefined],
  ['', undefined],
  [null, undefined],
  [[1_521_529_792], undefined],
  [true, undefined],
  [undefined, undefined],
];
for (const [value, iso] of anyTimes) {
  test(`a time given as ${JSON.stringify(value)} is ${iso ?? 'unreadable'}`, () => {
    assert.equal(parseAnyTime(value), iso);
  });
}

const NOW_MS = Date.parse('2031-06-01T12:00:00Z');

test('a time is believed up to a day ahead of now, and no further', () => {
  const [ahead, beyond] = [NOW_MS + DAY_MS, NOW_MS + DAY_MS + 1000];
  const isoOf = (ms: number): string => new Date(ms).toISOString();
  const list = [ahead, beyond].map((ms) => status('/api/v1/document/d/', { timestamp: isoOf(ms) }));
  const { changes, setAside } = parseBatchAt(bytesOf(list), NOW_MS);
  assert.deepEqual(
    changes.map(({ position }) => position),
    [0],
  );
  assert.deepEqual(
    setAside.map(({ reason }) => reason),
    ['a time in the future'],
  );
  const kinds = [ahead, beyond].map(
    (created) => parseRealtimeAt(bytesOf({ ...documentEvent('d'), created }), NOW_MS).kind,
  );
  assert.deepEqual(kinds, ['report', 'notice']);
});

test('a recipient without a document and without a time is set aside, and not by name', () => {
  const data = { documentResourceUri: undefined };
  const event = { ...recipientEvent('d', 'recipient.completed', data), created: 'soon' };
  const news = parseRealtime(bytesOf(event));
  assert.equal(news.kind, 'setAside');
  assert.equal(news.entry.reason, 'an unreadable timestamp');
  assert.match(news.entry.entry, /recipient\.completed.*"soon"/);
  assert.doesNotMatch(news.entry.entry, /Jane|@/);
});

test('a batch of 200,000 entries is read, and one of more is too large', () => {
  const list = (length: number): Buffer => Buffer.from(`[${'0,'.repeat(length - 1)}0]`);
  assert.equal(parseBatch(list(200_000)).setAside.length, 200_000);
  assert.throws(() => parseBatch(list(200_001)), TooLargeError);
});

test("a document's recipients are read without names and e-mail addresses", () => {
  const recipients = [
    { uuid: 's1', status: 40, order: 1, roleText: 'Signer', email: 'a@b.c', firstname: 'Jane' },
    { resourceUri: '/api/v1/signers/s2/', status: '20', order: '2', roleText: 'Jane Doe' },
    { uuid: 's3' },
    { uuid: '../', status: 40 },
    'odd',
    null,
  ];
  const { report } = reportOf(documentEvent('d', 'document.created', { recipients }));
  assert.deepEqual(report.snapshot?.signers, [
    { id: 's1', status: 'signed', order: 1, role: 'signer' },
    { id: 's2', status: 'visited', order: 2 },
  ]);
});

test('recipients that are no list are no recipients', () => {
  const { report } = reportOf(documentEvent('d', 'document.created', { recipients: { a: 1 } }));
  assert.deepEqual(report.snapshot?.signers, []);
});

test('the document of a recipient is found by its URI or by its bare ID', () => {
  for (const document of ['d7', '/api/v1/document/d7/']) {
    const data = { documentResourceUri: undefined, document };
    assert.equal(
      reportOf(recipientEvent('x', 'recipient.completed', data)).document.documentId,
      'd7',
    );
  }
});

const labels: [
  data: Record<string, unknown>,
  group: string | undefined,
  tag: string | undefined,
][] = [
  [{ groupResourceUri: '/api/v1/group/sales/', tag: 'a b' }, 'sales', 'a b'],
  [{ groupResourceUri: undefined, group: 'legal', tag: '' }, 'legal', undefined],
  [{ groupResourceUri: 7, group: 'Sales & co', tag: 'jane@example.com' }, undefined, undefined],
  [{ groupResourceUri: '/x/', group: null, tag: 'x'.repeat(251) }, undefined, undefined],
];
for (const [data, group, tag] of labels) {
  test(`the labels of ${JSON.stringify(data).slice(0, 70)} are ${group} and ${tag}`, () => {
    const news = reportOf(documentEvent('d', 'document.created', data));
    assert.deepEqual([news.document.group, news.document.tag], [group, tag]);
    assert.deepEqual([news.report.snapshot?.group, news.report.snapshot?.tag], [group, tag]);
  });
}

test('keys of the prototype are nobody’s data', () => {
  const event = JSON.stringify({ ...documentEvent('d'), data: undefined });
  const forged = event.replace(
    '"object"',
    '"__proto__":{"data":{"uuid":"d","status":30}},"constructor":{},"object"',
  );
  assert.equal(parseRealtime(Buffer.from(forged)).kind, 'setAside');
  assert.equal(({} as Record<string, unknown>)['uuid'], undefined);
});

test('a byte order mark before the JSON does no harm', () => {
  assert.deepEqual(parseBatch(Buffer.from('\uFEFF[]')), { changes: [], setAside: [] });
});

const parsers: [name: string, parse: (bytes: Buffer) => unknown][] = [
  ['batch', parseBatch],
  ['realtime', parseRealtime],
  ['notice', parseNotice],
  ['hint by URI', (bytes) => parseHint(bytes, 'uri')],
  ['hint by JSON', (bytes) => parseHint(bytes, 'json')],
];
const keys = fc.constantFrom(
  ...['object', 'event', 'created', 'data', 'uuid', 'status', 'recipients', 'tag', 'document'],
  ...['timestamp', 'name', 'value', 'resource_uri', '__proto__', 'constructor'],
);
const leaves = fc.oneof(
  fc.constantFrom('document', 'recipient', 'status', '/api/v1/document/d/', '40', 1e300, -1, 0.5),
  fc.constantFrom('2018-03-20T07:09:52', 1_521_529_792, null, true, ''),
  fc.string(),
);
const { json } = fc.letrec((tie) => ({
  json: fc.oneof(
    { maxDepth: 4 },
    leaves,
    fc.array(tie('json'), { maxLength: 4 }),
    fc.dictionary(keys, tie('json'), { maxKeys: 6 }),
  ),
}));
for (const [name, parse] of parsers) {
  const refusesCleanly = (bytes: Buffer): void => {
    try {
      parse(bytes);
    } catch (error) {
      assert.ok(error instanceof MalformedError, String(error));
    }
  };

  test(`the ${name} parser throws nothing but MalformedError on arbitrary bytes`, () => {
    const bytes = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(bytes, (array) => {
        refusesCleanly(Buffer.from(array));
      }),
    );
  });

  test(`the ${name} parser throws nothing but MalformedError on arbitrary JSON`, () => {
    fc.assert(
      fc.property(json, (value) => {
        refusesCleanly(bytesOf(value));
      }),
      { numRuns: 500 },
    );
  });
}

test('every entry of any list is either a change or set aside', () => {
  fc.assert(
    fc.property(fc.array(json, { maxLength: 20 }), (list) => {
      const { changes, setAside } = parseBatch(bytesOf(list));
      assert.equal(changes.length + setAside.length, list.length);
    }),
  );
});
