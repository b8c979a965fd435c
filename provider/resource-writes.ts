import { unreadableAnswer, type Call } from './http-failure.js';
import type { JsonCalls } from './json-calls.js';
import { notificationGroup } from './notifications.js';
import type { ProviderClient } from './provider-client.js';
import { ProviderError } from './provider-error.js';
import { resourceId, resourceUri } from './resource-uri.js';

type Writes = Pick<ProviderClient, 'createDocument' | 'subscribe' | 'unsubscribe'>;

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
