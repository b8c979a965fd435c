import type {
  Countersign,
  ReconcileOptions,
  ReconciliationProgress,
  ReconciliationReport,
  ReconciliationRun,
  ReconciliationScope,
} from '../../client/index.js';
import { EXIT_CODES } from '../command.js';
import type { Action, CommandCall } from '../command.js';
import { withCountersign } from '../countersign-connection.js';
import { documentIdOf } from '../document-id.js';
import { UsageError } from '../failures.js';
import type { Installation } from '../installation.js';
import type { OptionValues } from '../option-values.js';
import { createProgressLine, progressBar } from '../progress-line.js';
import { pairLines } from '../table.js';

/** A run on demand, or the last run's report. */
export const reconcile: Action = {
  name: 'reconcile',
  summary: 'compares with the provider now and repairs; or prints the last report',
  description:
    'Compares what the provider shows with what the workflows know, repairs what callbacks missed,\n' +
    'and prints the report. Without a scope: everything. Exits with 1 where something was left out.\n' +
    'Ctrl-C ends the waiting, not the run.',
  usage: '',
  options: {
    document: { type: 'string', value: '<id>', help: 'this document alone' },
    group: { type: 'string', value: '<slug>', help: 'the documents of this group' },
    since: { type: 'string', value: '<time>', help: 'what changed since then, or since e.g. 7d' },
    report: { type: 'boolean', help: "no run, but the last one's report" },
  },
  json: 'the report: {"startedAt", "finishedAt", "isComplete", "documents", "missedChanges", "counts", "failedParts", …}',
  example: 'countersign reconcile --since 2030-01-31T00:00:00Z',
  run: async (call) => {
    const scope = scopeOf(call.values);
    return withCountersign(call, async (countersign, installation) => {
      const run = scope
        ? await runNow(call, scope, countersign, installation)
        : await countersign.lastReconciliation();
      if (!run) throw new Error('no reconciliation has ended yet: run one without --report');
      return told(run, call);
    });
  },
};

function told({ report, workflowId }: ReconciliationRun, call: CommandCall): number {
  const { terminal, json } = call;
  if (json) terminal.print(JSON.stringify(report, null, 2));
  else for (const line of reportLines(report, workflowId, call)) terminal.print(line);
  const isWhole = report.isComplete && report.counts.failed === 0;
  return isWhole ? EXIT_CODES.ok : EXIT_CODES.failed;
}

/** A line for people on a terminal, and one a minute where there is none. */
const NOTED_EVERY_MS = 60_000;

async function runNow(
  { terminal, signal }: CommandCall,
  scope: ReconciliationScope,
  countersign: Countersign,
  { taskQueue }: Installation,
): Promise<ReconciliationRun> {
  const line = createProgressLine(terminal);
  let begun: string | undefined;
  let notedMs = Date.now();
  let isSilent = false;
  const note = (text: string): void => {
    line.clear();
    terminal.note(text);
  };
  const onProgress: ReconcileOptions['onProgress'] = (workflowId, progress) => {
    if (begun === undefined) {
      begun = workflowId;
      note(`reconciliation ${workflowId} begun`);
    } else if (!progress) {
      if (!isSilent) note(`no worker on the task queue ${taskQueue} says how far it is`);
      isSilent = true;
    } else {
      isSilent = false;
      line.show(progressText(progress));
      if (terminal.isInteractive || Date.now() - notedMs < NOTED_EVERY_MS) return;
      notedMs = Date.now();
      note(progressText(progress));
    }
  };
  try {
    return await countersign.reconcile(scope, { signal, onProgress });
  } catch (error) {
    if (signal.aborted && begun !== undefined)
      note(`${begun} goes on; its report: reconcile --report`);
    throw error;
  } finally {
    line.clear();
  }
}

function progressText(progress: ReconciliationProgress): string {
  const { listing, unlisted, documents, repairedDocuments, adopted, failed } = progress;
  const asked = unlisted.asked + unlisted.pending;
  return [
    listing ? `${progressBar(listing.read, listing.total)} compared` : `${documents} documents`,
    ...(asked > 0 ? [`${unlisted.asked} of ${asked} asked for one by one`] : []),
    `${repairedDocuments} repaired, ${adopted} adopted, ${failed} not compared`,
  ].join('; ');
}

/**
 * Of a run; undefined where none is asked for.
 * @throws UsageError where the scope is none, or two at once
 */
function scopeOf(values: OptionValues): ReconciliationScope | undefined {
  const given = values.text('document');
  const documentId = given === undefined ? undefined : documentIdOf(given);
  const group = values.text('group');
  const since = values.time('since');
  if (values.flag('report')) {
    if ((documentId ?? group ?? since) === undefined) return undefined;
    throw new UsageError('--report shows the last run, whatever it was of: leave the others out');
  }
  if (documentId !== undefined && (group ?? since) !== undefined) {
    throw new UsageError('--document stands alone: without --group and --since');
  }
  return {
    ...(documentId === undefined ? {} : { documentId }),
    ...(group === undefined ? {} : { group }),
    ...(since === undefined ? {} : { since }),
  };
}

function reportLines(
  report: ReconciliationReport,
  workflowId: string,
  { terminal }: CommandCall,
): readonly string[] {
  const { counts, setAside, subscriptions, scope, unreadable = 0, alarm } = report;
  const { neverArrived, arrivedAndFailed, documentUnknown } = counts.missed;
  const { problem, duplicates, strangers } = subscriptions;
  const more = setAside.hasMore ? '; there are more' : '';
  return pairLines(
    [
      ['from, to', `${report.startedAt}, ${report.finishedAt}`],
      ...Object.entries(scope).map(([name, value]) => [`only ${name}`, String(value)] as const),
      ...(alarm === undefined ? [] : [['ALARM', alarm] as const]),
      ['documents', `${report.documents} on ${report.pages} pages, ${report.unlisted} one by one`],
      ['repaired', `${counts.repairedDocuments} documents, ${counts.repairedChanges} changes`],
      [
        'missed by callbacks',
        `${report.missedChanges} (${(report.missedShare * 100).toFixed(2)} %)`,
      ],
      ['  never arrived', neverArrived],
      ['  arrived and failed', arrivedAndFailed],
      ['  document unknown', documentUnknown],
      ['younger than the grace', `${counts.youngChanges}: repaired, not counted as missed`],
      ['adopted', counts.adopted],
      ['contradicted, gone', `${counts.contradicted}, ${counts.gone}`],
      [
        'without a workflow',
        `${report.unknownReported} reported, ${report.unknownIgnored} ignored`,
      ],
      ['set aside', `${setAside.redelivered} delivered now, ${setAside.remaining} remain${more}`],
      ['registered again', subscriptions.created.join(', ') || 'nothing'],
      ...(problem === undefined ? [] : [['NOT REGISTERED', problem] as const]),
      ...duplicates.map((notify) => ['registered twice', notify] as const),
      ...strangers.map((stranger) => ['registered by others', stranger] as const),
      ['not compared, not readable', `${counts.failed}, ${unreadable}`],
      ...report.failedParts.map(({ what, reason }) => ['LEFT OUT', `${what}: ${reason}`] as const),
      ...report.examples.map(({ documentId, what }) => [documentId, what] as const),
      ['workflow', workflowId],
    ],
    terminal,
  );
}
