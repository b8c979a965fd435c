import { once } from 'node:events';
import { connect } from 'node:net';
import { createTransport } from 'nodemailer';
import type { Channel } from '../../activities/index.js';
import type { OperationsAnnouncement } from '../../workflows/contract.js';
import { oneLine, ok, problem, skipped, type Check } from './check.js';

/** A URL that announcements go to. */
export interface ChannelTarget {
  /** The variable that names it. */
  readonly variable: string;
  /** Undefined: the channel is not used. */
  readonly url: string | undefined;
}

/** Whether a mail server takes our credentials; no message is sent. */
export function emailCheck({ variable, url }: ChannelTarget): Check {
  return {
    name: 'e-mail channel',
    run: async (signal) => {
      if (url === undefined) return skipped(`${variable} is not set`);
      const server = new URL(url).host;
      const transport = createTransport({ url });
      const stop = (): void => {
        transport.close();
      };
      signal.addEventListener('abort', stop, { once: true });
      try {
        await transport.verify();
        return ok(`${server} greets us; no message was sent`);
      } catch (error) {
        return problem(
          `${server} refuses: ${oneLine(error)}`,
          `Check ${variable}, its user and password, and the firewall.`,
        );
      } finally {
        stop();
      }
    },
  };
}

/** Whether a receiver of HTTP messages can be connected to; nothing is sent. */
export function receiverCheck(name: string, { variable, url }: ChannelTarget): Check {
  return {
    name,
    run: async (signal) => {
      if (url === undefined) return skipped(`${variable} is not set`);
      const { protocol, hostname, port, host } = new URL(url);
      const socket = connect({
        host: hostname.replace(/^\[|\]$/g, ''),
        port: Number(port || (protocol === 'https:' ? 443 : 80)),
      });
      try {
        await once(socket, 'connect', { signal });
        return ok(`${host} accepts connections; no message was sent`);
      } catch (error) {
        return problem(
          `${host} cannot be connected to: ${oneLine(error)}`,
          `Check ${variable} and the firewall; messages wait and are tried again meanwhile.`,
        );
      } finally {
        socket.destroy();
      }
    },
  };
}

/** Tells a channel for real, with a message that says that it is a test. */
export function testMessageCheck(channel: Channel, announcement: OperationsAnnouncement): Check {
  const { name } = channel;
  return {
    name: `test by ${name}`,
    run: async (signal) => {
      try {
        await channel.announce(announcement, { signal });
        return ok(`${announcement.event} was taken, key ${announcement.subject}`);
      } catch (error) {
        return problem(
          `the test message was not taken: ${oneLine(error)}`,
          'Check the NOTIFY_… settings of this channel, and what its receiver says.',
        );
      }
    },
  };
}
