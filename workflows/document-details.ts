/** The page that operations read under the workflow's tab "User Metadata", as Markdown. Pure. */
import {
  isChased,
  isStalled,
  movedMs,
  nextReminderMs,
  remindersMs,
  stalledAfterMs,
} from './chasing.js';
import { occasionOf } from './contract.js';
import type { DocumentState } from './document-state.js';
import { viewOf } from './document-view.js';
import { formatDuration } from './duration.js';
import type { Step } from './next-step.js';
import type { ProgressView, SignerView } from './progress.js';
import type { SignerTurn } from './signing-turns.js';

/**
 * @param nowMs since the epoch
 * @param doing what it is just about to do
 */
export function detailsOf(state: DocumentState, nowMs: number, doing?: Step): string {
  const view = viewOf(state);
  const lines = [
    `**${view.status} (${view.number})**${view.outcome ? ` · outcome: **${view.outcome.kind}**` : ''}`,
    ...attentionLines(view),
    ...doingLines(doing, nowMs),
    ...waitingLines(state, view),
    ...(view.group === undefined ? [] : [`group: ${plain(view.group)}`]),
    ...(view.tag === undefined ? [] : [`tag: ${plain(view.tag)}`]),
    ...(view.deadline === undefined ? [] : [`deadline: ${view.deadline}`]),
    ...chasingLines(state),
    ...archiveLines(view),
    ...state.owed.map(
      ({ channel, announcement }) => `owed: ${occasionOf(announcement)} by ${channel}`,
    ),
  ];
  return [lines.join('  \n'), signersTable(view.signers, state)].join('\n\n');
}

/** Why a document is said to stall, in a sentence, without names. */
export function stallReason(state: DocumentState, sinceMs: number): string {
  const { waitingFor } = viewOf(state);
  const whom = waitingFor.map(({ signerId, since }) => `signer ${signerId} since ${since}`);
  const what = whom.length > 0 ? `It waits for ${whom.join(' and ')}.` : 'It is no signer’s turn.';
  return `Nothing has moved since ${iso(sinceMs)}. ${what}`;
}

/** What a timer is for, as the timeline shows it. */
export function waitSummary(state: DocumentState, untilMs: number | undefined): string {
  if (untilMs === undefined) return '';
  if (state.outcome) return 'Stay open for what trails';
  if (state.question) return 'Ask the provider again';
  const deadlineMs = state.deadline ? Date.parse(state.deadline) : Infinity;
  if (untilMs === deadlineMs) return 'Deadline';
  return untilMs === nextReminderMs(state) ? 'Next reminder' : 'See whether it stalls';
}

function attentionLines({ attention }: ProgressView): string[] {
  if (attention === undefined) return [];
  return [`⚠ waits for the signal \`retry\`: ${plain(attention)}`];
}

/** A step that succeeds is over before anybody reads it; one that does not stays here. */
function doingLines(doing: Step | undefined, nowMs: number): string[] {
  const what = doing && doingText(doing);
  if (what === undefined) return [];
  return [`now: ${what}, since ${iso(nowMs)}; where it fails, *Pending Activities* says why`];
}

function doingText(doing: Step): string | undefined {
  switch (doing.kind) {
    case 'ask':
      return `ask the provider (${doing.reason})`;
    case 'conclude':
      return doing.outcome === 'completed' ? 'archive it' : `conclude that it is ${doing.outcome}`;
    case 'remind':
      return `remind ${doing.signerIds.join(', ')}`;
    case 'announce':
    case 'contradict':
    case 'fail':
    case 'finish':
    case 'wait':
      return undefined;
  }
}

function waitingLines(state: DocumentState, { waitingFor, outcome }: ProgressView): string[] {
  if (outcome) return [];
  if (state.question?.kind === 'signedWithoutFinalPdf') return ['waits for the final PDF'];
  return waitingFor.map(({ signerId, since }) => `waits for signer \`${signerId}\` since ${since}`);
}

function chasingLines(state: DocumentState): string[] {
  if (state.outcome || !isChased(state)) return [];
  const steps = remindersMs(state).map(formatDuration);
  const stalledMs = stalledAfterMs(state);
  const nextMs = nextReminderMs(state);
  return [
    ...(steps.length === 0 ? [] : [`reminders: ${steps.join(', ')} after a signer’s turn began`]),
    ...(Number.isFinite(nextMs) ? [`next reminder: ${iso(nextMs)}`] : []),
    ...(Number.isFinite(stalledMs)
      ? [`nothing moved since ${iso(movedMs(state))}; stalls after ${formatDuration(stalledMs)}`]
      : []),
    ...(isStalled(state) ? ['**stalled**, and announced so'] : []),
  ];
}

function archiveLines({ outcome }: ProgressView): string[] {
  if (outcome?.stopReason !== undefined) return [`stopped: ${plain(outcome.stopReason)}`];
  if (!outcome?.archive) return [];
  return outcome.archive.files.map(
    ({ name, bytes, sha256 }) => `archived: ${name}, ${bytes} bytes, SHA-256 \`${sha256}\``,
  );
}

function signersTable(signers: readonly SignerView[], { turns = {} }: DocumentState): string {
  if (signers.length === 0) return 'No signer is known yet.';
  const rows = signers.map((signer) => {
    const { id, order, role, status, number, at, sources } = signer;
    const turn = turns[id];
    return [
      ...[order ?? '', plain(role ?? ''), `\`${id}\``, `${status} (${number})`, at],
      ...[sources.join(', '), turnText(turn), remindedText(turn), noteOf(signer, turn)],
    ].join(' | ');
  });
  return [
    '| # | role | signer | status | since | source | turn | reminded | note |',
    '|---|---|---|---|---|---|---|---|---|',
    ...rows.map((row) => `| ${row} |`),
  ].join('\n');
}

function turnText(turn: SignerTurn | undefined): string {
  if (!turn || turn.isOver) return '';
  return `since ${iso(turn.sinceMs)}`;
}

function remindedText(turn: SignerTurn | undefined): string {
  if (turn?.lastSentMs === undefined) return '';
  return `${turn.sent} ×, last ${iso(turn.lastSentMs)}`;
}

function noteOf({ rejectionReason, bouncedAt }: SignerView, turn: SignerTurn | undefined): string {
  return [
    ...(rejectionReason ? [`rejected: ${plain(rejectionReason)}`] : []),
    ...(bouncedAt === undefined ? [] : [`mail came back ${bouncedAt}`]),
    ...(turn?.refusal === undefined ? [] : [`not reminded: ${plain(turn.refusal)}`]),
  ].join('; ');
}

function iso(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19)}Z`;
}

/** Text from outside must not draw tables or links of its own. */
function plain(text: string): string {
  return text.replace(/[\\|`*_[\]<>\r\n]/g, ' ');
}
