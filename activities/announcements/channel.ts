import type { Announcement, ChannelName } from '../../workflows/contract.js';

/**
 * A way to tell the world of an event. It may be told of the same event twice: every message
 * carries the event's idempotency key. Errors become failures by `toApplicationFailure`.
 */
export interface Channel {
  readonly name: ChannelName;
  announce(announcement: Announcement, options: { readonly signal: AbortSignal }): Promise<void>;
  /** Lets go of connections. */
  close?(): void;
}
