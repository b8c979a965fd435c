/** The content of callbacks as a hostile sender with the provider's keys would write it. */
import fc from 'fast-check';
import { hostileJson, hostileObject, oneOf, someId, someUri } from './hostile-json.js';

/** The clock of all cases, so that a case is the same whenever it is repeated. */
export const NOW_MS = Date.parse('2031-06-01T12:00:00Z');

const time = oneOf(
  '2031-06-01T11:59:58',
  '2031-05-31T00:00:00.5Z',
  '2018-03-20T07:09:52',
  '9999-12-31T23:59:59',
  '2031-02-30T00:00:00',
  '2031-06-01T11:59:58+99:99',
);
const status = oneOf('10', '20', '30', '40', '50', '60', '100', 40, 15.5, -1, '../..', '\u202e');
const uri = fc.oneof(someUri('signer'), someUri('document'));

const entry = hostileObject({
  timestamp: time,
  name: oneOf('status'),
  value: status,
  resource_uri: uri,
});

/** `data` of a batch. */
export const batchContent: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc
      .array(fc.oneof({ weight: 5, arbitrary: entry }, hostileJson), { maxLength: 6 })
      .map((entries) => `[${entries.join(',')}]`),
  },
  { weight: 1, arbitrary: hostileJson },
);

const label = { group: oneOf('/api/v1/group/sales/', 'Sales'), tag: oneOf('order-17', 'a@b.c') };

/** `json_signed` of a notice. */
export const noticeContent: fc.Arbitrary<string> = fc.oneof(
  { weight: 9, arbitrary: hostileObject({ resource_uri: uri, name: oneOf('Lease'), ...label }) },
  { weight: 1, arbitrary: hostileJson },
);

const idText = someId.map((id) => JSON.stringify(id));
const recipient = hostileObject({
  uuid: idText,
  resourceUri: someUri('signer'),
  status,
  order: oneOf(1, 2, 1e9, -1, '3'),
  roleText: oneOf('Signer', 'Jane Doe', 'witness'),
});
const data = hostileObject({
  uuid: idText,
  resourceUri: uri,
  status,
  document: idText,
  documentResourceUri: someUri('document'),
  groupResourceUri: label.group,
  tag: label.tag,
  recipients: fc.array(recipient, { maxLength: 3 }).map((all) => `[${all.join(',')}]`),
});

/** The body of a realtime event. */
export const realtimeContent: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 9,
    arbitrary: hostileObject({
      version: oneOf(1),
      object: oneOf('document', 'recipient'),
      event: oneOf(
        'document.created',
        'document.rejected',
        'document.finalPdfCreated',
        'recipient.completed',
        'recipient.bounced',
        'constructor',
      ),
      created: fc.oneof(oneOf(NOW_MS / 1000 - 1, NOW_MS, 1, 1e18), time),
      data,
    }),
  },
  { weight: 1, arbitrary: hostileJson },
);

/** Bytes of a content: as they are, or damaged so that they are no UTF-8 or no JSON any more. */
export function bytesOf(content: fc.Arbitrary<string>): fc.Arbitrary<Buffer> {
  const hits = fc.tuple(fc.nat(), fc.constantFrom(0xff, 0xc0, 0xed, 0x00, 0x22, 0x5c, 0x7d));
  const damage = fc.oneof({ weight: 7, arbitrary: fc.constant(undefined) }, hits);
  return fc.tuple(content, damage).map(([text, hit]) => {
    const bytes = Buffer.from(text);
    if (hit && bytes.length > 0) bytes[hit[0] % bytes.length] = hit[1];
    return bytes;
  });
}
