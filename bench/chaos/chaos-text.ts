/** A fault run as people read it. Pure. */
import { failuresOf, type ChaosResult, type ChaosSettings } from './chaos-result.js';

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
    ['starts that came to nothing', result.refusedStarts.length],
    ['callbacks sent, dropped', `${callbacks.sent}, ${callbacks.dropped}`],
    ['  answered', inWords(result.answers)],
    ['creations that may have happened', day.ambiguous],
    ['tracked later', day.trackedLater],
    ['reconciliations until one was whole', reconciliation.runs],
    ['changes missed by callbacks, repaired', reconciliation.missedChanges],
    ['documents adopted', reconciliation.counts.adopted],
    ['announcements refused', inWords(result.refusedByReceivers)],
    ['repeated under the same key', inWords(result.repeatedUnderSameKey)],
    ...result.refusedStarts.map((what) => ['START', what] as const),
    ...result.notTried.map((what) => ['NOT TRIED', what] as const),
    ...result.examples.map((what) => ['FOUND', what] as const),
  ];
  const table = rows.map(([name, value]) => `${name.padEnd(38)}${value}`.trimEnd());
  return [...table, ...(failuresOf(result) === 0 ? [] : ['', againText(settings)])].join('\n');
}

function againText({ documents, seed, minutes }: ChaosSettings): string {
  const command = `npm run chaos -- --documents ${documents} --seed ${seed} --minutes ${minutes}`;
  return `The same faults again: ${command}\nTo keep them as a test, add the three to RUNS in test/chaos.test.ts.`;
}

function inWords(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}
