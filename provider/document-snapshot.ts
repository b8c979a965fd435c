import { z } from 'zod';
import {
  documentStatusOf,
  SIGNERS_MAX,
  signerStatusOf,
  type DocumentSnapshot,
  type SignerSnapshot,
} from '../workflows/contract.js';
import { groupSlugOf, idOf, tagOf } from './resource-uri.js';

/**
 * Tolerates null, numbers and booleans; anything stranger counts as not said. What is often not
 * said is no failure to zod: one that is caught costs as much as reading ten fields.
 */
const text = z
  .union([z.string(), z.number(), z.boolean()])
  .nullish()
  .transform((value) => (value === null || value === undefined ? undefined : String(value).trim()))
  .catch(undefined);

const list = z.array(z.unknown()).nullish().catch([]);

// Names and e-mail addresses are not in these shapes, and so never get further than here.
const signerShape = z.object({
  uuid: text,
  resource_uri: text,
  order: text,
  role: text,
  status: text,
});

const documentShape = z.object({
  uuid: text,
  resource_uri: text,
  status: text,
  download_final: text,
  hash_value: text,
  modified: text,
  group: text,
  tag: text,
  signers: list,
  signer_objects: list,
});

type SignerFields = z.infer<typeof signerShape>;

/** The fields of `signers[]` have places, not names: URI first, status seventh, order eighth. */
function fieldsOf(signer: unknown): SignerFields | undefined {
  const named: unknown = Array.isArray(signer)
    ? {
        resource_uri: signer[0] as unknown,
        status: signer[6] as unknown,
        order: signer[7] as unknown,
      }
    : signer;
  return signerShape.safeParse(named).data;
}

function parseOrder(order: string | undefined): number | undefined {
  return order !== undefined && /^\d{1,4}$/.test(order) ? Number(order) : undefined;
}

function signerSnapshot(signer: unknown): SignerSnapshot | undefined {
  const fields = fieldsOf(signer);
  const id = idOf('signer', fields?.uuid) ?? idOf('signer', fields?.resource_uri);
  if (fields?.status === undefined || id === undefined) return undefined;
  const order = parseOrder(fields.order);
  const role = parseRole(fields.role);
  return {
    id,
    status: signerStatusOf(fields.status),
    ...(order !== undefined && { order }),
    ...(role !== undefined && { role }),
  };
}

/**
 * The provider's time stamp as ISO 8601 in UTC. It prints none with a zone, and means UTC as far as
 * anyone knows; a zone is honoured where there is one. Empty where there is no time to read.
 */
export function parseTimestamp(timestamp: string | undefined): string {
  const match = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d+)?)(Z|[+-]\d\d:?\d\d)?$/i.exec(
    timestamp ?? '',
  );
  if (match === null) return '';
  const [, day = '', time = '', zone = 'Z'] = match;
  const atMs = Date.parse(`${day}T${time}${zone.toUpperCase()}`);
  return Number.isNaN(atMs) ? '' : new Date(atMs).toISOString();
}

function isTrue(value: string | undefined): boolean {
  return value !== undefined && /^(true|1|yes)$/i.test(value);
}

function parseHash(hash: string | undefined): string | undefined {
  return hash !== undefined && /^[0-9a-f]{64}$/i.test(hash) ? hash.toLowerCase() : undefined;
}

/** A word for a role. Anything else may be about a person, and is not kept. */
function parseRole(role: string | undefined): string | undefined {
  return role !== undefined && /^[a-z]{1,20}$/i.test(role) ? role.toLowerCase() : undefined;
}

/**
 * The provider's JSON of a document, from `GET /document/{id}/` or a listing, in our words.
 * @param askedId the ID asked for, where one was: an answer about another document is none
 * @returns undefined where it cannot be told which document it is, or what its status is
 */
export function documentSnapshot(json: unknown, askedId?: string): DocumentSnapshot | undefined {
  const fields = documentShape.safeParse(json).data;
  if (fields?.status === undefined || fields.status === '') return undefined;
  const toldId = idOf('document', fields.uuid) ?? idOf('document', fields.resource_uri);
  const documentId = idOf('document', askedId) ?? toldId;
  if (documentId === undefined) return undefined;
  if (toldId !== undefined && toldId !== documentId) return undefined;
  const hash = parseHash(fields.hash_value);
  const group = groupSlugOf(fields.group);
  const tag = tagOf(fields.tag);
  const named = fields.signer_objects ?? [];
  const signers = named.length > 0 ? named : (fields.signers ?? []);
  return {
    documentId,
    status: documentStatusOf(fields.status),
    finalPdf: isTrue(fields.download_final),
    modified: parseTimestamp(fields.modified),
    ...(hash !== undefined && { hash }),
    ...(group !== undefined && { group }),
    ...(tag !== undefined && { tag }),
    signers: signers
      .slice(0, SIGNERS_MAX)
      .map(signerSnapshot)
      .filter((signer) => signer !== undefined),
  };
}
