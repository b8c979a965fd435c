/**
 * Keeps pages of other sites from driving the sandbox through their visitor's browser. A name that
 * first leads to the page's own server and then to this one (DNS rebinding) makes the page's
 * origin look like the sandbox's own: so the name itself must be one of this machine's.
 */
import { isIP } from 'node:net';
import os from 'node:os';
import type { Middleware } from 'koa';
import { ownOrigin } from './own-origin.js';
import { Refusal } from './refusal.js';

const LOOPBACK_NAMES: readonly string[] = ['localhost', '127.0.0.1', '::1'];
const WILDCARDS: readonly string[] = ['0.0.0.0', '::'];

function unbracketed(name: string): string {
  return name.toLowerCase().replace(/^\[(.*)\]$/, '$1');
}

function isLoopback(host: string): boolean {
  return LOOPBACK_NAMES.includes(host) || (isIP(host) === 4 && host.startsWith('127.'));
}

/** On all addresses, any address is one's own: an attacker's page has a name. */
function isOwnName(name: string, listeningHost: string): boolean {
  if (name === listeningHost) return true;
  const onAll = WILDCARDS.includes(listeningHost);
  if (onAll && (isIP(name) !== 0 || name === os.hostname().toLowerCase())) return true;
  return (onAll || isLoopback(listeningHost)) && LOOPBACK_NAMES.includes(name);
}

function nameIn(host: string): string {
  return URL.canParse(`http://${host}`) ? unbracketed(new URL(`http://${host}`).hostname) : '';
}

/** Programs may reach these by any name, such as one of a container network. */
function isForPrograms(path: string): boolean {
  return path.startsWith('/api/v1/') || path.startsWith('/downloads/');
}

/**
 * Refuses what another site's page asks for (403).
 * @param listeningHost what the sandbox listens on
 */
export function refuseForeignPages(listeningHost: string): Middleware {
  const listening = unbracketed(listeningHost);
  return async (context, next) => {
    const origin = context.get('Origin');
    const fromProgram =
      origin === '' && (isForPrograms(context.path) || WILDCARDS.includes(listening));
    const isOwn = isOwnName(nameIn(context.host), listening);
    if (!fromProgram && !isOwn) {
      throw new Refusal(403, `The sandbox does not go by the name ${context.host} here.`);
    }
    if (origin !== '' && origin !== ownOrigin(context)) {
      throw new Refusal(403, 'Only the sandbox’s own page may do this.');
    }
    await next();
  };
}
