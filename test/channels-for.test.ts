import assert from 'node:assert/strict';
import { test } from 'node:test';
import { channelPolicyOf } from '../activities/announcements/channel-policy.js';
import { ANNOUNCED_EVENTS, channelsFor, namesEvent } from '../workflows/contract.js';
import type { ChannelName } from '../workflows/contract.js';

for (const [pattern, event, names] of [
  ['*', 'document.completed', true],
  ['document.*', 'document.completed', true],
  ['document.*', 'documents.completed', false],
  ['document.*', 'reconciliation.alarm', false],
  ['document.completed', 'document.completed', true],
  ['document.completed', 'document.rejected', false],
  ['document', 'document.completed', false],
  ['document.comp*', 'document.completed', false],
  ['', 'document.completed', false],
] as const) {
  test(`the pattern "${pattern}" ${names ? 'names' : 'does not name'} ${event}`, () => {
    assert.equal(namesEvent(pattern, event), names);
  });
}

test('a policy without events, as older histories have it, tells every channel', () => {
  for (const event of ANNOUNCED_EVENTS) {
    assert.deepEqual(channelsFor({ channels: ['http', 'email'] }, event), ['http', 'email']);
  }
});

test('a channel with events of its own takes those alone, one without takes all', () => {
  const channels: ChannelName[] = ['http', 'email', 'slack'];
  const events = { email: ['signer.*'], slack: ['*'] };
  assert.deepEqual(channelsFor({ channels, events }, 'signer.signed'), channels);
  assert.deepEqual(channelsFor({ channels, events }, 'document.completed'), ['http', 'slack']);
});

test('each channel takes what it is set to, in the order of the channels', () => {
  const policy = {
    channels: ['http', 'email', 'slack'] as const,
    events: { slack: ['document.rejected', 'reconciliation.*'], email: ['document.*'] },
  };
  assert.deepEqual(channelsFor(policy, 'document.rejected'), ['http', 'email', 'slack']);
  assert.deepEqual(channelsFor(policy, 'document.completed'), ['http', 'email']);
  assert.deepEqual(channelsFor(policy, 'reconciliation.alarm'), ['http', 'slack']);
  assert.deepEqual(channelsFor(policy, 'subscription.healed'), ['http']);
});

test('events of a channel that is not there make none', () => {
  const policy = { channels: ['http'] as const, events: { slack: ['*'] } };
  assert.deepEqual(channelsFor(policy, 'document.completed'), ['http']);
});

test('the log is told where nothing else is, or where it is asked to', () => {
  const channels = [{ name: 'log' }, { name: 'slack' }] as const;
  assert.deepEqual(channelPolicyOf([{ name: 'log' }]), { channels: ['log'] });
  assert.deepEqual(channelPolicyOf(channels), { channels: ['slack'] });
  const events = { log: ['*'] };
  assert.deepEqual(channelPolicyOf(channels, events), { channels: ['log', 'slack'], events });
});
