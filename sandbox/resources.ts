/** Documents and signers as the provider's REST interface and its callbacks show them. Pure. */
import type { BatchEntry, Notice } from './callback-signing.js';
import { batchTime, restTime } from './provider-time.js';
import type { Change, DocumentRecord, PendingEntry, SignerRecord } from './records.js';

type Fields = Readonly<Record<string, unknown>>;

/** `/api/v1/<kind>/<id>/`: all of the provider's URIs end with a slash. */
export function resourceUri(
  kind: 'document' | 'signer' | 'signers' | 'group' | 'status' | 'user',
  id: string,
): string {
  return `/api/v1/${kind}/${id}/`;
}

/** The slug of a group that is named by slug or by URI. */
export function groupSlug(group: string): string {
  return /^\/api\/v1\/group\/([-\w]{1,50})\/$/.exec(group)?.[1] ?? group;
}

const DETAILS_UNUSED = {
  append_pdf: true,
  append_history: true,
  footer: '',
  footer_height: null,
  has_fields: true,
  header: '',
  header_height: null,
  pdf_password: null,
  pdf_password_type: null,
  sign_mouse: true,
  sign_type: true,
  sign_upload: true,
  signature_placement: 2,
  signature_type: 4,
};

/** The positional form; its URIs say `signers`, as in the provider's own examples. */
function signerRow(signer: SignerRecord): unknown[] {
  return [
    resourceUri('signers', signer.id),
    signer.firstname,
    signer.lastname,
    signer.email,
    signer.sms,
    true,
    signer.status,
    signer.order,
  ];
}

function signerObject(signer: SignerRecord): Fields {
  return {
    uuid: signer.id,
    resource_uri: resourceUri('signer', signer.id),
    firstname: signer.firstname,
    lastname: signer.lastname,
    email: signer.email,
    tel: signer.sms,
    order: signer.order,
    role: signer.role,
    status: signer.status,
  };
}

/** A document in a listing. */
export function listedDocument(document: DocumentRecord, withSigners: boolean): Fields {
  return {
    archived: document.archived,
    auto_archive: document.autoArchive,
    ...document.echoed,
    created: restTime(document.created),
    do_email: document.doEmail,
    download_final: document.hash !== null,
    group: resourceUri('group', document.group),
    modified: restTime(document.modified),
    name: document.name,
    resource_uri: resourceUri('document', document.id),
    ...(withSigners && { signers: document.signers.map(signerRow) }),
    signers_in_order: document.signersInOrder ? 1 : 0,
    status: document.status,
    tag: document.tag,
    tag1: document.tag1,
    tag2: document.tag2,
    uuid: document.id,
  };
}

/** A document asked for by itself. */
export function documentDetail(document: DocumentRecord): Fields {
  return {
    ...DETAILS_UNUSED,
    ...listedDocument(document, true),
    signers_in_order: document.signersInOrder,
    hash_value: document.hash,
    sign_time: document.signTime === null ? null : restTime(document.signTime),
    signer_objects: document.signers.map(signerObject),
  };
}

/** The short form. */
export function documentStatus(document: DocumentRecord): Fields {
  return {
    archived: document.archived,
    download_final: document.hash !== null,
    resource_uri: resourceUri('status', document.id),
    status: document.status,
    tag: document.tag,
    tag1: document.tag1,
    tag2: document.tag2,
  };
}

/** A signer asked for by itself. */
export function signerDetail(signer: SignerRecord): Fields {
  return {
    document: resourceUri('document', signer.documentId),
    email: signer.email,
    first_name: signer.firstname,
    last_name: signer.lastname,
    has_fields: true,
    order: signer.order,
    resource_uri: resourceUri('signers', signer.id),
    status: signer.status,
  };
}

/** A change on its way into the next batch. */
export function pendingEntry({ at, id, status, subject }: Change): PendingEntry {
  return {
    timestamp: batchTime(at),
    name: 'status',
    value: String(status),
    resource_uri: resourceUri(subject, id),
    at,
    id,
  };
}

/** An entry of a batch, without what only the sandbox knows of it. */
export function batchEntry({ timestamp, name, value, resource_uri }: PendingEntry): BatchEntry {
  return { timestamp, name, value, resource_uri };
}

/** A notice about a document. */
export function notice(document: DocumentRecord): Notice {
  return {
    resource_uri: resourceUri('document', document.id),
    group: resourceUri('group', document.group),
    name: document.name,
    uuid: document.id,
    tag: document.tag,
  };
}
