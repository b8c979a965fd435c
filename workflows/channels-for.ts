import type { ChannelName, ChannelPolicy } from './contract.js';

/** Whether a pattern names an event: `document.completed`, `document.*`, or `*` for every one. */
export function namesEvent(pattern: string, event: string): boolean {
  if (pattern === '*') return true;
  return pattern.endsWith('.*') ? event.startsWith(pattern.slice(0, -1)) : pattern === event;
}

/** By default a channel takes all but what single signers do, which is many messages. */
function isTakenByDefault(event: string): boolean {
  return !namesEvent('signer.*', event);
}

/** The channels that are told of an event; the only place that decides it. */
export function channelsFor(
  { channels, events = {} }: ChannelPolicy,
  event: string,
): readonly ChannelName[] {
  return channels.filter((channel) => {
    const patterns = events[channel];
    if (patterns === undefined) return isTakenByDefault(event);
    return patterns.some((pattern) => namesEvent(pattern, event));
  });
}
