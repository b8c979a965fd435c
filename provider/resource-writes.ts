import { unreadableAnswer, type Call } from './http-failure.js';
import { pathTo, type JsonCalls } from './json-calls.js';
import { notificationGroup } from './notifications.js';
import type { ProviderClient } from './provider-client.js';
import { ProviderError } from './provider-error.js';
import { resourceId, resourceUri } from './resource-uri.js';

type Writes = Pick<ProviderClient, 'createDocument' | 'remindSigner' | 'subscribe' | 'unsubscribe'>;

/** How the provider says, with a 401, that this signer cannot be reminded; our key is in order. */
const FAILED_TO_SEND = /failed to send/i;

/** The client's writing calls. */
export function writes(calls: JsonCalls): Writes {
  return {
    async createDocument(body, options) {
      const path = '/document/';
      const call: Call = { method: 'POST', path, body, signal: options?.signal, once: true };
      const answer = await calls.succeed(call);
      const location = answer.headers['location'];
      const documentId =
        typeof location === 'string' ? resourceId('document', location) : undefined;
      if (documentId === undefined) {
        throw unreadableAnswer(call, answer.status, 'without the Location of a document');
      }
      return { documentId, resourceUri: resourceUri('document', documentId) };
    },
    async remindSigner(signerId, text, options) {
      const path = pathTo('signer', signerId, 'send-reminder/');
      const call: Call = { method: 'POST', path, body: { text }, once: 'unlessAnswered' };
      try {
        await calls.succeed({ ...call, signal: options?.signal });
        return { isSent: true };
      } catch (error) {
        if (!(error instanceof ProviderError)) throw error;
        // They may have it: asked again and again, a slow provider would write each time.
        if (error.kind === 'ambiguous') return { isSent: false, reason: error.message };
        if (error.status !== 401 || !FAILED_TO_SEND.test(error.reason)) throw error;
        return { isSent: false, reason: error.reason };
      }
    },
    async subscribe({ url, notify, eventFilter, group }, options) {
      const body = {
        url,
        notify,
        ...(eventFilter !== undefined && { eventFilter }),
        ...(group !== undefined && { group: notificationGroup(group) }),
      };
      await calls.succeed({ method: 'POST', path: '/subscribe/', body, signal: options?.signal });
    },
    async unsubscribe(url, options) {
      const call: Call = { method: 'POST', path: '/unsubscribe/', body: { url } };
      try {
        await calls.succeed({ ...call, signal: options?.signal });
      } catch (error) {
        if (!(error instanceof ProviderError && error.status === 404)) throw error;
      }
    },
  };
}
