import { once } from 'node:events';
import { connect } from 'node:net';
import { createTransport } from 'nodemailer';
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
