import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { emailMessage } from '../activities/announcements/email-message.js';
import { readEmailTemplates } from '../activities/announcements/email-templates.js';
import { ConfigurationError } from '../configuration/settings.js';
import { readConfiguration } from '../worker/configuration.js';
import type { DocumentAnnouncement, OperationsAnnouncement } from '../workflows/contract.js';

const REJECTED: DocumentAnnouncement = {
  event: 'document.rejected',
  documentId: 'd-1',
  tag: '{{reason}} <i>lease</i>',
  occurredAt: '2026-01-01T00:00:00.000Z',
  status: 'rejected',
  signers: [{ id: 's-1', status: 'rejected' }],
  rejection: { signerId: 's-1', reason: 'no "$&" <b>deal</b>' },
};

const ALARM: OperationsAnnouncement = {
  event: 'reconciliation.alarm',
  subject: 'reconciliation/1',
  occurredAt: '2026-01-01T00:00:00.000Z',
  reason: 'too many',
};

async function folderOf(t: TestContext, files: Record<string, string | Buffer>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-templates-'));
  t.after(() => rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

test('a template replaces one part of one event; default templates those without their own', async (t) => {
  const folder = await folderOf(t, {
    'document.rejected.subject.txt': 'No signature for {{ tag }}\n',
    'document.rejected.html': '<p title="{{tag}}">{{rejectedBy}}: {{rejectionReason}}</p>',
    'default.txt': '{{event}}: {{reason}}.',
  });
  const { templates, problems } = readEmailTemplates(folder);
  assert.deepEqual(problems, []);
  const rejected = emailMessage(REJECTED, templates);
  assert.equal(rejected.subject, 'No signature for {{reason}} <i>lease</i>');
  assert.equal(rejected.text, 'document.rejected: .');
  assert.equal(
    rejected.html,
    '<p title="{{reason}} &lt;i&gt;lease&lt;/i&gt;">' +
      's-1: no &quot;$&amp;&quot; &lt;b&gt;deal&lt;/b&gt;</p>',
  );
  const alarm = emailMessage(ALARM, templates);
  assert.equal(alarm.subject, 'Callbacks were missed: reconciliation/1');
  assert.equal(alarm.text, 'reconciliation.alarm: too many.');
  assert.match(alarm.html, /<table.*too many.*<\/table>/);
});

test('everything that is wrong with a folder of templates is told at once, file by file', async (t) => {
  const folder = await folderOf(t, {
    'document.complete.html': 'x',
    'document.completed.pdf': 'x',
    'document.completed.txt': 'well\n{{ documentID }} and {{facts}',
    'reconciliation.alarm.txt': '{{documentId}}',
    'default.subject.txt': ' \n',
    'default.html': Buffer.from([0xff, 0xfe]),
    'default.txt': 'x'.repeat(257 * 1024),
    '.hidden': '{{',
  });
  const { problems } = readEmailTemplates(folder);
  const expected = [
    /default\.html cannot be read \(ERR_ENCODING_INVALID_ENCODED_DATA\)/,
    /default\.subject\.txt: is empty/,
    /default\.txt is larger/,
    /document\.complete\.html: not the name/,
    /document\.completed\.pdf: not the name/,
    /document\.completed\.txt: line 2: no placeholder \{\{documentID\}\} here/,
    /document\.completed\.txt: line 2: a placeholder is not closed/,
    /reconciliation\.alarm\.txt: line 1: no placeholder \{\{documentId\}\}/,
  ];
  assert.equal(problems.length, expected.length, problems.join('\n'));
  for (const [index, problem] of problems.entries()) assert.match(problem, expected[index] ?? /$^/);
});

test('a worker does not start with a broken template, nor with templates for no e-mail', async (t) => {
  const folder = await folderOf(t, { 'default.txt': '{{nothing}}' });
  assert.throws(
    () => readConfiguration({ LEGALESIGN_API_KEY: 'a:b', NOTIFY_EMAIL_TEMPLATES: folder }),
    (error: unknown) => {
      assert.ok(error instanceof ConfigurationError);
      assert.equal(error.problems.length, 2);
      assert.match(error.problems[0] ?? '', /NOTIFY_EMAIL_TEMPLATES: .*default\.txt: line 1/);
      assert.match(error.problems[1] ?? '', /NOTIFY_EMAIL_TEMPLATES without NOTIFY_SMTP_URL/);
      return true;
    },
  );
  assert.throws(
    () => readConfiguration({ LEGALESIGN_API_KEY: 'a:b', NOTIFY_EMAIL_TEMPLATES: '/not/there' }),
    /NOTIFY_EMAIL_TEMPLATES: \/not\/there cannot be read \(ENOENT\)/,
  );
});
