/** How a signer's place goes to somebody else, and back. Who is invited is not decided here. */
import { SIGNER_STATUSES } from '../workflows/statuses.js';
import type { DocumentRecord, Person, SignerRecord } from './records.js';
import { badRequest } from './refusal.js';
import { hasSigned, isOpen } from './signing-rules.js';

function refuseWhenLate(document: DocumentRecord, signer: SignerRecord): void {
  if (!isOpen(document)) throw badRequest('The document is closed.');
  if (hasSigned(signer)) throw badRequest('This signer has signed.');
}

function refuseSame(signer: SignerRecord, email: string): void {
  if (email === signer.email) throw badRequest('This is the signer’s email address already.');
}

function take(signer: SignerRecord, { firstname, lastname, email }: Person): void {
  Object.assign(signer, { firstname, lastname, email, bounce: null });
}

/**
 * Gives the place to somebody else.
 * @throws Refusal 400 where it is too late, or the address is the same
 */
export function handOn(document: DocumentRecord, signer: SignerRecord, person: Person): void {
  refuseWhenLate(document, signer);
  refuseSame(signer, person.email);
  const { firstname, lastname, email } = signer;
  signer.earlier.push({ firstname, lastname, email });
  take(signer, person);
}

/**
 * Gives the place back to somebody who had it.
 * @throws Refusal 400 where it is too late, the address is the same, or was never this signer's
 */
export function handBack(document: DocumentRecord, signer: SignerRecord, email: string): void {
  refuseWhenLate(document, signer);
  refuseSame(signer, email);
  const place = signer.earlier.findLastIndex((person) => person.email === email);
  const [person] = place < 0 ? [] : signer.earlier.splice(place);
  if (!person) throw badRequest('No earlier signer had this email address.');
  take(signer, person);
}

/** The status of somebody who takes a place: who was invited before is invited again. */
export function statusOnTaking(signer: Pick<SignerRecord, 'status'>): number | undefined {
  return signer.status >= SIGNER_STATUSES.sent ? SIGNER_STATUSES.sent : undefined;
}
