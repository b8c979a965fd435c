import { z } from 'zod';
import { signerStatusOf } from '../workflows/contract.js';
import { documentPage, listingParameters } from './document-listing.js';
import { documentSnapshot } from './document-snapshot.js';
import { maskedLine } from './error-reason.js';
import { pathTo, type JsonCalls } from './json-calls.js';
import { notificationsOf } from './notifications.js';
import type { ProviderClient, SignerRecord } from './provider-client.js';
import { resourceId } from './resource-uri.js';

/** Of a signer's own words; the rest is cut. */
const REJECTION_MAX_LENGTH = 1_000;

const looseText = z.union([z.string(), z.number()]).transform(String).optional().catch(undefined);
const signerShape = z.object({ document: looseText, status: looseText, order: looseText });
const rejectionShape = z.object({ reason: looseText });

function signerRecord(json: unknown): SignerRecord | undefined {
  const fields = signerShape.safeParse(json).data;
  const documentId = resourceId('document', fields?.document);
  if (fields?.status === undefined || documentId === undefined) return undefined;
  const order = Number(fields.order ?? Number.NaN);
  return {
    documentId,
    status: signerStatusOf(fields.status),
    ...(Number.isInteger(order) && { order }),
  };
}

type Reads = Pick<
  ProviderClient,
  'getDocument' | 'getSigner' | 'getRejection' | 'listDocuments' | 'listNotifications'
>;

/** The client's reading calls. */
export function reads(calls: JsonCalls): Reads {
  return {
    // Awaited rather than returned, so that a path's error is a rejection like every other.
    async getDocument(id, options) {
      const read = (json: unknown) => documentSnapshot(json, id);
      return await calls.get(pathTo('document', id), options?.signal, read);
    },
    async getSigner(id, options) {
      return await calls.get(pathTo('signer', id), options?.signal, signerRecord);
    },
    async getRejection(signerId, options) {
      const path = pathTo('signer', signerId, 'rejection/');
      return await calls.get(path, options?.signal, rejection);
    },
    async listDocuments(query, options) {
      const call = { path: '/document/', query: listingParameters(query), signal: options?.signal };
      const { offset } = query;
      return await calls.getWith(call, (json, { date }) => documentPage(json, { date, offset }));
    },
    async listNotifications(options) {
      return (await calls.get('/notifications/', options?.signal, notificationsOf)) ?? [];
    },
  };
}

function rejection(json: unknown): { reason: string } {
  const reason = rejectionShape.safeParse(json).data?.reason ?? '';
  return { reason: maskedLine(reason, REJECTION_MAX_LENGTH) };
}
