/** The provider's words for its numbers, as its interface description gives them. */

const DOCUMENT_TEXTS: Readonly<Record<number, string>> = {
  10: 'Created',
  20: 'Fields completed',
  30: 'Signed',
  40: 'Removed',
  50: 'Rejected',
  100: 'Final PDF created',
};

const SIGNER_TEXTS: Readonly<Record<number, string>> = {
  4: 'Unsent',
  5: 'Scheduled to send',
  10: 'Sent',
  15: 'Email opened',
  20: 'Visited',
  30: 'Fields completed',
  35: 'Fields complete except signature',
  39: 'Witness to sign',
  40: 'Signed',
  50: 'Downloaded',
  60: 'Rejected',
};

/** A document's status in words. */
export function documentStatusText(status: number): string {
  return DOCUMENT_TEXTS[status] ?? `Status ${status}`;
}

/** A signer's status in words. */
export function signerStatusText(status: number): string {
  return SIGNER_TEXTS[status] ?? `Status ${status}`;
}
