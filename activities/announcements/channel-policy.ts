import type { ChannelPolicy } from '../../workflows/contract.js';
import type { Channel } from './channel.js';

/**
 * What workflows are told of the channels that there are. The log speaks where there is no other,
 * or where it is asked to: every announcement is an activity, and has its price.
 */
export function channelPolicyOf(
  channels: readonly Pick<Channel, 'name'>[],
  events: NonNullable<ChannelPolicy['events']> = {},
): ChannelPolicy {
  const names = channels.map(({ name }) => name);
  const others = names.filter((name) => name !== 'log');
  const hasLog = others.length === 0 || events.log !== undefined;
  const hasEvents = Object.keys(events).length > 0;
  return { channels: hasLog ? names : others, ...(hasEvents && { events }) };
}
