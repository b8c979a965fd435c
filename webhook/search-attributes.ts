import type { SearchAttributePair } from '@temporalio/common';
import { SEARCH_ATTRIBUTES, type StatusReport } from '../workflows/contract.js';

/** The server refuses a value beyond 2 kB; UUIDs of about 50 signers fit. */
const SIGNER_IDS_MAX_BYTES = 1900;

/** The server's limit for one keyword. */
const KEYWORD_MAX_LENGTH = 255;

/** What a new document's workflow can be found by from its first moment, as far as it is known. */
export function searchAttributesOf(
  { group, tag }: { readonly group?: string; readonly tag?: string },
  report?: StatusReport,
): SearchAttributePair[] {
  const status = report?.changes.find((change) => change.subject === 'document')?.status;
  const signerIds = report === undefined ? [] : signerIdsOf(report);
  const { documentStatus, documentGroup, documentTag } = SEARCH_ATTRIBUTES;
  return [
    ...(status === undefined ? [] : [{ key: documentStatus, value: status }]),
    ...(group === undefined ? [] : [{ key: documentGroup, value: cut(group) }]),
    ...(tag === undefined ? [] : [{ key: documentTag, value: cut(tag) }]),
    ...(signerIds.length === 0 ? [] : [{ key: SEARCH_ATTRIBUTES.signerIds, value: signerIds }]),
  ];
}

function cut(keyword: string): string {
  return keyword.slice(0, KEYWORD_MAX_LENGTH);
}

function signerIdsOf({ changes, snapshot }: StatusReport): string[] {
  const ids = new Set([
    ...changes.filter((change) => change.subject === 'signer').map((change) => change.id),
    ...(snapshot?.signers ?? []).map((signer) => signer.id),
  ]);
  let room = SIGNER_IDS_MAX_BYTES;
  return [...ids].filter((id) => (room -= id.length + 3) >= 0);
}
