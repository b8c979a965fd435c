import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { nextReminderTime } from '../activities/reminder-hours.js';
import { changedTermsProblems } from '../workflows/chasing-terms.js';
import { lateSigners, STALLS_OWED_MAX, withReminders } from '../workflows/chasing.js';
import type {
  DocumentSigningInput,
  FollowUpPolicy,
  LookUpDocumentResult,
  SignerSnapshot,
  SignerStatus,
} from '../workflows/contract.js';
import { detailsOf } from '../workflows/document-details.js';
import {
  initialState,
  withAnnouncement,
  withChasing,
  withLookUp,
  withoutOwed,
  withReport,
  withStop,
  withTerms,
  type DocumentState,
} from '../workflows/document-state.js';
import { nextStep } from '../workflows/next-step.js';
import { countedAnew, signersInTurn } from '../workflows/signing-turns.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const T0 = Date.UTC(2026, 0, 1, 9);
const iso = (timeMs: number): string => new Date(timeMs).toISOString();
const policy = { lingerMs: 1000, channels: ['log'] } as const;

function signer(id: string, status: SignerStatus, order?: number): SignerSnapshot {
  return { id, status, ...(order === undefined ? {} : { order }) };
}

function tracked(more: Partial<DocumentSigningInput> = {}): DocumentState {
  const signers = [signer('a', 'sent', 0), signer('b', 'unsent', 1)];
  return initialState({ documentId: 'd', signers, ...more }, T0);
}

function told(state: DocumentState, id: string, status: SignerStatus, atMs: number): DocumentState {
  const change = { subject: 'signer', id, status, at: iso(atMs), position: 0 } as const;
  return withReport(state, { source: 'batch', changes: [change] }, atMs);
}

function answered(state: DocumentState, nowMs: number, followUp?: FollowUpPolicy): DocumentState {
  const lookUp: LookUpDocumentResult = {
    policy: { ...policy, ...(followUp && { followUp }) },
    snapshot: { documentId: 'd', status: 'created', finalPdf: false, modified: '', signers: [] },
  };
  return withLookUp(state, lookUp, nowMs);
}

describe('the turn', () => {
  const cases: [name: string, signers: SignerSnapshot[], inTurn: string[]][] = [
    [
      'is of the lowest order that is not done',
      [signer('a', 'signed', 0), signer('b', 'sent', 1), signer('c', 'unsent', 2)],
      ['b'],
    ],
    [
      'is of everybody with that order',
      [signer('a', 'visited', 1), signer('b', 'sent', 1)],
      ['a', 'b'],
    ],
    [
      'is nobody’s before the invitation',
      [signer('a', 'signed', 0), signer('b', 'scheduled', 1)],
      [],
    ],
    [
      'is of all where there is no order',
      [signer('a', 'sent'), signer('b', 'emailOpened')],
      ['a', 'b'],
    ],
    [
      'is over for who waits for a witness',
      [signer('a', 'awaitingWitness', 0), signer('w', 'sent', 0)],
      ['w'],
    ],
    [
      'of an unknown status is nobody’s',
      [signer('a', 'unknown-37', 0), signer('b', 'sent', 1)],
      [],
    ],
    ['passes by who rejected', [signer('a', 'rejected', 0), signer('b', 'sent', 1)], ['b']],
  ];
  for (const [name, signers, inTurn] of cases) {
    test(name, () => {
      const { progress } = initialState({ documentId: 'd', signers }, T0);
      assert.deepEqual(signersInTurn(progress), inTurn);
    });
  }

  test('counts from the invitation that a callback told, not from a picture', () => {
    const state = told(told(tracked(), 'a', 'signed', T0 + 5000), 'b', 'sent', T0 + 6000);
    assert.equal(state.turns?.['b']?.sinceMs, T0 + 6000);
    assert.equal(state.turns['a']?.isOver, true);
  });

  test('never counts from before the document was known here', () => {
    const state = told(initialState({ documentId: 'd' }, T0), 'a', 'sent', T0 - 40 * DAY_MS);
    assert.equal(state.turns?.['a']?.sinceMs, T0);
  });

  test('that comes again counts from then, unless by another invitation', () => {
    const invited = told(initialState({ documentId: 'd' }, T0), 'a', 'sent', T0 + 1000);
    const over = told(invited, 'a', 'rejected', T0 + DAY_MS);
    const reset = told(over, 'a', 'visited', T0 + 5 * DAY_MS);
    assert.equal(countedAnew(reset.turns ?? {})['a']?.sinceMs, T0 + 5 * DAY_MS);
    const invitedAgain = told(over, 'a', 'sent', T0 + 4 * DAY_MS);
    assert.equal(countedAnew(invitedAgain.turns ?? {})['a']?.sinceMs, T0 + 4 * DAY_MS);
  });

  test('does not begin anew when the same invitation is told again', () => {
    const again = told(tracked(), 'a', 'sent', T0 + DAY_MS);
    assert.equal(again.turns?.['a']?.sinceMs, T0);
  });
});

describe('a document without chasing', () => {
  test('waits exactly as before', () => {
    assert.deepEqual(nextStep(tracked(), T0), { kind: 'wait', untilMs: undefined });
  });
});

describe('a deadline sent by hand', () => {
  for (const deadline of ['+012026-01-01T00:00:00Z', '-000001-01-01T00:00:00Z', 'soon', 5]) {
    test(`that is no time a search can find, such as ${deadline}, changes nothing`, () => {
      const terms = { deadline } as { deadline: string };
      assert.equal(withTerms(tracked(), terms, T0).deadline, undefined);
    });
  }
});

describe('reminders', () => {
  const state = tracked({ reminders: ['3d', '7d'] });

  test('are waited for with a timer that may end earlier', () => {
    const untilMs = T0 + 3 * DAY_MS;
    assert.deepEqual(nextStep(state, T0), { kind: 'wait', untilMs, mayEndEarlier: true });
  });

  test('are due one after the other, and then no more', () => {
    const nowMs = T0 + 3 * DAY_MS;
    assert.deepEqual(nextStep(state, nowMs), { kind: 'remind', signerIds: ['a'] });
    const once = withReminders(state, { results: [{ signerId: 'a', kind: 'sent' }] }, nowMs);
    const untilMs = T0 + 7 * DAY_MS;
    assert.deepEqual(nextStep(once, nowMs), { kind: 'wait', untilMs, mayEndEarlier: true });
    const results = [{ signerId: 'a', kind: 'refused', reason: 'failed to send' }] as const;
    const twice = withReminders(once, { results }, untilMs);
    assert.deepEqual(nextStep(twice, untilMs), {
      kind: 'wait',
      untilMs: undefined,
      mayEndEarlier: true,
    });
    assert.match(detailsOf(twice, untilMs), /1 ×.*not reminded: failed to send/);
  });

  test('that would be due after all time are never, and can be shown', () => {
    const patient = tracked({ reminders: ['3d', '999999999d'] });
    const nowMs = T0 + 3 * DAY_MS;
    const results = [{ signerId: 'a', kind: 'sent' }] as const;
    const once = withReminders(patient, { results }, nowMs);
    const { untilMs, kind } = nextStep(once, nowMs) as { kind: string; untilMs?: number };
    assert.deepEqual([kind, untilMs], ['wait', undefined]);
    assert.match(detailsOf(once, nowMs), /reminders: 3d, 999999999d after/);
  });

  test('that are due at once are one', () => {
    const nowMs = T0 + 30 * DAY_MS;
    assert.equal(nextStep(state, nowMs).kind, 'remind');
    const once = withReminders(state, { results: [{ signerId: 'a', kind: 'sent' }] }, nowMs);
    assert.equal(nextStep(once, nowMs).kind, 'wait');
  });

  test('wait for the morning when the activity says so', () => {
    const nowMs = T0 + 3 * DAY_MS;
    const morningMs = nowMs + 8 * HOUR_MS;
    const quiet = withReminders(state, { results: [], notBefore: iso(morningMs) }, nowMs);
    assert.deepEqual(nextStep(quiet, nowMs), {
      kind: 'wait',
      untilMs: morningMs,
      mayEndEarlier: true,
    });
    assert.equal(nextStep(quiet, morningMs).kind, 'remind');
  });

  test('go to the next signer on a schedule of their own', () => {
    const next = told(told(state, 'a', 'signed', T0 + DAY_MS), 'b', 'sent', T0 + DAY_MS);
    const untilMs = T0 + 4 * DAY_MS;
    assert.deepEqual(nextStep(next, T0 + 3 * DAY_MS), {
      kind: 'wait',
      untilMs,
      mayEndEarlier: true,
    });
    assert.deepEqual(nextStep(next, untilMs), { kind: 'remind', signerIds: ['b'] });
  });

  test('stop while a rejection is being looked into', () => {
    const rejecting = told(state, 'b', 'rejected', T0 + DAY_MS);
    assert.equal(nextStep(answered(rejecting, T0 + DAY_MS), T0 + 3 * DAY_MS).kind, 'ask');
  });

  test('are the starter’s own before the configured ones', () => {
    const followUp = { remindersMs: [DAY_MS] };
    assert.equal(nextStep(answered(tracked(), T0, followUp), T0 + DAY_MS).kind, 'remind');
    assert.equal(nextStep(answered(state, T0, followUp), T0 + DAY_MS).kind, 'wait');
    const never = tracked({ reminders: [], followUp });
    assert.deepEqual(nextStep(never, T0 + 9 * DAY_MS), { kind: 'wait', untilMs: undefined });
  });

  test('survive another configuration of the worker, which is heard of with its next answer', () => {
    const configured = tracked({ followUp: { remindersMs: [DAY_MS] } });
    const later = answered(configured, T0, { remindersMs: [2 * DAY_MS] });
    assert.equal(nextStep(later, T0 + DAY_MS).kind, 'wait');
    assert.equal(nextStep(later, T0 + 2 * DAY_MS).kind, 'remind');
  });

  test('make a document late, for search, until it moves', () => {
    const nowMs = T0 + 3 * DAY_MS;
    const once = withReminders(state, { results: [{ signerId: 'a', kind: 'sent' }] }, nowMs);
    assert.deepEqual(lateSigners(state), []);
    assert.deepEqual(lateSigners(once), ['a']);
    assert.deepEqual(lateSigners(told(once, 'a', 'signed', nowMs)), []);
  });
});

describe('a document that nothing moves', () => {
  const state = tracked({ stalledAfter: '14d' });
  const dueMs = T0 + 14 * DAY_MS;

  function announced(before: DocumentState, sinceMs: number): DocumentState {
    const announcement = {
      event: 'document.stalled',
      occasion: iso(sinceMs),
      documentId: 'd',
      occurredAt: iso(dueMs),
      status: 'created',
      signers: [],
    } as const;
    return withAnnouncement(before, announcement, ['log']);
  }

  test('is asked for before it is said to stall', () => {
    assert.equal(nextStep(state, dueMs - 1).kind, 'wait');
    assert.equal(nextStep(state, dueMs).kind, 'ask');
    const same = answered(state, dueMs);
    const step = { kind: 'announce', event: 'document.stalled', sinceMs: T0 };
    assert.deepEqual(nextStep(same, dueMs), step);
  });

  test('is not announced while the channels owe the standstills before', () => {
    let owing = answered(state, dueMs);
    for (let each = 1; each <= STALLS_OWED_MAX; each += 1) owing = announced(owing, T0 - each);
    assert.equal(nextStep(owing, dueMs).kind, 'wait');
    const [paid] = owing.owed;
    assert.equal(nextStep(withoutOwed(owing, paid ?? assert.fail()), dueMs).kind, 'announce');
  });

  test('is announced once, and again when it has moved and stalls anew', () => {
    const once = announced(answered(state, dueMs), T0);
    assert.equal(nextStep(once, dueMs + 99 * DAY_MS).kind, 'wait');
    assert.equal(announced(once, T0), once);
    const moved = told(once, 'a', 'visited', dueMs + DAY_MS);
    const untilMs = dueMs + 15 * DAY_MS;
    assert.deepEqual(nextStep(moved, dueMs + DAY_MS), {
      kind: 'wait',
      untilMs,
      mayEndEarlier: true,
    });
    assert.equal(nextStep(moved, untilMs).kind, 'ask');
  });

  test('is not moved by a change that was known already', () => {
    const again = told(told(state, 'a', 'visited', T0 + DAY_MS), 'a', 'visited', T0 + DAY_MS);
    assert.equal(again.movedMs, T0 + DAY_MS);
    assert.equal(told(again, 'a', 'sent', T0).movedMs, T0 + DAY_MS);
  });
});

describe('a configured deadline', () => {
  const followUp = { deadlineMs: 30 * DAY_MS };

  test('counts from the start, and gives way to the starter’s own', () => {
    assert.equal(tracked({ followUp }).deadline, iso(T0 + 30 * DAY_MS));
    const own = iso(T0 + DAY_MS);
    assert.equal(tracked({ followUp, deadline: own }).deadline, own);
    assert.equal(tracked({ followUp, deadline: null }).deadline, null);
  });

  test('of a worker counts from its answer', () => {
    assert.equal(answered(tracked(), T0 + 5, followUp).deadline, iso(T0 + 5 + 30 * DAY_MS));
  });

  test('can be taken away while the document runs', () => {
    const free = withChasing(tracked({ followUp }), { deadline: null });
    assert.deepEqual(nextStep(free, T0 + 99 * DAY_MS), { kind: 'wait', untilMs: undefined });
    assert.equal(answered(free, T0, followUp).deadline, null);
  });
});

describe('terms', () => {
  const wrong: [terms: unknown, problem: RegExp][] = [
    [undefined, /changeTerms takes/],
    [[], /changeTerms takes/],
    [{}, /nothing to change/],
    [{ remindrs: [] }, /there is no term remindrs/],
    [{ deadline: 'next friday' }, /no time such as/],
    [{ deadline: '2026-01-02T00:00:00' }, /no time such as/],
    [{ deadline: '9999-12-31T23:59:59-05:00' }, /no time such as/],
    [{ deadline: iso(T0) }, /is over already/],
    [{ reminders: '3d' }, /no list of durations/],
    [{ reminders: ['3d', 'soon', 4] }, /no duration such as 3d: "soon"; .*: 4$/],
    [{ reminders: Array(21).fill('1d') }, /more than 20/],
    [{ stalledAfter: '0d' }, /stalledAfter is no duration/],
    [{ stalledAfter: '' }, /stalledAfter is no duration/],
  ];
  for (const [terms, problem] of wrong) {
    test(`${inspect(terms).slice(0, 60)} are refused with a reason`, () => {
      assert.match(changedTermsProblems(terms, T0).join('; '), problem);
    });
  }

  test('that are right have no problem', () => {
    const terms = { deadline: iso(T0 + 1), reminders: ['7d', '3d'], stalledAfter: null };
    assert.deepEqual(changedTermsProblems(terms, T0), []);
    assert.deepEqual(changedTermsProblems({ deadline: '9999-12-31T23:59:59Z' }, T0), []);
    assert.deepEqual(withChasing(tracked(), terms).chasing, {
      remindersMs: [3 * DAY_MS, 7 * DAY_MS],
      stalledMs: null,
    });
  });

  test('sent by hand that make no sense change nothing', () => {
    const odd = { reminders: 'daily', stalledAfter: 5, deadline: 7 } as never;
    const state = tracked({ reminders: ['3d'] });
    const { revision: _other, ...after } = withTerms(state, odd, T0);
    const { revision: _one, ...before } = state;
    assert.deepEqual(after, before);
  });
});

describe('events of single signers', () => {
  const followUp = { signerEvents: ['signer.signed', 'signer.bounced'] } as const;

  test('are nothing unless they are asked for', () => {
    assert.equal(nextStep(told(tracked(), 'a', 'signed', T0), T0).kind, 'wait');
  });

  test('wait for a worker’s answer, then are told once for each signer', () => {
    const signed = told(tracked({ followUp }), 'a', 'signed', T0);
    assert.equal(nextStep(signed, T0).kind, 'ask');
    const known = answered(signed, T0, followUp);
    const step = { kind: 'announce', event: 'signer.signed', signerId: 'a' };
    assert.deepEqual(nextStep(known, T0), step);
    const announced = { ...known, announced: ['signer.signed/a'] };
    assert.equal(nextStep(announced, T0).kind, 'wait');
    assert.equal(nextStep(told(announced, 'a', 'downloaded', T0 + 5000), T0).kind, 'wait');
  });

  test('tell of mail that came back, which moves nothing', () => {
    const known = answered(tracked({ followUp }), T0, followUp);
    const bounces = [{ signerId: 'b', at: iso(T0 + 5) }];
    const state = withReport(known, { source: 'realtime', changes: [], bounces }, T0 + 5);
    const step = { kind: 'announce', event: 'signer.bounced', signerId: 'b' };
    assert.deepEqual(nextStep(state, T0 + 5), step);
    assert.equal(state.movedMs, known.movedMs);
  });
});

describe('a stopped document', () => {
  test('concludes whatever waits', () => {
    const attention = { conclude: { failureType: 'RequestRefused', message: 'no' } };
    const state = withStop({ ...tracked(), attention, mustAsk: true }, 'withdrawn');
    assert.deepEqual(nextStep(state, T0), { kind: 'conclude', outcome: 'stopped' });
  });
});

describe('the hours of reminders', () => {
  const hours = { fromMinute: 8 * 60, untilMinute: 20 * 60, timeZone: 'Europe/London' };
  const cases: [now: string, next: string | undefined][] = [
    ['2026-01-15T08:00:00Z', undefined],
    ['2026-01-15T19:59:59Z', undefined],
    ['2026-01-15T20:00:00Z', '2026-01-16T08:00:00Z'],
    ['2026-01-15T07:59:30Z', '2026-01-15T08:00:00Z'],
    // In summer London is an hour ahead.
    ['2026-07-15T07:00:00Z', undefined],
    ['2026-07-15T19:00:00Z', '2026-07-16T07:00:00Z'],
  ];
  for (const [now, next] of cases) {
    test(`at ${now} they ${next === undefined ? 'last' : `begin at ${next}`}`, () => {
      const found = nextReminderTime(hours, Date.parse(now));
      assert.equal(found, next === undefined ? undefined : Date.parse(next));
    });
  }

  test('may go over midnight', () => {
    const night = { fromMinute: 22 * 60, untilMinute: 6 * 60, timeZone: 'UTC' };
    assert.equal(nextReminderTime(night, Date.parse('2026-01-15T23:00:00Z')), undefined);
    assert.equal(nextReminderTime(night, Date.parse('2026-01-15T05:59:00Z')), undefined);
    const noon = Date.parse('2026-01-15T12:00:00Z');
    assert.equal(nextReminderTime(night, noon), noon + 10 * HOUR_MS);
  });

  test('over a change of the clocks are asked for again at worst', () => {
    // Clocks go forward in the night to 29 March: the answer is an hour late, and still in the day.
    const found = nextReminderTime(hours, Date.parse('2026-03-28T20:00:00Z')) ?? 0;
    assert.equal(nextReminderTime(hours, found), undefined);
  });
});
