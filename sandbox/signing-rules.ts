/** What follows for a document when something happens to a signer. Pure: changes nothing. */
import { DOCUMENT_STATUSES, SIGNER_STATUSES } from '../workflows/statuses.js';
import type { DocumentRecord, SignerRecord } from './records.js';

/** A status to be taken on. */
export interface Step {
  readonly subject: 'document' | 'signer';
  readonly id: string;
  readonly status: number;
}

type Standing = Pick<SignerRecord, 'id' | 'order' | 'status'>;

/** The way a signer goes when nothing unusual happens. */
const USUAL_WAY = [
  SIGNER_STATUSES.sent,
  SIGNER_STATUSES.emailOpened,
  SIGNER_STATUSES.visited,
  SIGNER_STATUSES.fieldsCompleted,
  SIGNER_STATUSES.signed,
] as const;

/** Signed, or signed and downloaded since. */
export function hasSigned(signer: Pick<SignerRecord, 'status'>): boolean {
  const { status } = signer;
  return status === SIGNER_STATUSES.signed || status === SIGNER_STATUSES.downloaded;
}

/** Not sent to yet. */
export function isUnsent(signer: Pick<SignerRecord, 'status'>): boolean {
  const { status } = signer;
  return status === SIGNER_STATUSES.unsent || status === SIGNER_STATUSES.scheduled;
}

/** Neither signed by everybody, nor rejected, nor removed. */
export function isOpen(document: Pick<DocumentRecord, 'status'>): boolean {
  const { signed, removed, rejected, finalised } = DOCUMENT_STATUSES;
  return !([signed, removed, rejected, finalised] as number[]).includes(document.status);
}

function isDue(signer: Standing, all: readonly Standing[], inOrder: boolean): boolean {
  if (!isUnsent(signer)) return false;
  return !inOrder || all.every((other) => other.order >= signer.order || hasSigned(other));
}

function sendSteps(signers: readonly Standing[], inOrder: boolean): Step[] {
  return signers
    .filter((signer) => isDue(signer, signers, inOrder))
    .map(({ id }) => ({ subject: 'signer', id, status: SIGNER_STATUSES.sent }));
}

/** A new document: created, and sent to those who sign first. */
export function openingSteps(document: DocumentRecord): Step[] {
  return [
    { subject: 'document', id: document.id, status: DOCUMENT_STATUSES.created },
    ...sendSteps(document.signers, document.signersInOrder),
  ];
}

/** A signer's new status and what follows from it for the others and for the document. */
export function signerSteps(document: DocumentRecord, signerId: string, status: number): Step[] {
  const own: Step = { subject: 'signer', id: signerId, status };
  if (!isOpen(document)) return [own];
  const documentStep = (to: number): Step => ({ subject: 'document', id: document.id, status: to });
  if (status === SIGNER_STATUSES.rejected) return [own, documentStep(DOCUMENT_STATUSES.rejected)];
  const signers = document.signers.map((each) =>
    each.id === signerId ? { ...each, status } : each,
  );
  if (signers.every(hasSigned)) return [own, documentStep(DOCUMENT_STATUSES.signed)];
  return [own, ...sendSteps(signers, document.signersInOrder)];
}

/** The status that a signer usually takes on next; a sentence where there is none. */
export function nextStatus(document: DocumentRecord, signer: SignerRecord): number | string {
  if (signer.status === SIGNER_STATUSES.rejected) return 'This signer has rejected the document.';
  if (hasSigned(signer)) return nextAfterSigning(document, signer);
  if (!isOpen(document)) return 'The document is closed.';
  if (isUnsent(signer) && !isDue(signer, document.signers, document.signersInOrder)) {
    return 'It is not this signer’s turn yet.';
  }
  return USUAL_WAY.find((status) => status > signer.status) ?? SIGNER_STATUSES.signed;
}

function nextAfterSigning(document: DocumentRecord, signer: SignerRecord): number | string {
  if (signer.status === SIGNER_STATUSES.downloaded) return 'This signer has done everything.';
  if (document.hash === null) return 'There is no final PDF to download yet.';
  return SIGNER_STATUSES.downloaded;
}

/**
 * The steps from where a signer stands to a signature.
 * @param visit with each step in between instead of the signature alone
 */
export function wayToSignature(signer: SignerRecord, visit: boolean): number[] {
  if (!visit) return [SIGNER_STATUSES.signed];
  return USUAL_WAY.filter((status) => status > signer.status || status === SIGNER_STATUSES.signed);
}
