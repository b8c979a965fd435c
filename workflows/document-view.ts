/** How a document's state is shown: to programs, in the Temporal UI, and to its search. Pure. */
import type { SearchAttributeUpdatePair, TypedSearchAttributes } from '@temporalio/common';
import { documentStatusNumber, SEARCH_ATTRIBUTES } from './contract.js';
import type { DocumentSnapshot, MissedChangesAnswer } from './contract.js';
import { documentSearchAttributes } from './document-start.js';
import type { DocumentState } from './document-state.js';
import { documentStatus, missedChanges, signerViews, timelineOf } from './progress.js';
import type { AnnouncementView, ProgressView, SignerView } from './progress.js';
import { progressDigest } from './status-digest.js';

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
    ...(state.announced.length === 0 ? {} : { announcements: announcementsOf(state) }),
  };
}

function announcementsOf({ announced, owed }: DocumentState): AnnouncementView[] {
  return announced.map((event) => ({
    event,
    owedTo: owed
      .filter(({ announcement }) => announcement.event === event)
      .map(({ channel }) => channel),
  }));
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

/** What the reconciliation wants to know of a document. */
export function missedChangesAnswer(
  state: DocumentState,
  snapshot: DocumentSnapshot | undefined,
  key: string,
): MissedChangesAnswer {
  const { documentId, progress, repaired, question } = state;
  return {
    missed: snapshot ? missedChanges(documentId, progress, snapshot) : [],
    ...(repaired?.key === key ? { repaired } : {}),
    isAskingAlready: question?.kind === 'unknownToProvider',
  };
}

/** The search attributes that differ from what visibility already has. */
export function searchAttributeChanges(
  state: DocumentState,
  current: TypedSearchAttributes,
): SearchAttributeUpdatePair[] {
  const differs = ({ key, value }: SearchAttributeUpdatePair): boolean =>
    comparable(current.get(key)) !== comparable(value);
  const changes = wantedAttributes(state).filter(differs);
  const digest = digestAttribute(state, current, changes.length > 0);
  return differs(digest) ? [...changes, digest] : changes;
}

function wantedAttributes(state: DocumentState): SearchAttributeUpdatePair[] {
  return [
    ...documentSearchAttributes({
      status: documentStatus(state.progress),
      signerIds: Object.keys(state.progress.signers),
      ...state,
    }),
    { key: SEARCH_ATTRIBUTES.documentOutcome, value: state.outcome?.kind ?? null },
    {
      key: SEARCH_ATTRIBUTES.documentAttention,
      value: Object.values(state.attention)[0]?.failureType ?? null,
    },
  ];
}

/** Every upsert is billed: the digest goes along with others, or is taken away once. */
function digestAttribute(
  { documentId, progress, outcome }: DocumentState,
  current: TypedSearchAttributes,
  goesAlong: boolean,
): SearchAttributeUpdatePair {
  const key = SEARCH_ATTRIBUTES.documentDigest;
  const digest = progressDigest(documentId, progress);
  const known = current.get(key);
  // Once taken away it comes back with the outcome alone: each return would cost a removal more.
  const mayGoAlong = goesAlong && (known !== undefined || outcome !== undefined);
  return { key, value: mayGoAlong || known === digest ? digest : null };
}

function comparable(value: SearchAttributeUpdatePair['value'] | undefined): string {
  if (Array.isArray(value)) return value.toSorted().join();
  return value instanceof Date ? value.toISOString() : String(value ?? '');
}
