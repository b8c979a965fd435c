/** How a document's state is shown to programs, and to Temporal's search. Pure. */
import type { SearchAttributeUpdatePair, TypedSearchAttributes } from '@temporalio/common';
import { lateSigners, movedMs } from './chasing.js';
import { documentStatusNumber, occasionOf, SEARCH_ATTRIBUTES } from './contract.js';
import type { ChannelName, DocumentSnapshot, MissedChangesAnswer } from './contract.js';
import { documentSearchAttributes, fittingIds } from './document-start.js';
import type { DocumentState } from './document-state.js';
import { documentStatus, missedChanges, signerViews, timelineOf } from './progress.js';
import type { AnnouncementView, ProgressView, WaitingSigner } from './progress.js';
import { signersInTurn } from './signing-turns.js';
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
    waitingFor: waitingSigners(state),
    signers: signerViews(state.progress),
    timeline: timelineOf(documentId, state.progress),
    ...(group === undefined ? {} : { group }),
    ...(tag === undefined ? {} : { tag }),
    ...(deadline ? { deadline } : {}),
    ...(outcome === undefined ? {} : { outcome }),
    ...(attention === '' ? {} : { attention }),
    ...(state.announced.length === 0 ? {} : { announcements: announcementsOf(state) }),
  };
}

function waitingSigners({ progress, turns = {}, outcome }: DocumentState): WaitingSigner[] {
  if (outcome) return [];
  return signersInTurn(progress).flatMap((signerId) => {
    const turn = turns[signerId];
    if (!turn) return [];
    return [{ signerId, since: new Date(turn.sinceMs).toISOString(), reminders: turn.sent }];
  });
}

function announcementsOf({ announced, owed }: DocumentState): AnnouncementView[] {
  const owedTo = new Map(announced.map((event) => [event, [] as ChannelName[]]));
  for (const { announcement, channel } of owed) {
    owedTo.get(occasionOf(announcement))?.push(channel);
  }
  return [...owedTo].map(([event, channels]) => ({ event, owedTo: channels }));
}

function attentionText(state: DocumentState): string {
  return Object.entries(state.attention)
    .map(([task, { failureType, message }]) => `${task}: ${failureType}: ${message}`)
    .join('; ');
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
    ...(state.deadline === null ? [{ key: SEARCH_ATTRIBUTES.documentDeadline, value: null }] : []),
    ...waitingAttributes(state),
    { key: SEARCH_ATTRIBUTES.documentOutcome, value: state.outcome?.kind ?? null },
    {
      key: SEARCH_ATTRIBUTES.documentAttention,
      value: Object.values(state.attention)[0]?.failureType ?? null,
    },
  ];
}

/** All that the server takes: what it took of earlier versions stays as it was. */
const WAITING_FOR_MAX_BYTES = 2047;

/** Of late documents alone: for each turn of each document they would cost more than they tell. */
function waitingAttributes(state: DocumentState): SearchAttributeUpdatePair[] {
  const late = lateSigners(state);
  const ids = fittingIds(late, WAITING_FOR_MAX_BYTES);
  const sinceMs = Math.min(...late.map((id) => state.turns?.[id]?.sinceMs ?? movedMs(state)));
  return [
    { key: SEARCH_ATTRIBUTES.waitingFor, value: ids.length > 0 ? ids : null },
    { key: SEARCH_ATTRIBUTES.waitingSince, value: late.length > 0 ? new Date(sinceMs) : null },
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
