import type { Logger } from 'pino';
import { idempotencyKey } from '../../workflows/contract.js';
import type { Channel } from './channel.js';

/** One line per event in the log. A signer's own words stay out of it: they may name people. */
export function createLogChannel(logger: Pick<Logger, 'info'>): Channel {
  return {
    name: 'log',
    announce(announcement) {
      const { event, rejection, ...facts } = announcement;
      const rejectedBy = rejection === undefined ? {} : { rejectedBy: rejection.signerId };
      const fields = {
        event,
        ...facts,
        ...rejectedBy,
        idempotencyKey: idempotencyKey(announcement),
      };
      logger.info(fields, event);
      return Promise.resolve();
    },
  };
}
