import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, documentBody, startTestSandbox } from './support/sandbox-stage.js';

const PERSON = { firstname: 'Ada', lastname: 'Lovelace', email: 'ada@example.com' };

type Json = Record<string, unknown>;

test('groups, templates and the redirect are taken only as the description writes them', async (t) => {
  const { apiUrl } = await startTestSandbox(t);
  for (const [field, value] of [
    ['group', 'sales'],
    ['group', '/api/v1/group/sales'],
    ['group', `/api/v1/group/${'x'.repeat(51)}/`],
    ['group', 'https://eu-api.legalesign.com/api/v1/group/sales/'],
    ['templatepdf', 't1'],
    ['templatepdf', '/api/v1/template/t1/'],
    ['template', '/api/v1/templatepdf/t1/'],
    ['template', null],
    ['redirect', 'http://example.com/'],
    ['redirect', ''],
    ['redirect', `https://example.com/${'x'.repeat(250)}`],
    ['signers', [{ ...PERSON, role: 'signer' }]],
  ] as const) {
    const body = documentBody({ [field]: value });
    const { status, json } = await call(`${apiUrl}/document/`, { method: 'POST', body });
    assert.equal(status, 400, `${field} ${JSON.stringify(value)}`);
    const reasons = (json as { document: Record<string, string[]> }).document[field];
    assert.match(reasons?.[0] ?? '', /\w/, `${field} ${JSON.stringify(value)}`);
  }
});

test('one kind of content is enough: a PDF, a template, or text as of old', async (t) => {
  const { apiUrl } = await startTestSandbox(t);
  for (const content of [
    { templatepdf: '/api/v1/templatepdf/t-1/' },
    { template: '/api/v1/template/t-1/' },
    { text: '<p>We agree.</p>' },
  ]) {
    const body = documentBody({ templatepdf: undefined, ...content });
    const { status } = await call(`${apiUrl}/document/`, { method: 'POST', body });
    assert.equal(status, 201, Object.keys(content)[0]);
  }
});

test('what a document was created with is shown again, and what was not given as null', async (t) => {
  const { apiUrl, url } = await startTestSandbox(t);
  const body = documentBody({
    redirect: 'https://example.com/done?x=1',
    signers: [PERSON, { ...PERSON, role: 'witness' }, { ...PERSON, role: 'approver' }],
  });
  const { headers } = await call(`${apiUrl}/document/`, { method: 'POST', body });
  const json = (await call(url + (headers.get('location') ?? ''))).json as Json;
  assert.equal(json['group'], '/api/v1/group/sales/');
  assert.equal(json['templatepdf'], '/api/v1/templatepdf/t1/');
  assert.equal(json['redirect'], 'https://example.com/done?x=1');
  assert.deepEqual([json['template'], json['text']], [null, null]);
  const roles = (json['signer_objects'] as Json[]).map(({ role }) => role);
  assert.deepEqual(roles, ['signer', 'witness', 'approver']);
});

test('the control interface takes a group by slug or URI, and plain signers', async (t) => {
  const sandbox = await startTestSandbox(t);
  for (const group of ['sales', '/api/v1/group/sales/']) {
    const { id } = sandbox.createDocument({ group, signers: [{ role: 'signer' }] });
    assert.equal(sandbox.document(id).group, 'sales');
    assert.equal(sandbox.document(id).signers[0]?.role, 'signer');
  }
  assert.throws(() => sandbox.createDocument({ group: 'no group!' }), /group/);
});
