import type { ChannelName, ChannelPolicy } from './contract.js';

/** Whether a pattern names an event: `document.completed`, `document.*`, or `*` for every one. */
export function namesEvent(pattern: string, event: string): boolean {
  if (pattern === '*') return true;
  return pattern.endsWith('.*') ? event.startsWith(pattern.slice(0, -1)) : pattern === event;
}

/** The channels that are told of an event; the only place that decides it. */
export function channelsFor(
  { channels, events = {} }: ChannelPolicy,
  event: string,
): readonly ChannelName[] {
  return channels.filter((channel) => {
    const patterns = events[channel];
    return patterns === undefined || patterns.some((pattern) => namesEvent(pattern, event));
  });
}
