/** Which events of single signers are still to be announced. Pure. */
import { occasionOf } from './contract.js';
import type { SignerEvent } from './contract.js';
import type { DocumentState } from './document-state.js';
import { signerViews } from './progress.js';
import type { SignerView } from './progress.js';

/** An event of one signer. */
export interface DueSignerEvent {
  readonly event: SignerEvent;
  readonly signerId: string;
}

/**
 * Announcements owed at a time, to all channels together. One has up to 6 kB, with up to 50 signers
 * in it; so many leave room in a payload for what else is carried. Where a channel takes none,
 * further events of signers wait, for the other channels too.
 */
export const OWED_MAX = 200;

/**
 * The next one that is wanted, has happened and was not announced.
 * @param owedMax none is due while so many announcements are owed
 */
export function dueSignerEvent(
  state: DocumentState,
  owedMax: number = OWED_MAX,
): DueSignerEvent | undefined {
  if (state.owed.length >= owedMax) return undefined;
  const wanted = (state.lookUp?.policy.followUp ?? state.followUp)?.signerEvents ?? [];
  if (wanted.length === 0) return undefined;
  const announced = new Set(state.announced);
  for (const signer of signerViews(state.progress)) {
    const event = wanted.find(
      (each) =>
        HAPPENED[each](signer) && !announced.has(occasionOf({ event: each, occasion: signer.id })),
    );
    if (event) return { event, signerId: signer.id };
  }
  return undefined;
}

const HAPPENED: Readonly<Record<SignerEvent, (signer: SignerView) => boolean>> = {
  'signer.signed': ({ status }) => status === 'signed' || status === 'downloaded',
  'signer.rejected': ({ status }) => status === 'rejected',
  'signer.bounced': ({ bouncedAt }) => bouncedAt !== undefined,
};
