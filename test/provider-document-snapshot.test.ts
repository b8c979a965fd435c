import assert from 'node:assert/strict';
import { test } from 'node:test';
import { documentSnapshot, parseTimestamp } from '../provider/document-snapshot.js';
import { parseResourceUri, resourceId } from '../provider/resource-uri.js';

const documentId = '0f6c9b7e-7f5a-4ce6-9b0a-0d2b8c4a1e11';
const signerId = '9d3f6a52-1d1c-4b7e-8a55-51b5b1f2c001';
const hash = 'AB'.repeat(32);

const document = {
  uuid: documentId,
  resource_uri: `/api/v1/document/${documentId}/`,
  name: 'Contract of Ada Lovelace',
  status: 30,
  download_final: true,
  hash_value: hash,
  modified: '2018-03-20T07:09:52.123456',
  group: '/api/v1/group/sales/',
  tag: 'order-7',
  archived: null,
  something_new: { nested: true },
  signer_objects: [
    {
      uuid: signerId,
      firstname: 'Ada',
      lastname: 'Lovelace',
      email: 'ada@example.com',
      order: 1,
      role: 'Signer',
      status: 40,
    },
  ],
  signers: [[`/api/v1/signer/other/`, 'X', 'Y', 'x@example.com', '', true, 10, 2]],
};

test('A document of the provider becomes a snapshot in our words', () => {
  assert.deepEqual(documentSnapshot(document), {
    documentId,
    status: 'signed',
    finalPdf: true,
    modified: '2018-03-20T07:09:52.123Z',
    hash: hash.toLowerCase(),
    group: 'sales',
    tag: 'order-7',
    signers: [{ id: signerId, status: 'signed', order: 1, role: 'signer' }],
  });
});

test('No name and no e-mail address gets into a snapshot', () => {
  const { signer_objects: _, ...positional } = document;
  for (const json of [document, positional]) {
    assert.doesNotMatch(JSON.stringify(documentSnapshot(json)), /Ada|Lovelace|example\.com/i);
  }
});

test('Signers told by position are read where there are no signer objects', () => {
  const signers = [
    [`/api/v1/signers/${signerId}/`, 'Ada', 'L', 'a@example.com', '', true, '39', 2],
  ];
  for (const signer_objects of [null, undefined, []]) {
    const snapshot = documentSnapshot({ ...document, signer_objects, signers });
    assert.deepEqual(snapshot?.signers, [{ id: signerId, status: 'awaitingWitness', order: 2 }]);
  }
});

test('Numbers as text, nulls and unknown statuses are tolerated', () => {
  const snapshot = documentSnapshot({
    ...document,
    status: '77',
    download_final: 'true',
    hash_value: null,
    modified: null,
    group: null,
    tag: '',
    signer_objects: [{ resource_uri: `/api/v1/signers/${signerId}/`, order: '3', status: '61' }],
  });
  assert.deepEqual(snapshot, {
    documentId,
    status: 'unknown-77',
    finalPdf: true,
    modified: '',
    signers: [{ id: signerId, status: 'unknown-61', order: 3 }],
  });
});

test('What is of another type than any field could have counts as not said', () => {
  const strange = JSON.parse('{"status": 1e999, "signers": {"0": "x"}}') as object;
  assert.equal(documentSnapshot({ ...document, ...strange }), undefined);
  const { status } = document;
  const signers = [7, null, [], {}, [['/api/v1/signer/x/']]];
  const odd = { ...document, ...strange, status, group: {}, tag: [], modified: {} };
  const { documentId: id, ...rest } = documentSnapshot({ ...odd, signer_objects: signers }) ?? {};
  assert.equal(id, documentId);
  assert.deepEqual(rest, { ...rest, modified: '', signers: [] });
  assert.ok(!('group' in rest) && !('tag' in rest));
  const { signer_objects: _, ...unnamed } = odd as Record<string, unknown>;
  assert.deepEqual(documentSnapshot(unnamed)?.signers, []);
});

test('A hash that is not 64 hex characters is no hash', () => {
  for (const hash_value of ['', 'ab', 'g'.repeat(64), 'a'.repeat(65), 12]) {
    assert.equal(documentSnapshot({ ...document, hash_value })?.hash, undefined);
  }
});

test('An answer without a status, without an ID, or about another document is no snapshot', () => {
  assert.equal(documentSnapshot({ ...document, status: null }), undefined);
  assert.equal(documentSnapshot({ status: 30 }), undefined);
  assert.equal(documentSnapshot({ ...document }, signerId), undefined);
  assert.equal(documentSnapshot('text'), undefined);
  assert.equal(documentSnapshot({ status: 30 }, documentId)?.documentId, documentId);
});

test('Time stamps without a zone are UTC, and a zone is honoured', () => {
  assert.equal(parseTimestamp('2018-03-20T07:09:52'), '2018-03-20T07:09:52.000Z');
  assert.equal(parseTimestamp('2018-03-20 07:09:52'), '2018-03-20T07:09:52.000Z');
  assert.equal(parseTimestamp('2018-03-20T07:09:52Z'), '2018-03-20T07:09:52.000Z');
  assert.equal(parseTimestamp('2018-03-20T07:09:52+02:00'), '2018-03-20T05:09:52.000Z');
  for (const none of ['yesterday', '', '2018-13-40T07:09:52', undefined]) {
    assert.equal(parseTimestamp(none), '');
  }
});

test('Resource URIs are taken apart with and without a host, and signers in the plural', () => {
  const signer = { kind: 'signer', id: signerId };
  assert.deepEqual(parseResourceUri(`/api/v1/signer/${signerId}/`), signer);
  assert.deepEqual(parseResourceUri(`/api/v1/signers/${signerId}/`), signer);
  assert.deepEqual(parseResourceUri(`https://host.example/api/v1/signer/${signerId}`), signer);
  assert.equal(resourceId('group', '/api/v1/group/sales-uk/'), 'sales-uk');
});

test('A URI with a foreign path, a foreign kind or an ID that is none is refused', () => {
  for (const uri of [
    '',
    '/api/v1/document/',
    '/api/v1/document/../',
    '/api/v1/document/a%2fb/',
    '/api/v1/template/abc/',
    '/api/v2/document/abc/',
    '/api/v1/document/a/b/',
    `/api/v1/document/${'a'.repeat(65)}/`,
  ]) {
    assert.equal(parseResourceUri(uri), undefined, uri);
  }
  assert.equal(resourceId('document', `/api/v1/signer/${signerId}/`), undefined);
});
