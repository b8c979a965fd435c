import type { ProviderClient } from '../provider/provider-client.js';
import { groupSlugOf, resourceUri } from '../provider/resource-uri.js';
import { SIGNERS_MAX } from '../workflows/contract.js';
import type { SignerSnapshot, TrackingTerms } from '../workflows/contract.js';
import { checkedTerms, saidTerms, trackDocument, TrackingFailedError } from './track-document.js';
import type { Start } from './track-document.js';

/** The body of the provider's `POST /document/`; what is not named here is passed on as it is. */
export interface DocumentRequest {
  readonly name: string;
  /** Slug or resource URI. */
  readonly group: string;
  readonly signers: readonly {
    readonly firstname: string;
    readonly lastname: string;
    readonly email: string;
    readonly order?: number;
    readonly [more: string]: unknown;
  }[];
  readonly tag?: string;
  readonly [more: string]: unknown;
}

/** A document that exists at the provider and has its workflow. */
export interface CreatedDocument {
  readonly documentId: string;
}

export interface Creation extends Start {
  readonly provider: ProviderClient | undefined;
}

/**
 * Sends the document, asks for its signers' IDs, starts its workflow. See `Countersign`.
 * @throws RangeError for terms that are none, before anything is sent
 */
export async function createDocument(
  { provider, ...start }: Creation,
  request: DocumentRequest,
  terms: TrackingTerms,
): Promise<CreatedDocument> {
  if (!provider) throw new Error('createDocument needs the provider: set LEGALESIGN_API_KEY');
  const group = groupSlugOf(request.group) ?? request.group;
  const labels = { ...(request.tag ? { tag: request.tag } : {}), group };
  const wanted = checkedTerms({ ...labels, ...saidTerms(terms) });
  const { documentId } = await provider.createDocument({
    ...request,
    group: resourceUri('group', group),
  });
  const signers = wanted.signers ?? (await signersOf(provider, documentId));
  try {
    await trackDocument(start, documentId, { ...wanted, ...(signers ? { signers } : {}) });
  } catch (error) {
    throw new TrackingFailedError(documentId, error);
  }
  return { documentId };
}

/** With them callbacks find the document at once; without them the workflow asks by itself. */
async function signersOf(
  provider: ProviderClient,
  documentId: string,
): Promise<readonly SignerSnapshot[] | undefined> {
  try {
    const signers = (await provider.getDocument(documentId))?.signers;
    return signers && signers.length <= SIGNERS_MAX ? signers : undefined;
  } catch {
    // The document is sent: whatever this failure is, the workflow meets it too, and shows it.
    return undefined;
  }
}
