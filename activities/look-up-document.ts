import { Context } from '@temporalio/activity';
import {
  FAILURE_TYPES,
  type Activities,
  type DocumentSnapshot,
  type LookUpDocumentInput,
  type LookUpDocumentResult,
  type OutcomePolicy,
  type SignerSnapshot,
} from '../workflows/contract.js';
import type { ProviderClient } from '../provider/provider-client.js';
import { ProviderError } from '../provider/provider-error.js';
import type { Archive } from './archive/archive.js';
import { requireDocumentId } from './archive/document-id.js';
import { receiptSummary } from './archive/receipt.js';
import { retryable, withFailures } from './failures.js';

/** The provider makes the final PDF within seconds, as a rule; its own callback within minutes. */
const FIRST_DELAY_MS = 5_000;
const MAX_DELAY_MS = 15 * 60_000;

/** Ten minutes of asking: "unknown" for as long is neither a lag nor a fault on the way. */
const UNKNOWN_ATTEMPTS = 8;

/** After as many attempts a rejection is told without its reason. */
const REASON_ATTEMPTS = 5;

/** What the activity works with. */
export interface LookUpDocumentDependencies {
  readonly provider: Pick<ProviderClient, 'getDocument' | 'getRejection'>;
  readonly archive: Pick<Archive, 'readReceipt'>;
  readonly policy: OutcomePolicy;
}

/**
 * The activity that asks the provider for one document, with rejecting signers' reasons, and the
 * archive for its receipt. Told to await the final PDF, it fails as `NotFinalYet`, retried after
 * 5 s, 10 s, 20 s … 15 min, until the PDF can be fetched or the document ended otherwise.
 */
export function createLookUpDocument(
  dependencies: LookUpDocumentDependencies,
): Activities['lookUpDocument'] {
  return (input) => withFailures(() => lookUp(dependencies, input));
}

async function lookUp(
  { provider, archive, policy }: LookUpDocumentDependencies,
  input: LookUpDocumentInput,
): Promise<LookUpDocumentResult> {
  const documentId = requireDocumentId(input.documentId);
  const signal = Context.current().cancellationSignal;
  const receipt = await archive.readReceipt(documentId);
  const document = await provider.getDocument(documentId, { signal });
  if (input.awaitFinalPdf && receipt === undefined) requireEnd(document);
  const snapshot = document && (await withReasons(provider, document, signal));
  return {
    ...(snapshot !== undefined && { snapshot }),
    ...(receipt !== undefined && { receipt: receiptSummary(receipt) }),
    policy,
  };
}

/** How long to wait before the next look, by the number of looks so far, from 1. */
export function finalPdfDelayMs(attempt: number): number {
  return Math.min(FIRST_DELAY_MS * 2 ** (attempt - 1), MAX_DELAY_MS);
}

/** A document that the provider still does not know after some minutes ended as well. */
function requireEnd(document: DocumentSnapshot | undefined): void {
  const { attempt } = Context.current().info;
  if (document === undefined ? attempt >= UNKNOWN_ATTEMPTS : hasEnded(document)) return;
  throw retryable(FAILURE_TYPES.notFinalYet, missingOf(document), finalPdfDelayMs(attempt));
}

function missingOf(document: DocumentSnapshot | undefined): string {
  if (document === undefined) return 'The provider does not know the document yet, or just now.';
  const missing = document.finalPdf ? 'hash of its final PDF' : 'final PDF';
  return `The document, ${document.status} at the provider, has no ${missing} yet.`;
}

function hasEnded({ status, finalPdf, hash }: DocumentSnapshot): boolean {
  return status === 'removed' || status === 'rejected' || (finalPdf && hash !== undefined);
}

async function withReasons(
  provider: LookUpDocumentDependencies['provider'],
  document: DocumentSnapshot,
  signal: AbortSignal,
): Promise<DocumentSnapshot> {
  const withReason = async (signer: SignerSnapshot): Promise<SignerSnapshot> => {
    if (signer.status !== 'rejected') return signer;
    const reason = await rejectionReason(provider, signer.id, signal);
    return reason === undefined ? signer : { ...signer, rejectionReason: reason };
  };
  return { ...document, signers: await Promise.all(document.signers.map(withReason)) };
}

/** Undefined where the provider has none, or will not tell: the outcome does not depend on it. */
async function rejectionReason(
  provider: LookUpDocumentDependencies['provider'],
  signerId: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    return (await provider.getRejection(signerId, { signal }))?.reason;
  } catch (error) {
    const isWorthAnother =
      error instanceof ProviderError &&
      ['unavailable', 'throttled'].includes(error.kind) &&
      Context.current().info.attempt < REASON_ATTEMPTS;
    if (isWorthAnother || !(error instanceof ProviderError)) throw error;
    Context.current().log.warn('no reason of a rejection', { signerId, error: error.message });
    return undefined;
  }
}
