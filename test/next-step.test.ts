import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DocumentStatus, LookUpDocumentResult, StatusReport } from '../workflows/contract.js';
import {
  initialState,
  isOvertaken,
  withAbsence,
  withAttention,
  withLookUp,
  withoutAbsence,
  withReport,
  withRetry,
  withTerms,
  type DocumentState,
} from '../workflows/document-state.js';
import { CONCLUDE_TASK, nextStep } from '../workflows/next-step.js';

const MINUTE_MS = 60_000;
const T0 = Date.UTC(2026, 0, 1, 9);
const iso = (timeMs: number): string => new Date(timeMs).toISOString();

const policy = { lingerMs: 1000, channels: ['log'] } as const;
const unknown: LookUpDocumentResult = { policy };

function documentSays(status: DocumentStatus): StatusReport {
  const change = { subject: 'document', id: 'd', status, at: iso(T0), position: 0 } as const;
  return { source: 'batch', changes: [change] };
}

function signerRejects(): StatusReport {
  const change = {
    subject: 'signer',
    id: 's',
    status: 'rejected',
    at: iso(T0),
    position: 0,
  } as const;
  return { source: 'batch', changes: [change] };
}

const tracked = initialState({ documentId: 'd', signers: [{ id: 's', status: 'sent' }] });
const adopted = initialState({ documentId: 'd' });

function answered(state: DocumentState, status: DocumentStatus, nowMs: number): DocumentState {
  const snapshot = { documentId: 'd', status, finalPdf: false, modified: iso(T0), signers: [] };
  return withLookUp(state, { snapshot, policy }, nowMs);
}

describe('a document of which nothing ends yet', () => {
  test('waits without a timer when it has no deadline', () => {
    assert.deepEqual(nextStep(tracked, T0), { kind: 'wait', untilMs: undefined });
  });

  test('waits until its deadline, then expires', () => {
    const state = initialState({ documentId: 'd', signers: [], deadline: iso(T0 + 5) });
    assert.deepEqual(nextStep(state, T0), { kind: 'wait', untilMs: T0 + 5 });
    assert.deepEqual(nextStep(state, T0 + 5), { kind: 'conclude', outcome: 'expired' });
  });

  test('asks the provider first when its starter knew no signers', () => {
    assert.equal(nextStep(adopted, T0).kind, 'ask');
    const asked = { ...adopted, mustAsk: false };
    assert.equal(nextStep(answered(asked, 'created', T0), T0).kind, 'wait');
  });

  test('does not expire once everybody has signed: the final PDF is waited for', () => {
    const state = initialState({ documentId: 'd', signers: [], deadline: iso(T0 + 5) });
    const signed = withReport(state, documentSays('signed'), T0);
    assert.deepEqual(nextStep(signed, T0 + 5), { kind: 'wait', untilMs: T0 + 2 * MINUTE_MS });
  });

  test('keeps its deadline when it is told another that is no time', () => {
    const state = initialState({ documentId: 'd', signers: [], deadline: iso(T0 + 5) });
    assert.equal(withTerms(state, { deadline: 'next friday' }).deadline, iso(T0 + 5));
  });
});

describe('a document that the provider does not know', () => {
  const once = withLookUp(tracked, unknown, T0);
  const againMs = T0 + 6 * MINUTE_MS;

  test('is asked for again before anything is concluded', () => {
    assert.deepEqual(nextStep(once, T0), { kind: 'wait', untilMs: againMs });
    assert.equal(nextStep(once, againMs).kind, 'ask');
  });

  test('is not removed because it was asked for twice in a moment', () => {
    assert.equal(nextStep(withLookUp(once, unknown, T0 + 1000), T0 + 1000).kind, 'wait');
  });

  test('is removed when it still is unknown minutes later', () => {
    const twice = withLookUp(once, unknown, againMs);
    assert.deepEqual(nextStep(twice, againMs), { kind: 'conclude', outcome: 'removed' });
  });

  test('is not removed when only callbacks spoke of it', () => {
    const twice = withLookUp(withLookUp(adopted, unknown, T0), unknown, againMs);
    assert.notEqual(nextStep({ ...twice, mustAsk: false }, againMs).kind, 'conclude');
  });

  test('is open where somebody saw it there after the question, and not where before', () => {
    const told = withTerms(adopted, { signers: [{ id: 's', status: 'sent' }] }, T0);
    assert.equal(isOvertaken(told, unknown, T0 - 1), true);
    assert.equal(isOvertaken(told, unknown, T0), false);
    const seen = withoutAbsence(withLookUp({ ...told, mustAsk: false }, unknown, T0 + 1));
    assert.deepEqual(nextStep(seen, againMs), { kind: 'wait', untilMs: undefined });
  });

  test('is open again as soon as somebody has seen it there', () => {
    const lagged = withLookUp({ ...adopted, mustAsk: false }, unknown, T0);
    const told = withTerms(lagged, { signers: [{ id: 's', status: 'sent' }] });
    assert.deepEqual(nextStep(told, againMs), { kind: 'wait', untilMs: undefined });
  });
});

describe('an open question', () => {
  test('of the final PDF is asked after two minutes, then ever more seldom', () => {
    let state = withReport(tracked, documentSays('signed'), T0);
    assert.deepEqual(nextStep(state, T0), { kind: 'wait', untilMs: T0 + 2 * MINUTE_MS });
    assert.equal(nextStep(state, T0 + 2 * MINUTE_MS).kind, 'ask');
    const pausesMs = [6, 12, 24].map((minutes) => minutes * MINUTE_MS);
    let nowMs = T0 + 2 * MINUTE_MS;
    for (const pauseMs of pausesMs) {
      state = answered(state, 'signed', nowMs);
      assert.deepEqual(nextStep(state, nowMs), { kind: 'wait', untilMs: nowMs + pauseMs });
      nowMs += pauseMs;
    }
  });

  test('of a rejecting signer is asked at once', () => {
    assert.equal(nextStep(withReport(tracked, signerRejects(), T0), T0).kind, 'ask');
  });

  test('is closed by the answer', () => {
    const state = answered(withReport(tracked, signerRejects(), T0), 'rejected', T0);
    assert.deepEqual(nextStep(state, T0), { kind: 'conclude', outcome: 'rejected' });
  });
});

describe('an open question of a document that the provider no longer knows', () => {
  /** Asked for so often, six minutes apart. */
  function askedFor(state: DocumentState, times: number): DocumentState {
    let asked: DocumentState = { ...state, mustAsk: false };
    for (let each = 0; each < times; each += 1) {
      const nowMs = T0 + each * 6 * MINUTE_MS;
      asked = withAbsence(withLookUp(asked, unknown, nowMs), nowMs);
    }
    return asked;
  }
  const laterMs = T0 + 6 * MINUTE_MS;
  const signed = withReport(tracked, documentSays('signed'), T0);

  test('needs people where everybody signed, and is asked no more', () => {
    assert.equal(nextStep(askedFor(signed, 1), T0).kind, 'wait');
    const lost = askedFor(signed, 2);
    const step = nextStep(lost, laterMs);
    assert.equal(step.kind, 'fail');
    assert.match(step.reason, /everybody signed, but the provider does not know the document/);
    const failure = { failureType: 'RequestRefused', message: step.reason };
    const failed = withAttention(lost, CONCLUDE_TASK, failure);
    assert.deepEqual(nextStep(failed, laterMs), { kind: 'wait', untilMs: undefined });
    assert.equal(nextStep(withRetry(failed), laterMs).kind, 'ask');
  });

  test('goes on where it is seen again', () => {
    const seen = answered(askedFor(signed, 1), 'signed', laterMs);
    assert.equal(nextStep(seen, laterMs).kind, 'wait');
    assert.equal(seen.absentSinceMs, undefined);
  });

  test('is removed where a signer rejected', () => {
    const rejecting = withReport(tracked, signerRejects(), T0);
    assert.notEqual(nextStep(askedFor(rejecting, 1), T0).kind, 'conclude');
    const step = { kind: 'conclude', outcome: 'removed' };
    assert.deepEqual(nextStep(askedFor(rejecting, 2), laterMs), step);
  });

  test('is asked ever more seldom where only callbacks spoke of it', () => {
    for (const news of [documentSays('signed'), signerRejects()]) {
      const stranger = askedFor(withReport(adopted, news, T0), 2);
      const { kind } = nextStep(stranger, laterMs);
      assert.equal(kind, 'wait');
    }
  });
});

describe('after a failure for good', () => {
  const failure = { failureType: 'IntegrityFailed', message: 'not the same' };
  const failed = withAttention(
    withReport(tracked, documentSays('finalised'), T0),
    CONCLUDE_TASK,
    failure,
  );

  test('news alone does not try again', () => {
    assert.deepEqual(nextStep({ ...failed, mustAsk: true }, T0), {
      kind: 'wait',
      untilMs: undefined,
    });
  });

  test('retry does', () => {
    assert.deepEqual(nextStep(withRetry(failed), T0), { kind: 'conclude', outcome: 'completed' });
  });
});

describe('after the outcome', () => {
  const ended: DocumentState = {
    ...withReport(tracked, documentSays('rejected'), T0),
    outcome: {
      documentId: 'd',
      kind: 'rejected',
      status: 'rejected',
      concludedAt: iso(T0),
      signers: [],
    },
    lingerUntilMs: T0 + 1000,
  };

  test('it lingers, then finishes', () => {
    assert.deepEqual(nextStep(ended, T0), { kind: 'wait', untilMs: T0 + 1000 });
    assert.deepEqual(nextStep(ended, T0 + 1000), { kind: 'finish' });
  });

  test('it does not finish while an announcement is owed', () => {
    const announcement = {
      event: 'document.rejected',
      documentId: 'd',
      occurredAt: iso(T0),
      status: 'rejected',
      signers: [],
    } as const;
    const owing = { ...ended, owed: [{ channel: 'log', announcement }] } as const;
    assert.deepEqual(nextStep(owing, T0 + 1000), { kind: 'wait', untilMs: undefined });
  });

  test('a contradiction is told once', () => {
    const contradicted = withReport(ended, documentSays('finalised'), T0);
    assert.equal(nextStep(contradicted, T0).kind, 'contradict');
    const told = { ...contradicted, announced: ['document.contradicted'] };
    assert.equal(nextStep(told, T0).kind, 'wait');
  });
});
