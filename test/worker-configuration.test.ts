import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigurationError } from '../configuration/settings.js';
import { untoldEvents } from '../worker/announcement-settings.js';
import { readConfiguration, readTemporal } from '../worker/configuration.js';

const KEY = { LEGALESIGN_API_KEY: 'user:key' };

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    readConfiguration(environment);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}

test('an API key is enough: everything else has a default', () => {
  const configuration = readConfiguration(KEY);
  assert.equal(configuration.provider.apiUrl, 'https://eu-api.legalesign.com/api/v1');
  assert.equal(configuration.taskQueue, 'countersign');
  assert.equal(configuration.archiveUrl, 'file:.countersign/archive');
  assert.equal(configuration.lingerMs, 15 * 60_000);
  assert.equal(configuration.retentionMs, 30 * 24 * 3_600_000);
});

test('each channel has events of its own; by default no event is left without a channel', () => {
  const { announcements } = readConfiguration({
    ...KEY,
    NOTIFY_SLACK_URL: 'https://hooks.slack.example/services/T0/B0/x',
    NOTIFY_SLACK_EVENTS: 'document.rejected, reconciliation.*',
  });
  assert.deepEqual(announcements.events, { slack: ['document.rejected', 'reconciliation.*'] });
  assert.deepEqual(untoldEvents({ channels: ['slack'] }), []);
  const untold = untoldEvents({ channels: ['slack'], events: announcements.events });
  assert.ok(untold.includes('document.completed') && untold.includes('subscription.healed'));
  assert.ok(!untold.some((event) => event.startsWith('reconciliation.')));
});

test('an empty variable counts as not set', () => {
  assert.equal(readConfiguration({ ...KEY, DOCUMENT_LINGER: ' ' }).lingerMs, 15 * 60_000);
});

test('nothing is chased unless it is asked for', () => {
  const { followUp, reminders } = readConfiguration(KEY);
  assert.equal(followUp, undefined);
  assert.deepEqual(reminders.hours, { fromMinute: 480, untilMinute: 1200, timeZone: 'UTC' });
});

test('deadline, reminders, stalls and signers’ events are settings', () => {
  const { followUp, reminders } = readConfiguration({
    ...KEY,
    DOCUMENT_DEADLINE: '30d',
    DOCUMENT_REMINDERS: '7d,3d',
    DOCUMENT_STALLED: '14d',
    NOTIFY_SIGNER_EVENTS: 'signed, bounced',
    DOCUMENT_REMINDER_HOURS: '22:30-06:00',
    DOCUMENT_REMINDER_TIME_ZONE: 'Europe/London',
    DOCUMENT_REMINDER_TEXT: 'Please sign.',
  });
  const day = 86_400_000;
  assert.deepEqual(followUp, {
    deadlineMs: 30 * day,
    remindersMs: [3 * day, 7 * day],
    stalledMs: 14 * day,
    signerEvents: ['signer.signed', 'signer.bounced'],
  });
  const hours = { fromMinute: 1350, untilMinute: 360, timeZone: 'Europe/London' };
  assert.deepEqual(reminders, { text: 'Please sign.', hours });
});

test('every problem is told at once, each in a line of its own, without secrets', () => {
  const problems = problemsOf({
    LEGALESIGN_API_KEY: 'ak_secret',
    LEGALESIGN_API_URL: 'ftp://user:secret@example.com',
    ARCHIVE_URL: 'ftp://bucket',
    DOCUMENT_LINGER: 'soon',
    NOTIFY_WEBHOOK_URL: 'https://example.com/hook',
    NOTIFY_WEBHOOK_SECRETS: 'secret',
    NOTIFY_SMTP_URL: 'smtp://user:secret@example.com',
    LOG_LEVEL: 'loud',
  });
  assert.equal(problems.length, 7);
  assert.doesNotMatch(problems.join(), /secret\b(?!s)/);
  for (const problem of problems) assert.doesNotMatch(problem, /\n/);
});

for (const [what, environment, problem] of [
  ['no API key', {}, /LEGALESIGN_API_KEY is not set/],
  ['an ak_ key without organisation', { LEGALESIGN_API_KEY: 'ak_1' }, /LEGALESIGN_ORGANISATION/],
  ['a key of no kind', { LEGALESIGN_API_KEY: 'key' }, /neither user:key nor/],
  [
    'an unsigned HTTP channel',
    { ...KEY, NOTIFY_WEBHOOK_URL: 'http://x/' },
    /NOTIFY_WEBHOOK_SECRETS/,
  ],
  ['a reminder at no time', { ...KEY, DOCUMENT_REMINDERS: '3d,soon' }, /DOCUMENT_REMINDERS/],
  ['a deadline beyond all timers', { ...KEY, DOCUMENT_DEADLINE: '9999999d' }, /longer than 3650d/],
  ['a stall of no time', { ...KEY, DOCUMENT_STALLED: '0d' }, /DOCUMENT_STALLED/],
  ['a signer’s event unknown', { ...KEY, NOTIFY_SIGNER_EVENTS: 'sent' }, /NOTIFY_SIGNER_EVENTS/],
  ['hours of no length', { ...KEY, DOCUMENT_REMINDER_HOURS: '08:00-08:00' }, /no span such as/],
  ['hours in words', { ...KEY, DOCUMENT_REMINDER_HOURS: 'daytime' }, /no span such as/],
  ['a zone of nowhere', { ...KEY, DOCUMENT_REMINDER_TIME_ZONE: 'Mars' }, /no time zone/],
  ['an event that is none', { ...KEY, NOTIFY_LOG_EVENTS: 'document.*,invoice.paid' }, /: invoice/],
  ['events of a channel that is not set', { ...KEY, NOTIFY_SLACK_EVENTS: '*' }, /NOTIFY_SLACK_URL/],
  ['a Slack URL that is none', { ...KEY, NOTIFY_SLACK_URL: 'T0/B0/secret' }, /not an http/],
  ['half an e-mail channel', { ...KEY, NOTIFY_EMAIL_TO: 'a@example.com' }, /needs all three/],
] as const) {
  test(`${what} is a problem`, () => {
    const problems = problemsOf(environment);
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? '', problem);
  });
}

test('how many Workflow Tasks at once is measured unless told', () => {
  const slotsWith = (told: string): number | undefined => {
    const environment = { ...KEY, WORKER_CONCURRENT_WORKFLOW_TASKS: told };
    return readConfiguration(environment).workflowTaskSlots;
  };
  assert.equal(slotsWith(''), undefined);
  assert.equal(slotsWith('12'), 12);
  const problems = problemsOf({ ...KEY, WORKER_CONCURRENT_WORKFLOW_TASKS: '1' });
  assert.match(problems.join(), /^WORKER_CONCURRENT_WORKFLOW_TASKS is not a whole number from 2/);
});

test('the worker serves its metrics at an IP address and a port, or says that it is none', () => {
  for (const address of ['127.0.0.1:9464', '0.0.0.0:9464', '[::1]:9464']) {
    const { metricsAddress } = readConfiguration({ ...KEY, WORKER_METRICS_ADDRESS: address });
    assert.equal(metricsAddress, address);
  }
  for (const address of ['9464', ':9464', 'localhost:9464', '127.0.0.1:99999', '::1:9464']) {
    const problems = problemsOf({ ...KEY, WORKER_METRICS_ADDRESS: address });
    assert.match(problems.join(), /^WORKER_METRICS_ADDRESS is no IP address and port such as/);
  }
});

test("an empty variable of Temporal's own counts as not set, and spaces are no part of it", () => {
  const empty = ['ADDRESS', 'NAMESPACE', 'API_KEY', 'TLS', 'TLS_SERVER_NAME', 'PROFILE'];
  const names = empty.map((name) => [`TEMPORAL_${name}`, ' '] as const);
  assert.deepEqual(readTemporal(Object.fromEntries(names)), readTemporal({}));
  const { namespace } = readTemporal({ TEMPORAL_NAMESPACE: 'contracts\r' });
  assert.equal(namespace, 'contracts');
});
