/** The `data` of realtime events. Pure. */
import type { DocumentRecord, SignerRecord } from './records.js';
import { resourceUri } from './resources.js';
import { documentStatusText, signerStatusText } from './status-texts.js';

type Fields = Readonly<Record<string, unknown>>;

function roleText(signer: SignerRecord): string {
  return signer.role.charAt(0).toUpperCase() + signer.role.slice(1);
}

function realtimeSigner(signer: SignerRecord): Fields {
  return {
    uuid: signer.id,
    email: signer.email,
    firstname: signer.firstname,
    lastname: signer.lastname,
    order: signer.order,
    status: signer.status,
    statusText: signerStatusText(signer.status),
    roleText: roleText(signer),
    resourceUri: resourceUri('signer', signer.id),
    rejectReason: signer.rejectionReason ?? '',
  };
}

function realtimeReferences(document: DocumentRecord): Fields {
  return {
    group: document.group,
    groupResourceUri: resourceUri('group', document.group),
    tag: document.tag,
    tag1: document.tag1,
    tag2: document.tag2,
  };
}

/** The `data` of a realtime event about a document. */
export function realtimeDocument(document: DocumentRecord): Fields {
  return {
    uuid: document.id,
    name: document.name,
    status: document.status,
    statusText: documentStatusText(document.status),
    resourceUri: resourceUri('document', document.id),
    ...realtimeReferences(document),
    recipients: document.signers.map(realtimeSigner),
  };
}

/** The `data` of a realtime event about a signer. */
export function realtimeRecipient(document: DocumentRecord, signer: SignerRecord): Fields {
  return {
    ...realtimeSigner(signer),
    emailBounce: signer.bounce !== null,
    emailBounceMessage: signer.bounce ?? '',
    document: document.id,
    documentName: document.name,
    documentResourceUri: resourceUri('document', document.id),
    ...realtimeReferences(document),
  };
}
