/** How a document's state is shown: to programs, in the Temporal UI, and to its search. Pure. */
import type { SearchAttributePair, TypedSearchAttributes } from '@temporalio/common';
import { documentStatusNumber, SEARCH_ATTRIBUTES } from './contract.js';
import type { DocumentState } from './document-state.js';
import { documentStatus, signerViews, timelineOf } from './progress.js';
import type { ProgressView, SignerView } from './progress.js';

/** What the progress query and the Updates answer. */
export function viewOf(state: DocumentState): ProgressView {
  const { documentId, revision, group, tag, deadline, outcome } = state;
  const status = documentStatus(state.progress);
  const attention = attentionText(state);
  return {
    documentId,
    revision,
    status,
    number: documentStatusNumber(status),
    signers: signerViews(state.progress),
    timeline: timelineOf(documentId, state.progress),
    ...(group === undefined ? {} : { group }),
    ...(tag === undefined ? {} : { tag }),
    ...(deadline === undefined ? {} : { deadline }),
    ...(outcome === undefined ? {} : { outcome }),
    ...(attention === '' ? {} : { attention }),
  };
}

function attentionText(state: DocumentState): string {
  return Object.entries(state.attention)
    .map(([task, { failureType, message }]) => `${task}: ${failureType}: ${message}`)
    .join('; ');
}

/** The page that operations read under the workflow's tab "User Metadata". Markdown. */
export function detailsOf(state: DocumentState): string {
  const view = viewOf(state);
  const lines = [
    `**${view.status} (${view.number})**${view.outcome ? ` · outcome: **${view.outcome.kind}**` : ''}`,
    ...(view.group === undefined ? [] : [`group: ${plain(view.group)}`]),
    ...(view.tag === undefined ? [] : [`tag: ${plain(view.tag)}`]),
    ...(view.deadline === undefined ? [] : [`deadline: ${view.deadline}`]),
    ...archiveLines(view),
    ...state.owed.map(({ channel, announcement }) => `owed: ${announcement.event} by ${channel}`),
    ...(view.attention === undefined
      ? []
      : [`⚠ waits for the signal \`retry\`: ${plain(view.attention)}`]),
  ];
  return [lines.join('  \n'), signersTable(view.signers)].join('\n\n');
}

function archiveLines({ outcome }: ProgressView): string[] {
  if (!outcome?.archive) return [];
  return outcome.archive.files.map(
    ({ name, bytes, sha256 }) => `archived: ${name}, ${bytes} bytes, SHA-256 \`${sha256}\``,
  );
}

function signersTable(signers: readonly SignerView[]): string {
  if (signers.length === 0) return 'No signer is known yet.';
  const rows = signers.map(
    ({ id, order, role, status, number, at, sources, rejectionReason }) =>
      `| ${order ?? ''} | ${plain(role ?? '')} | \`${id}\` | ${status} (${number}) | ${at} | ` +
      `${sources.join(', ')} | ${plain(rejectionReason ?? '')} |`,
  );
  return [
    '| # | role | signer | status | since | source | reason |',
    '|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

/** Text from outside must not draw tables or links of its own. */
function plain(text: string): string {
  return text.replace(/[\\|`*_[\]<>\r\n]/g, ' ');
}

/** A keyword longer than this is refused by visibility on SQL. */
const KEYWORD_MAX_LENGTH = 255;

/** The search attributes that differ from what visibility already has. */
export function searchAttributeChanges(
  state: DocumentState,
  current: TypedSearchAttributes,
): SearchAttributePair[] {
  const keyword = (
    key: typeof SEARCH_ATTRIBUTES.documentStatus,
    value: string | undefined,
  ): SearchAttributePair[] => {
    const wanted = value?.slice(0, KEYWORD_MAX_LENGTH);
    if (current.get(key) === wanted) return [];
    return [{ key, value: wanted ?? null } as SearchAttributePair];
  };
  const { documentStatus: status, documentOutcome, documentAttention } = SEARCH_ATTRIBUTES;
  const { documentGroup, documentTag } = SEARCH_ATTRIBUTES;
  return [
    ...keyword(status, documentStatus(state.progress)),
    ...keyword(documentOutcome, state.outcome?.kind),
    ...keyword(documentAttention, Object.values(state.attention)[0]?.failureType),
    ...keyword(documentGroup, state.group),
    ...keyword(documentTag, state.tag),
    ...deadlineChange(state, current),
    ...signerIdsChange(state, current),
  ];
}

function deadlineChange(
  state: DocumentState,
  current: TypedSearchAttributes,
): SearchAttributePair[] {
  const key = SEARCH_ATTRIBUTES.documentDeadline;
  if (state.deadline === undefined) return [];
  const value = new Date(state.deadline);
  return current.get(key)?.getTime() === value.getTime() ? [] : [{ key, value }];
}

function signerIdsChange(
  state: DocumentState,
  current: TypedSearchAttributes,
): SearchAttributePair[] {
  const key = SEARCH_ATTRIBUTES.signerIds;
  const value = Object.keys(state.progress.signers).sort();
  const known = [...(current.get(key) ?? [])].sort();
  return value.join() === known.join() ? [] : [{ key, value }];
}
