/** The provider's answers as a hostile or broken provider would write them. */
import fc from 'fast-check';
import { hostileJson, hostileObject, oneOf, someId, someUri } from './hostile-json.js';

const idText = someId.map((id) => JSON.stringify(id));
const list = (item: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .array(fc.oneof({ weight: 5, arbitrary: item }, hostileJson), { maxLength: 4 })
    .map((items) => `[${items.join(',')}]`);

const status = oneOf('10', 20, '30', 40, 50, 100, 1e21, 'x'.repeat(500));
const signer = hostileObject({
  uuid: idText,
  resource_uri: someUri('signer'),
  order: oneOf('1', 2, '99999'),
  role: oneOf('signer', 'Jane Doe'),
  status,
});
const placed = fc
  .tuple(someUri('signer'), hostileJson, status)
  .map(([uri, any, value]) => `[${uri},${any},${any},${any},null,${any},${value},${any}]`);

/** `GET /document/{id}/`. */
export const documentAnswer: fc.Arbitrary<string> = hostileObject({
  uuid: idText,
  resource_uri: someUri('document'),
  status,
  download_final: oneOf(true, 'true', 0),
  hash_value: oneOf('a'.repeat(64), 'A'.repeat(64), '../..'),
  modified: oneOf('2031-06-01T11:59:58', '+275760-09-13T00:00:00Z', '9999-99-99T99:99:99'),
  group: oneOf('/api/v1/group/sales/', '../..'),
  tag: oneOf('order-17', 'a@b.c'),
  signers: list(placed),
  signer_objects: list(signer),
});

/** A page of a listing, and its `Date` header. */
export const pageAnswer: fc.Arbitrary<string> = hostileObject({
  meta: hostileObject({ next: oneOf(null, '/x'), total_count: oneOf(3, -1, '7', 1e300) }),
  objects: list(documentAnswer),
});

/** `GET /notifications/`. */
export const notificationsAnswer: fc.Arbitrary<string> = list(
  hostileObject({
    url: oneOf('https://example.com/', 'javascript:1'),
    notify_when: oneOf(1, '2', 99, 'constructor', '__proto__', 'toString'),
    active: oneOf(true, '0'),
    group_id: oneOf('7', 7),
    event_filter: oneOf('document.created', ''),
  }),
);
