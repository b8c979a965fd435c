import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { DocumentSnapshot, StatusChange, StatusReport } from '../workflows/contract.js';
import {
  applyReport,
  contradictionOf,
  documentStatus,
  INITIAL_PROGRESS,
  openQuestion,
  outcomeOf,
  signerViews,
  timelineOf,
} from '../workflows/progress.js';
import type { SigningProgress } from '../workflows/progress.js';
import { DOCUMENT_STATUSES, SIGNER_STATUSES, signerStatusOf } from '../workflows/statuses.js';
import type { DocumentStatus, SignerStatus } from '../workflows/statuses.js';

const DOCUMENT = 'd0000000-0000-4000-8000-000000000000';

function signer(id: string, status: SignerStatus, at: string, position = 0): StatusChange {
  return { subject: 'signer', id, status, at, position };
}

function documentChange(status: DocumentStatus, at: string, position = 0): StatusChange {
  return { subject: 'document', id: DOCUMENT, status, at, position };
}

function batch(...changes: StatusChange[]): StatusReport {
  return { source: 'batch', changes };
}

function shown(
  modified: string,
  status: DocumentStatus,
  signers: Record<string, SignerStatus>,
  finalPdf = false,
): StatusReport {
  const snapshot: DocumentSnapshot = {
    documentId: DOCUMENT,
    status,
    finalPdf,
    modified,
    signers: Object.entries(signers).map(([id, each]) => ({ id, status: each })),
  };
  return { source: 'provider', changes: [], snapshot };
}

function after(...reports: StatusReport[]): SigningProgress {
  return reports.reduce(applyReport, INITIAL_PROGRESS);
}

function statusOf(progress: SigningProgress, id: string): SignerStatus | undefined {
  return signerViews(progress).find((view) => view.id === id)?.status;
}

/** What people see: everything but the inner bookkeeping. */
function seen(progress: SigningProgress): unknown {
  return {
    status: documentStatus(progress),
    outcome: outcomeOf(progress),
    signers: signerViews(progress),
    timeline: timelineOf(DOCUMENT, progress)
      .map((entry) => JSON.stringify(entry))
      .sort(),
  };
}

const T = (second: number): string => new Date(Date.UTC(2026, 0, 1, 9, 0, second)).toISOString();

const words = <Word extends string>(table: Record<Word, number>): fc.Arbitrary<Word> =>
  fc.constantFrom(...(Object.keys(table) as Word[]));

const changeArbitrary: fc.Arbitrary<StatusChange> = fc.oneof(
  fc.record({
    subject: fc.constant('signer' as const),
    id: fc.constantFrom('a', 'b', 'constructor'),
    status: fc.oneof(
      words(SIGNER_STATUSES),
      fc.integer({ min: 0, max: 99 }).map((value) => signerStatusOf(value)),
    ),
    at: fc.integer({ min: 0, max: 5 }).map(T),
    position: fc.integer({ min: 0, max: 4 }),
  }),
  fc.record({
    subject: fc.constant('document' as const),
    id: fc.constant(DOCUMENT),
    status: words(DOCUMENT_STATUSES),
    at: fc.integer({ min: 0, max: 5 }).map(T),
    position: fc.integer({ min: 0, max: 4 }),
  }),
);

const reportArbitrary: fc.Arbitrary<StatusReport> = fc.oneof(
  fc.record({
    source: fc.constantFrom('batch' as const, 'realtime' as const),
    changes: fc.array(changeArbitrary, { maxLength: 6 }),
  }),
  fc
    .record({
      at: fc.integer({ min: 0, max: 5 }).map(T),
      status: words(DOCUMENT_STATUSES),
      a: words(SIGNER_STATUSES),
      b: words(SIGNER_STATUSES),
      finalPdf: fc.boolean(),
    })
    .map(({ at, status, a, b, finalPdf }) => shown(at, status, { a, b }, finalPdf)),
);

/** A rejection's picture, with what the signer said. */
function rejected(modified: string, reason: string): StatusReport {
  const signers = [{ id: 'a', status: 'rejected', rejectionReason: reason }] as const;
  const picture = { documentId: DOCUMENT, status: 'created', finalPdf: false, modified } as const;
  return { source: 'provider', changes: [], snapshot: { ...picture, signers } };
}

describe("a rejection's reason", () => {
  const reasonAfter = (...reports: StatusReport[]): string | undefined =>
    signerViews(after(...reports))[0]?.rejectionReason;

  test('is the latest one, of a signer who was reset and rejected again', () => {
    const [first, again] = [rejected(T(1), 'wrong price'), rejected(T(9), 'another offer')];
    assert.equal(reasonAfter(first, shown(T(5), 'created', { a: 'sent' }), again), 'another offer');
    assert.equal(reasonAfter(first, rejected(T(9), '')), '');
  });

  test('is the same in any order, told once or many times', () => {
    const picture = fc.tuple(fc.integer({ min: 0, max: 3 }), fc.constantFrom('', 'x', 'y'));
    fc.assert(
      fc.property(fc.array(picture, { minLength: 1, maxLength: 6 }), (pictures) => {
        const reports = pictures.map(([second, reason]) => rejected(T(second), reason));
        const again = [...reports.toReversed(), ...reports];
        assert.equal(reasonAfter(...again), reasonAfter(...reports));
      }),
    );
  });
});

describe('the same news in any order', () => {
  test('ends in the same progress, told once or many times', () => {
    fc.assert(
      fc.property(
        fc.array(reportArbitrary, { maxLength: 8 }),
        fc.infiniteStream(fc.nat()),
        (reports, random) => {
          const shuffled = [...reports, ...reports]
            .map((report) => ({ report, key: random.next().value as number }))
            .sort((x, y) => x.key - y.key)
            .map(({ report }) => report);
          assert.deepEqual(seen(after(...shuffled)), seen(after(...reports)));
        },
      ),
      { numRuns: 500 },
    );
  });

  test('ends in the same progress when it is split into single changes', () => {
    fc.assert(
      fc.property(fc.array(changeArbitrary, { maxLength: 12 }), (changes) => {
        const split = changes.toReversed().map((change) => batch(change));
        assert.deepEqual(seen(after(...split)), seen(after(batch(...changes))));
      }),
      { numRuns: 500 },
    );
  });
});

describe('of one second and one rank', () => {
  const early = T(2).replace('.000Z', '.200Z');
  const late = T(2).replace('.000Z', '.700Z');
  const [foo, bar] = ['unknown-foo', 'unknown-bar'] as const;
  const cases: [name: string, one: StatusReport, other: StatusReport][] = [
    ['two pictures', shown(early, 'created', { a: 'sent' }), shown(late, 'created', { a: 'sent' })],
    ['two unknown words', shown(T(2), foo, { a: foo }), shown(T(2), bar, { a: bar })],
    ['two changes', batch(signer('a', 'sent', early)), batch(signer('a', 'sent', late))],
  ];
  for (const [name, one, other] of cases) {
    test(`${name} end in the same progress, whichever came first`, () => {
      assert.deepEqual(seen(after(one, other)), seen(after(other, one)));
    });
  }
});

describe("a signer's status", () => {
  test('is the latest by time, whatever arrived last', () => {
    const progress = after(batch(signer('a', 'signed', T(9))), batch(signer('a', 'visited', T(3))));
    assert.equal(statusOf(progress, 'a'), 'signed');
  });

  test('is decided within a second by the place in the signed list', () => {
    const progress = after(batch(signer('a', 'signed', T(3), 7), signer('a', 'sent', T(3), 8)));
    assert.equal(statusOf(progress, 'a'), 'sent');
  });

  test('is decided within a second and a place by how far it is', () => {
    const progress = after(batch(signer('a', 'signed', T(3)), signer('a', 'visited', T(3))));
    assert.equal(statusOf(progress, 'a'), 'signed');
  });

  test('steps back on a real reset, and a late delivery does not undo the reset', () => {
    const reset = batch(signer('a', 'sent', T(8)));
    const progress = after(
      batch(signer('a', 'signed', T(5))),
      reset,
      batch(signer('a', 'signed', T(5))),
    );
    assert.equal(statusOf(progress, 'a'), 'sent');
  });

  test('keeps an unknown number and shows it', () => {
    const progress = after(batch(signer('a', signerStatusOf('77'), T(1))));
    assert.equal(signerViews(progress)[0]?.status, 'unknown-77');
    assert.equal(signerViews(progress)[0]?.number, 77);
  });

  test('names every source that told it', () => {
    const change = signer('a', 'signed', T(1));
    const progress = after(batch(change), { source: 'realtime', changes: [change] });
    assert.deepEqual(signerViews(progress)[0]?.sources, ['batch', 'realtime']);
  });

  test('keeps a bounded number of changes, the latest', () => {
    const changes = Array.from({ length: 5_000 }, (_, second) =>
      signer('a', second % 2 === 0 ? 'visited' : 'sent', T(second)),
    );
    const progress = after(batch(...changes));
    assert.equal(progress.signers['a']?.changes.length, 32);
    assert.equal(signerViews(progress)[0]?.at, T(4_999));
  });
});

describe("the provider's picture", () => {
  test('repairs a change that no callback told, even with an old modification time', () => {
    const progress = after(
      batch(signer('a', 'visited', T(5))),
      shown(T(1), 'created', { a: 'signed' }),
    );
    assert.equal(statusOf(progress, 'a'), 'signed');
  });

  test('does not undo what a newer callback said', () => {
    const progress = after(
      batch(signer('a', 'signed', T(2)), signer('a', 'sent', T(9))),
      shown(T(5), 'created', { a: 'signed' }),
    );
    assert.equal(statusOf(progress, 'a'), 'sent');
  });

  test('moves anywhere when it is newer than every callback', () => {
    const progress = after(
      batch(signer('a', 'signed', T(2))),
      shown(T(5), 'created', { a: 'sent' }),
    );
    assert.equal(statusOf(progress, 'a'), 'sent');
  });

  test('of the same second does not undo a callback', () => {
    const sameSecond = T(2).replace('.000Z', '.700Z');
    const progress = after(
      batch(signer('a', 'signed', T(2))),
      shown(sameSecond, 'created', { a: 'visited' }),
    );
    assert.equal(statusOf(progress, 'a'), 'signed');
  });
});

describe('the outcome', () => {
  test('is not yet there when everybody has signed, but a question is open', () => {
    const progress = after(batch(documentChange('signed', T(5))));
    assert.equal(outcomeOf(progress), undefined);
    assert.equal(openQuestion(progress), 'signedWithoutFinalPdf');
  });

  for (const [what, report] of [
    ['status 100', batch(documentChange('finalised', T(5)))],
    ['a picture with the final PDF', shown(T(5), 'signed', {}, true)],
  ] as const) {
    test(`is completed by ${what}`, () => {
      assert.equal(outcomeOf(after(report)), 'completed');
      assert.equal(openQuestion(after(report)), undefined);
    });
  }

  test('is completed although a later-arriving change says signed', () => {
    const progress = after(
      batch(documentChange('finalised', T(5))),
      batch(documentChange('signed', T(9))),
    );
    assert.equal(outcomeOf(progress), 'completed');
  });

  test('is not decided by a signer who rejects: the provider is asked', () => {
    const progress = after(batch(signer('a', 'rejected', T(5))));
    assert.equal(outcomeOf(progress), undefined);
    assert.equal(openQuestion(progress), 'signerRejected');
  });

  test('is rejected by 50 and removed by 40', () => {
    assert.equal(outcomeOf(after(batch(documentChange('rejected', T(5))))), 'rejected');
    assert.equal(outcomeOf(after(batch(documentChange('removed', T(5))))), 'removed');
  });

  test('is contradicted by what says otherwise afterwards, and by nothing else', () => {
    const rejected = after(batch(documentChange('rejected', T(5))));
    assert.equal(contradictionOf(rejected, 'rejected'), undefined);
    const both = applyReport(rejected, batch(documentChange('finalised', T(7))));
    assert.match(contradictionOf(both, 'rejected') ?? '', /finalised/);
    const completed = after(batch(documentChange('finalised', T(5))));
    assert.equal(contradictionOf(completed, 'completed'), undefined);
    const removed = applyReport(completed, batch(documentChange('removed', T(7))));
    assert.match(contradictionOf(removed, 'completed') ?? '', /removed/);
  });
});
