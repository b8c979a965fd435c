/** How a repaired document counts. Pure. */
import { addCounts, NO_COUNTS, subjectOf } from '../workflows/contract.js';
import type {
  ComparisonTerms,
  CountName,
  DocumentSnapshot,
  MissedChange,
  MissedKind,
  ReconciliationCounts,
  ReconciliationExample,
  ReconciliationMark,
} from '../workflows/contract.js';

/** What came of one document. */
export interface Finding {
  readonly counts: ReconciliationCounts;
  readonly example?: ReconciliationExample;
}

/** Nothing to count. */
export const NO_FINDING: Finding = { counts: NO_COUNTS };

/** One of something, with a word about it. */
export function findingOf(name: CountName, documentId: string, what?: string): Finding {
  const counts = { ...NO_COUNTS, [name]: 1 };
  return what === undefined ? { counts } : { counts, example: { documentId, what } };
}

/** The figures of a repair; a change younger than the grace may still be on its way by callback. */
export function repairFinding(
  { documentId, modified }: DocumentSnapshot,
  { missed, isAdoption }: ReconciliationMark,
  { graceMs, failedSubjects }: Pick<ComparisonTerms, 'graceMs' | 'failedSubjects'>,
  nowMs: number,
): Finding {
  // Without a grace nothing is young, however the clocks stand.
  const isYoung = graceMs > 0 && nowMs - Date.parse(modified) < graceMs;
  const kindOf = (change: MissedChange): MissedKind => {
    if (isAdoption) return 'documentUnknown';
    return failedSubjects.includes(subjectOf(change)) ? 'arrivedAndFailed' : 'neverArrived';
  };
  const kinds = missed.map(kindOf);
  const count = (kind: MissedKind): number => kinds.filter((each) => each === kind).length;
  const counts: ReconciliationCounts = {
    ...NO_COUNTS,
    repairedDocuments: 1,
    repairedChanges: missed.length,
    adopted: isAdoption ? 1 : 0,
    ...(isYoung
      ? { youngChanges: missed.length }
      : {
          missedDocuments: missed.length > 0 ? 1 : 0,
          missed: {
            neverArrived: count('neverArrived'),
            arrivedAndFailed: count('arrivedAndFailed'),
            documentUnknown: count('documentUnknown'),
          },
        }),
  };
  return { counts, example: { documentId, what: inWords(missed, kinds[0], isYoung) } };
}

function inWords(
  missed: readonly MissedChange[],
  kind: MissedKind | undefined,
  isYoung: boolean,
): string {
  const changes = missed.map(({ subject, id, status }) =>
    subject === 'document' ? `document ${status}` : `signer ${id} ${status}`,
  );
  return [`${kind ?? 'adopted'}${isYoung ? ', young' : ''}`, ...changes.slice(0, 5)].join('; ');
}

/** Examples kept of one part of a run. */
const EXAMPLES_KEPT = 5;

/** Adds findings up. */
export function sumOfFindings(findings: readonly Finding[]): {
  readonly counts: ReconciliationCounts;
  readonly examples: readonly ReconciliationExample[];
} {
  return {
    counts: findings.reduce(
      (sum, { counts }) => (counts === NO_COUNTS ? sum : addCounts(sum, counts)),
      NO_COUNTS,
    ),
    examples: findings.flatMap(({ example }) => example ?? []).slice(0, EXAMPLES_KEPT),
  };
}
