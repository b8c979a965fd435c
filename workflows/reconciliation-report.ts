/** What a run tells: its report, its page in the Temporal UI, what it announces. Pure. */
import type { OperationsAnnouncement } from './contract.js';
import { MISSED_KINDS } from './reconciliation-contract.js';
import type {
  ReconciliationPolicy,
  ReconciliationProgress,
  ReconciliationReport,
  SetAsideReport,
  SubscriptionReport,
} from './reconciliation-contract.js';
import type { ReconciliationState } from './reconciliation-state.js';

const NO_SUBSCRIPTIONS: SubscriptionReport = {
  created: [],
  inactive: [],
  duplicates: [],
  strangers: [],
};

const NOTHING_SET_ASIDE: SetAsideReport = {
  deliveries: 0,
  redelivered: 0,
  remaining: 0,
  examples: [],
  hasMore: false,
};

/**
 * The report of a run that has come to its end.
 * @param tellsMore false for runs begun before what is documented today
 */
export function reportOf(
  state: ReconciliationState,
  finishedAt: string,
  tellsMore: boolean,
): ReconciliationReport {
  const { scope, startedAt, providerStartedAt, clockSkewMs, listing, prepared } = state;
  const { pages, pagesReadAgain, documents, unknownReported, unknownIgnored } = state;
  const { counts, failedParts, examples, unreadable } = state;
  const leftOut = failedParts.length + counts.failed + (unreadable ?? 0);
  const missedChanges = MISSED_KINDS.reduce((sum, kind) => sum + counts.missed[kind], 0);
  const lookedAt = documents + state.unlisted.asked;
  const report: ReconciliationReport = {
    ...{ scope, startedAt, finishedAt },
    ...(providerStartedAt === undefined ? {} : { providerStartedAt }),
    ...(clockSkewMs === undefined ? {} : { clockSkewMs }),
    isComplete: leftOut === 0,
    ...(listing === undefined ? {} : { listing }),
    ...{ pages, pagesReadAgain, documents, unknownReported, unknownIgnored },
    ...(unreadable === undefined ? {} : { unreadable }),
    unlisted: state.unlisted.asked,
    counts,
    missedChanges,
    missedShare: lookedAt === 0 ? 0 : counts.missedDocuments / lookedAt,
    subscriptions: prepared?.subscriptions ?? NO_SUBSCRIPTIONS,
    setAside: state.setAside ?? NOTHING_SET_ASIDE,
    ...{ failedParts, examples },
  };
  const alarm = prepared && alarmOf(report, prepared.policy, tellsMore);
  return alarm === undefined ? report : { ...report, alarm };
}

function alarmOf(
  report: ReconciliationReport,
  policy: ReconciliationPolicy,
  tellsMore: boolean,
): string | undefined {
  if (!tellsMore) return missedAlarm(report, policy);
  // Of one document that somebody asks about, any change is all there is.
  const isOfOne = report.scope.documentId !== undefined;
  const reasons = [isOfOne ? undefined : missedAlarm(report, policy), contradictionAlarm(report)];
  const told = reasons.filter((reason) => reason !== undefined);
  return told.length === 0 ? undefined : told.join('; ');
}

function missedAlarm(
  { missedChanges, missedShare, counts }: ReconciliationReport,
  { alarm }: ReconciliationPolicy,
): string | undefined {
  const isTooMany = missedChanges > alarm.changes;
  if (missedChanges === 0 || !(isTooMany || missedShare > alarm.share)) return undefined;
  return (
    `callbacks missed ${missedChanges} changes of ${counts.missedDocuments} documents ` +
    `(${percent(missedShare)} of those looked at); all are repaired`
  );
}

/** A document that was signed after it had ended here is a contract that nobody archived. */
function contradictionAlarm({ counts }: ReconciliationReport): string | undefined {
  const { newlyContradicted = 0 } = counts;
  if (newlyContradicted === 0) return undefined;
  return (
    `the provider says otherwise than how ${newlyContradicted} documents ended here; ` +
    'nothing is undone by itself'
  );
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.01 ? 2 : 1)} %`;
}

/** What is to be announced of a run. */
export function announcementsOf(
  report: ReconciliationReport,
  run: { readonly workflowId: string; readonly runId: string; readonly tellsMore: boolean },
): OperationsAnnouncement[] {
  const subject = `${run.workflowId}/${run.runId}`;
  const { finishedAt: occurredAt, counts, failedParts, examples, subscriptions } = report;
  const figures = { documents: report.documents, ...counts.missed, failed: counts.failed };
  const about = { subject, occurredAt };
  const failed = [
    ...failedParts.map(({ what, reason }) => `${what}: ${reason}`),
    ...(counts.failed > 0 ? [`${counts.failed} documents could not be compared`] : []),
    ...(run.tellsMore ? untold(report) : []),
  ];
  const healed = subscriptions.created.join(', ');
  return [
    ...(report.alarm === undefined
      ? []
      : [
          {
            ...about,
            event: 'reconciliation.alarm',
            reason: report.alarm,
            figures,
            examples,
          } as const,
        ]),
    ...(failed.length === 0
      ? []
      : [
          { ...about, event: 'reconciliation.failed', reason: failed.join('; '), figures } as const,
        ]),
    ...(healed === ''
      ? []
      : [
          {
            ...about,
            event: 'subscription.healed',
            reason: `registered again: ${healed}`,
          } as const,
        ]),
  ];
}

function untold({ unreadable = 0, subscriptions }: ReconciliationReport): string[] {
  const { problem } = subscriptions;
  return [
    ...(unreadable > 0 ? [`${unreadable} rows of the listings could not be read`] : []),
    ...(problem === undefined ? [] : [`the registered callbacks: ${problem}`]),
  ];
}

/** The page that operations read under the run's tab "User Metadata". Markdown. */
export function runDetails(state: ReconciliationState, nowMs: number): string {
  const { counts, documents, pages, cursor, failedParts, unlisted } = state;
  const elapsedS = Math.max((nowMs - Date.parse(state.startedAt)) / 1000, 1);
  const missed = MISSED_KINDS.map((kind) => `${kind} ${counts.missed[kind]}`).join(', ');
  return [
    `**${documents} documents on ${pages} pages, ${counts.repairedDocuments} repaired** · ` +
      `${(documents / elapsedS).toFixed(1)} documents/s${estimate(cursor, elapsedS, documents)}`,
    `missed by callbacks: ${missed} · younger than the grace: ${counts.youngChanges}`,
    `adopted ${counts.adopted} · gone ${counts.gone} · contradicted ${counts.contradicted} · ` +
      `could not be compared ${counts.failed} · could not be read ${state.unreadable ?? 0}`,
    `open but not listed: ${unlisted.asked} asked for, ${unlisted.pending.length} to go`,
    ...failedParts.map(({ what, reason }) => `⚠ ${what}: ${reason.replace(/[|`*_<>\r\n]/g, ' ')}`),
  ].join('\n\n');
}

/** The same in figures, for programs. */
export function runProgress(state: ReconciliationState): ReconciliationProgress {
  const { documents, pages, counts, unlisted, cursor } = state;
  // Pages asked for are ahead of it; where some were given up it is too low.
  const read = Math.max(documents - (state.listedBefore ?? 0), 0);
  const { total } = cursor ?? {};
  return {
    ...{ documents, pages },
    repairedDocuments: counts.repairedDocuments,
    adopted: counts.adopted,
    failed: counts.failed,
    ...(total === undefined ? {} : { listing: { read: Math.min(read, total), total } }),
    unlisted: { asked: unlisted.asked, pending: unlisted.pending.length },
  };
}

function estimate(
  cursor: ReconciliationState['cursor'],
  elapsedS: number,
  documents: number,
): string {
  const left = (cursor?.total ?? 0) - (cursor?.offset ?? 0);
  if (left <= 0 || documents === 0) return '';
  return ` · about ${Math.ceil((left * elapsedS) / documents)} s to go in this listing`;
}
