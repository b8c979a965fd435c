/** `npm run reconcile`: a run on demand, or the last run's report. */
import { parseArgs } from 'node:util';
import { connect } from '../client/index.js';
import type { ReconciliationReport, ReconciliationScope } from '../client/index.js';

const USAGE = `npm run reconcile -- [--document <id> | --group <slug>] [--since <time>] [--report] [--json]

Compares what the provider shows with what the workflows know, repairs what callbacks missed, and
prints the report. Without a scope: everything. --report: no run, but the last one's report.
For example: npm run reconcile -- --since 2030-01-31T00:00:00Z
Exit code: 0, or 1 where something was left out or nothing could be done.`;

const OPTIONS = {
  document: { type: 'string' },
  group: { type: 'string' },
  since: { type: 'string' },
  report: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

async function main(): Promise<number> {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const countersign = await connect();
  try {
    const run = values.report
      ? await countersign.lastReconciliation()
      : await countersign.reconcile(scopeOf(values));
    if (!run) throw new Error('no reconciliation has ended yet: run one without --report');
    const { report, workflowId } = run;
    process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : text(report));
    if (!values.json) process.stdout.write(`workflow              ${workflowId}\n`);
    return report.isComplete && report.counts.failed === 0 ? 0 : 1;
  } finally {
    await countersign.close();
  }
}

function scopeOf(values: {
  document?: string | undefined;
  group?: string | undefined;
  since?: string | undefined;
}): ReconciliationScope {
  const { document, group, since } = values;
  if (since !== undefined && Number.isNaN(Date.parse(since))) {
    throw new Error(`--since is no time such as 2030-01-31T00:00:00Z: ${since}`);
  }
  return {
    ...(document === undefined ? {} : { documentId: document }),
    ...(group === undefined ? {} : { group }),
    ...(since === undefined ? {} : { since }),
  };
}

function text(report: ReconciliationReport): string {
  const { counts, setAside, subscriptions } = report;
  const { neverArrived, arrivedAndFailed, documentUnknown } = counts.missed;
  const rows: (readonly [string, string | number])[] = [
    ['from, to', `${report.startedAt}, ${report.finishedAt}`],
    ['documents', `${report.documents} on ${report.pages} pages, ${report.unlisted} one by one`],
    ['repaired', `${counts.repairedDocuments} documents, ${counts.repairedChanges} changes`],
    ['missed by callbacks', `${report.missedChanges} (${(report.missedShare * 100).toFixed(2)} %)`],
    ['  never arrived', neverArrived],
    ['  arrived and failed', arrivedAndFailed],
    ['  document unknown', documentUnknown],
    ['adopted', counts.adopted],
    ['contradicted, gone', `${counts.contradicted}, ${counts.gone}`],
    ['set aside', `${setAside.redelivered} delivered now, ${setAside.remaining} remain`],
    ['registered again', subscriptions.created.join(', ') || 'nothing'],
    ...report.failedParts.map(({ what, reason }) => ['LEFT OUT', `${what}: ${reason}`] as const),
    ...report.examples.map(({ documentId, what }) => [documentId, what] as const),
  ];
  return rows.map(([name, value]) => `${name.padEnd(21)} ${value}\n`).join('');
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`reconcile: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
