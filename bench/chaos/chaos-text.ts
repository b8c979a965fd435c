/** A fault run as people read it. Pure. */
import type { ChaosResult } from './chaos.js';

/** A table: what must be zero first. */
export function chaosText(result: ChaosResult): string {
  const { settings, callbacks, day, reconciliation, kills } = result;
  const recovery =
    result.recoveryMs === undefined ? 'never' : `${(result.recoveryMs / 1000).toFixed(1)} s`;
  const rows: (readonly [string, string | number])[] = [
    ['seed', settings.seed],
    ['documents', `${result.documents}, in ${settings.minutes} min`],
    ['lost', result.lost],
    ['wrong', result.wrong],
    ['doubled', result.doubled],
    ['forged and accepted', `${result.forgedAccepted} of ${callbacks.forged}`],
    ['leaked handles', result.leakedHandles],
    ['processes that ended by themselves', result.crashed],
    ['failures no application can handle', result.unexpectedFailures],
    ['repaired by a second reconciliation', result.repairedBySecondRun],
    ['recovered after the faults in', recovery],
    ['', ''],
    ['outages', result.outages.length],
    ['killed', inWords(kills)],
    [
      'callbacks sent, dropped, repeated',
      `${callbacks.sent}, ${callbacks.dropped}, ${callbacks.repeated}`,
    ],
    ['  answered', inWords(result.answers)],
    ['creations that may have happened', day.ambiguous],
    ['tracked later', day.trackedLater],
    ['changes missed by callbacks, repaired', reconciliation.missedChanges],
    ['documents adopted', reconciliation.counts.adopted],
    ['announcements refused', inWords(result.refusedByReceivers)],
    ['repeated under the same key', inWords(result.repeatedUnderSameKey)],
    ...result.notTried.map((what) => ['NOT TRIED', what] as const),
    ...result.examples.map((what) => ['FOUND', what] as const),
  ];
  return rows.map(([name, value]) => `${name.padEnd(38)}${value}`.trimEnd()).join('\n');
}

function inWords(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}
