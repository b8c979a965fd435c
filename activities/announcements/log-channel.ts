import type { Logger } from 'pino';
import { idempotencyKey, type Announcement } from '../../workflows/contract.js';
import type { Channel } from './channel.js';

/** One line per event in the log. A signer's own words stay out of it: they may name people. */
export function createLogChannel(logger: Pick<Logger, 'info'>): Channel {
  return {
    name: 'log',
    announce(announcement) {
      const fields = { ...factsOf(announcement), idempotencyKey: idempotencyKey(announcement) };
      logger.info(fields, announcement.event);
      return Promise.resolve();
    },
  };
}

function factsOf(announcement: Announcement): object {
  if ('subject' in announcement) return announcement;
  const { rejection, ...facts } = announcement;
  return { ...facts, ...(rejection === undefined ? {} : { rejectedBy: rejection.signerId }) };
}
