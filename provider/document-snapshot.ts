import {
  documentStatusOf,
  SIGNERS_MAX,
  signerStatusOf,
  type DocumentSnapshot,
  type SignerSnapshot,
} from '../workflows/contract.js';
import { isRecord, looseList, looseText } from './loose-json.js';
import { groupSlugOf, idOf, tagOf } from './resource-uri.js';

interface SignerFields {
  readonly uuid?: unknown;
  readonly uri: unknown;
  readonly order: unknown;
  readonly role?: unknown;
  readonly status: unknown;
}

/** The fields of `signers[]` have places, not names: URI first, status seventh, order eighth. */
function fieldsOf(signer: unknown): SignerFields | undefined {
  if (Array.isArray(signer)) {
    const fields: readonly unknown[] = signer;
    return { uri: fields[0], status: fields[6], order: fields[7] };
  }
  if (!isRecord(signer)) return undefined;
  const { uuid, resource_uri: uri, order, role, status } = signer;
  return { uuid, uri, order, role, status };
}

function parseOrder(order: string | undefined): number | undefined {
  return order !== undefined && /^\d{1,4}$/.test(order) ? Number(order) : undefined;
}

// Names and e-mail addresses are read nowhere here, and so never get further.
function signerSnapshot(signer: unknown): SignerSnapshot | undefined {
  const fields = fieldsOf(signer);
  const status = looseText(fields?.status);
  const id = idOf('signer', looseText(fields?.uuid)) ?? idOf('signer', looseText(fields?.uri));
  if (status === undefined || id === undefined) return undefined;
  const order = parseOrder(looseText(fields?.order));
  const role = parseRole(looseText(fields?.role));
  return {
    id,
    status: signerStatusOf(status),
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
  if (!isRecord(json)) return undefined;
  const status = looseText(json['status']);
  if (status === undefined || status === '') return undefined;
  const toldId =
    idOf('document', looseText(json['uuid'])) ?? idOf('document', looseText(json['resource_uri']));
  const documentId = idOf('document', askedId) ?? toldId;
  if (documentId === undefined) return undefined;
  if (toldId !== undefined && toldId !== documentId) return undefined;
  const hash = parseHash(looseText(json['hash_value']));
  const group = groupSlugOf(looseText(json['group']));
  const tag = tagOf(looseText(json['tag']));
  const named = looseList(json['signer_objects']);
  const signers = named.length > 0 ? named : looseList(json['signers']);
  return {
    documentId,
    status: documentStatusOf(status),
    finalPdf: isTrue(looseText(json['download_final'])),
    modified: parseTimestamp(looseText(json['modified'])),
    ...(hash !== undefined && { hash }),
    ...(group !== undefined && { group }),
    ...(tag !== undefined && { tag }),
    signers: signers
      .slice(0, SIGNERS_MAX)
      .map(signerSnapshot)
      .filter((signer) => signer !== undefined),
  };
}
